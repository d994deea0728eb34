//! Changing the number of voxels.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3};
use serde::{Deserialize, Serialize};

use super::{BorderMode, Kernel, Taps, VoxelMap, separable, take as take_places};

/// Interpolation between voxels. (PyTorch `interpolate`, as MONAI's `Resize` uses it.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Linear along each axis, without smoothing when shrinking.
    Trilinear {
        /// Corner voxels' centres stay (true), or the volume's faces do (false, the default of MONAI).
        align_corners: bool,
    },
    /// Cubic convolution along each axis ([`Kernel::Cubic`]), without smoothing when shrinking; it may overshoot.
    Tricubic {
        /// As for trilinear.
        align_corners: bool,
    },
    /// The value of the voxel at floor(index · from / to), PyTorch's `nearest`. It shifts what it shows: a voxel of the
    /// result has the value at its low corner, not at its centre.
    Nearest,
    /// The value of the voxel at its centre, floor((index + ½) · from / to), PyTorch's `nearest-exact`.
    NearestExact,
    /// Mean of the voxels that an output voxel covers (adaptive average).
    Area,
}

/// Resizes an image to `to` voxels along `[depth, height, width]`.
///
/// Equal sizes give the image itself; an axis of length 0 gives zeros.
#[must_use]
pub fn resize(image: &ArrayView3<'_, f32>, to: Dhw<usize>, how: Interpolation) -> Array3<f32> {
    let from = Dhw::from(image.dim());
    if from == to {
        return image.as_standard_layout().into_owned();
    }
    if from.voxels() == 0 || to.voxels() == 0 {
        return Array3::zeros((to.d, to.h, to.w));
    }
    match how {
        Interpolation::Nearest => resize_nearest(image, to),
        Interpolation::NearestExact => resize_nearest_exact(image, to),
        Interpolation::Trilinear { align_corners } => {
            separable(&image.as_standard_layout().view(), &kernel_taps(from, to, Kernel::Linear, align_corners))
        }
        Interpolation::Tricubic { align_corners } => {
            separable(&image.as_standard_layout().view(), &kernel_taps(from, to, Kernel::Cubic, align_corners))
        }
        Interpolation::Area => {
            separable(&image.as_standard_layout().view(), &from.zip(to).map(|(f, t)| area_taps(f, t)))
        }
    }
}

/// Resizes by taking the nearest voxel, for labels and any other type: no new value appears.
///
/// The index is floor(index · from / to) computed in f32, as PyTorch's `nearest` does. An empty volume stays as it is.
#[must_use]
pub fn resize_nearest<T: Copy + Send + Sync>(volume: &ArrayView3<'_, T>, to: Dhw<usize>) -> Array3<T> {
    take(volume, to, 0.0)
}

/// As [`resize_nearest`], but by the voxel at the centre, floor((index + ½) · from / to), as PyTorch's `nearest-exact`
/// does: the one to use unless another program's masks must be matched.
#[must_use]
pub fn resize_nearest_exact<T: Copy + Send + Sync>(volume: &ArrayView3<'_, T>, to: Dhw<usize>) -> Array3<T> {
    take(volume, to, 0.5)
}

/// Takes the voxels at floor((index + offset) · from / to).
fn take<T: Copy + Send + Sync>(volume: &ArrayView3<'_, T>, to: Dhw<usize>, offset: f32) -> Array3<T> {
    let from = Dhw::from(volume.dim());
    let index = from.zip(to).map(|(f, t)| nearest_indices(f, t, offset));
    match volume.first() {
        Some(&any) => take_places(volume, &index.map(|along| along.into_iter().map(Some).collect()), any),
        // Nothing to take values from: nothing comes out.
        None => volume.as_standard_layout().into_owned(),
    }
}

fn nearest_indices(from: usize, to: usize, offset: f32) -> Vec<usize> {
    (0..to).map(|i| nearest_index(i, from, to, offset)).collect()
}

/// floor((index + offset) · from / to) in f32, as PyTorch computes it.
pub(crate) fn nearest_index(index: usize, from: usize, to: usize, offset: f32) -> usize {
    let scale = from as f32 / to as f32;
    (((index as f32 + offset) * scale) as usize).min(from.saturating_sub(1))
}

/// The taps of a mean over what each new voxel covers.
fn area_taps(from: usize, to: usize) -> Taps {
    let positions: Vec<_> = (0..to)
        .map(|i| {
            let first = i * from / to;
            let end = ((i + 1) * from).div_ceil(to);
            (first..end).map(|place| (place, 1.0 / (end - first) as f32)).collect()
        })
        .collect();
    Taps::new(&positions, from)
}

/// The taps of a kernel on a grid that covers the same extent.
fn kernel_taps(from: Dhw<usize>, to: Dhw<usize>, kernel: Kernel, align_corners: bool) -> Dhw<Taps> {
    let map = VoxelMap::resizing(from, to, align_corners);
    let (from, to) = (from.to_array(), to.to_array());
    Dhw::from(std::array::from_fn(|a| {
        Taps::along(map.linear[a][a], map.offset[a], to[a], from[a], kernel, BorderMode::Border)
    }))
}
