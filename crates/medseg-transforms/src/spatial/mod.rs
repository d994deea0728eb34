//! Changes of the grid: what they are, how they are joined, and how they are carried out.

mod change;
mod elastic;
mod gather;
mod pending;
mod sampling;
mod separable;
mod voxel_map;

pub use medseg_volume::Axes;

pub use change::{Resample, SpatialChange};
pub use elastic::{Elastic, deform, smoothed_offsets};
pub(crate) use gather::displaced;
pub(crate) use pending::Pending;
pub use sampling::{Kernel, Padding};
pub(crate) use separable::{Taps, separable, snapped, take};
pub use voxel_map::VoxelMap;
