//! Changes of the grid: reorienting, resampling, resizing, rotating, deforming.
//!
//! | To | use |
//! |---|---|
//! | reorder or reverse axes, exactly | [`Axes`], [`flip`], [`rotate90`], [`Flip`], [`Rotate90`], [`Reorient`] |
//! | change the number of voxels | [`resize`], [`resize_nearest`], [`resize_nearest_exact`], [`Resize`] |
//! | change the voxels' size | [`Respace`] |
//! | rotate, scale, shear, move | [`Affine`], [`Rotate`], [`Zoom`] |
//! | deform | [`Elastic`], [`deform`] |
//! | say where a new voxel looks | [`VoxelMap`], [`SpatialChange`], [`Resample`], [`ResampleMeaning`] |
//! | choose what lies between and outside voxels | [`Kernel`], [`Interpolation`], [`BorderMode`] |

mod affine;
mod border;
mod change;
mod elastic;
mod flip;
mod gather;
mod pending;
mod reorient;
mod resize;
mod resize_step;
mod respace;
mod rotate90;
mod separable;
mod voxel_map;
mod zoom;

pub use medseg_volume::Axes;

pub(crate) use affine::no_area;
pub use affine::{Affine, Rotate};
pub use border::{BorderMode, Kernel};
pub use change::{Resample, ResampleMeaning, SpatialChange};
pub use elastic::{Elastic, deform, smoothed_offsets};
pub(crate) use flip::permuted;
pub use flip::{Flip, flip};
pub(crate) use gather::displaced;
pub(crate) use pending::Pending;
pub use reorient::Reorient;
pub(crate) use resize::nearest_index;
pub use resize::{Interpolation, resize, resize_nearest, resize_nearest_exact};
pub use resize_step::Resize;
pub use respace::Respace;
pub(crate) use rotate90::validate_plane;
pub use rotate90::{Rotate90, rotate90};
pub(crate) use separable::{Taps, separable, snapped, take};
pub use voxel_map::VoxelMap;
pub use zoom::Zoom;
