//! Changing the number of voxels.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, Axis, Zip, parallel::prelude::*, s};
use serde::{Deserialize, Serialize};

/// How values between voxels are made. (PyTorch `interpolate`, as MONAI's `Resize` uses it.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Linear along each axis, without smoothing when shrinking.
    Trilinear {
        /// Corner voxels' centres stay (true), or the volume's faces do (false, the default of MONAI).
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
            let weights = from.zip(to).map(|(f, t)| linear_weights(f, t, align_corners));
            separable(image, &weights)
        }
        Interpolation::Area => separable(image, &from.zip(to).map(|(f, t)| area_weights(f, t))),
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
/// does: the one to use where no other program's masks have to be matched.
#[must_use]
pub fn resize_nearest_exact<T: Copy + Send + Sync>(volume: &ArrayView3<'_, T>, to: Dhw<usize>) -> Array3<T> {
    take(volume, to, 0.5)
}

/// Takes the voxels at floor((index + offset) · from / to).
fn take<T: Copy + Send + Sync>(volume: &ArrayView3<'_, T>, to: Dhw<usize>, offset: f32) -> Array3<T> {
    let from = Dhw::from(volume.dim());
    let index = from.zip(to).map(|(f, t)| nearest_indices(f, t, offset));
    let mut out = match volume.first() {
        Some(&any) => Array3::from_elem((to.d, to.h, to.w), any),
        // Nothing to take values from: nothing comes out.
        None => return volume.as_standard_layout().into_owned(),
    };
    out.axis_iter_mut(Axis(0)).into_par_iter().zip(&index.d).for_each(|(mut plane, &z)| {
        for (mut row, &y) in plane.outer_iter_mut().zip(&index.h) {
            let source = volume.slice(s![z, y, ..]);
            for (value, &x) in row.iter_mut().zip(&index.w) {
                *value = source[x];
            }
        }
    });
    out
}

fn nearest_indices(from: usize, to: usize, offset: f32) -> Vec<usize> {
    let scale = from as f32 / to as f32;
    (0..to).map(|i| (((i as f32 + offset) * scale) as usize).min(from.saturating_sub(1))).collect()
}

/// One output index as a weighted sum of consecutive input indices.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

fn linear_weights(from: usize, to: usize, align_corners: bool) -> Vec<Taps> {
    (0..to)
        .map(|i| {
            let at = if align_corners {
                if to > 1 { i as f64 * (from - 1) as f64 / (to - 1) as f64 } else { 0.0 }
            } else {
                ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0)
            };
            let first = (at.floor() as usize).min(from - 1);
            let fraction = (at - first as f64) as f32;
            if first + 1 < from && fraction > 0.0 {
                Taps { first, weights: vec![1.0 - fraction, fraction] }
            } else {
                Taps { first, weights: vec![1.0] }
            }
        })
        .collect()
}

fn area_weights(from: usize, to: usize) -> Vec<Taps> {
    (0..to)
        .map(|i| {
            let first = i * from / to;
            let count = ((i + 1) * from).div_ceil(to) - first;
            Taps { first, weights: vec![1.0 / count as f32; count] }
        })
        .collect()
}

/// Width, then height, then depth; only the input planes that an output plane needs are ever interpolated in-plane.
fn separable(image: &ArrayView3<'_, f32>, taps: &Dhw<Vec<Taps>>) -> Array3<f32> {
    let (depth, ..) = image.dim();
    let (h, w) = (taps.h.len(), taps.w.len());
    let mut needed = vec![false; depth];
    for t in &taps.d {
        needed[t.first..t.first + t.weights.len()].fill(true);
    }
    let mut planes = Array3::<f32>::zeros((depth, h, w));
    planes.axis_iter_mut(Axis(0)).into_par_iter().enumerate().filter(|(z, _)| needed[*z]).for_each(|(z, mut plane)| {
        let source = image.index_axis(Axis(0), z);
        let mut rows = vec![0.0f32; source.nrows() * w];
        for (row, out) in source.outer_iter().zip(rows.chunks_exact_mut(w)) {
            for (value, t) in out.iter_mut().zip(&taps.w) {
                *value = t.weights.iter().enumerate().map(|(k, weight)| weight * row[t.first + k]).sum();
            }
        }
        for (mut out, t) in plane.outer_iter_mut().zip(&taps.h) {
            for (k, weight) in t.weights.iter().enumerate() {
                let row = &rows[(t.first + k) * w..][..w];
                out.iter_mut().zip(row).for_each(|(o, v)| *o += weight * v);
            }
        }
    });
    let mut out = Array3::<f32>::zeros((taps.d.len(), h, w));
    out.axis_iter_mut(Axis(0)).into_par_iter().zip(&taps.d).for_each(|(mut plane, t)| {
        for (k, weight) in t.weights.iter().enumerate() {
            Zip::from(&mut plane).and(planes.index_axis(Axis(0), t.first + k)).for_each(|o, v| *o += weight * v);
        }
    });
    out
}
