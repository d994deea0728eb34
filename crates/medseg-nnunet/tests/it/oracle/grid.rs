//! The way from one grid to another.

use ndarray::{Array3, ArrayView3, Axis, concatenate};

use super::rule::{Rule, Rules};
use super::spline::{Degree, interpolate, nearest};

/// Shapes and spacings of two grids on the same box.
#[derive(Clone, Copy, Debug)]
pub struct Grids {
    pub from: [usize; 3],
    pub to: [usize; 3],
    pub from_spacing: [f64; 3],
    pub to_spacing: [f64; 3],
}

impl Grids {
    /// From the voxels of a box to those of another spacing.
    pub fn new(from: [usize; 3], from_spacing: [f64; 3], to_spacing: [f64; 3]) -> Self {
        let size = |axis: usize| (from_spacing[axis] / to_spacing[axis] * from[axis] as f64).round_ties_even() as usize;
        Self { from, to: [0, 1, 2].map(size), from_spacing, to_spacing }
    }

    pub fn back(self) -> Self {
        Self { from: self.to, to: self.from, from_spacing: self.to_spacing, to_spacing: self.from_spacing }
    }

    /// The axis of thick slices, if there is exactly one.
    fn separate(&self, rules: Rules) -> Option<usize> {
        let extent = |spacing: &[f64; 3]| spacing.iter().fold((f64::MAX, 0.0), |(a, b), mm| (mm.min(a), mm.max(b)));
        let is_thick = |spacing: &[f64; 3]| extent(spacing).1 / extent(spacing).0 > 3.0;
        let spacing = [self.from_spacing, self.to_spacing].into_iter().find(is_thick)?;
        let thickest = extent(&spacing).1;
        let axes: Vec<usize> = (0..3).filter(|axis| spacing[*axis] == thickest).collect();
        (axes.len() == 1 && rules.hold(Rule::SeparateAxis)).then(|| axes[0])
    }

    /// Applies `resize` to the volume, or to its slices across a separate axis, which then are repeated or left out.
    pub fn resample<T: Copy>(
        &self,
        image: &Array3<T>,
        rules: Rules,
        resize: impl Fn(&Array3<T>, [usize; 3]) -> Array3<T>,
    ) -> Array3<T> {
        if self.from == self.to {
            return image.clone();
        }
        let Some(axis) = self.separate(rules) else { return resize(image, self.to) };
        let mut of_slice = self.to;
        of_slice[axis] = 1;
        let slices: Vec<Array3<T>> =
            image.axis_chunks_iter(Axis(axis), 1).map(|slice| resize(&slice.to_owned(), of_slice)).collect();
        let views: Vec<ArrayView3<'_, T>> =
            nearest(self.from[axis], self.to[axis]).into_iter().map(|at| slices[at].view()).collect();
        concatenate(Axis(axis), &views).expect("slices of one shape")
    }

    /// Resamples values.
    pub fn resample_values(&self, image: &Array3<f64>, degree: Degree, rules: Rules) -> Array3<f64> {
        self.resample(image, rules, |image, to| {
            let mut resized = interpolate(image, to, degree, rules);
            if rules.hold(Rule::ClippedSplines) {
                let (least, largest) = image.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (v.min(a), v.max(b)));
                resized.mapv_inplace(|value| value.clamp(least, largest));
            }
            resized
        })
    }
}
