//! Cost of a prediction, before it runs.

use super::{Sums, WindowConfig, WindowError, window_starts};

/// Windows and memory of a prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowPlan {
    /// Shape of the image.
    pub(super) shape: [usize; 3],
    /// Shape of a window; depth 1 for a 2D configuration.
    pub(super) patch: [usize; 3],
    /// Shape of the image with padding.
    pub(super) padded: [usize; 3],
    /// Voxels of padding before the image.
    pub(super) below: [usize; 3],
    /// First voxels of windows along each axis of the padded image.
    pub(super) starts: [Vec<usize>; 3],
    passes: usize,
    bytes_per_sum: usize,
}

impl WindowPlan {
    pub(super) fn new(shape: [usize; 3], patch: &[usize], config: &WindowConfig) -> Result<Self, WindowError> {
        if shape.iter().any(|size| !(1..=1 << 20).contains(size)) {
            return Err(WindowError::ImageShape(shape));
        }
        let (patch, every_slice) = match *patch {
            [h, w] => ([1, h, w], true),
            [d, h, w] => ([d, h, w], false),
            _ => ([1; 3], true),
        };
        let missing = [0, 1, 2].map(|axis| patch[axis].saturating_sub(shape[axis]));
        let padded = [0, 1, 2].map(|axis| shape[axis] + missing[axis]);
        let mut starts = [0, 1, 2].map(|axis| window_starts(padded[axis], patch[axis], config.step_size));
        if every_slice {
            starts[0] = (0..padded[0]).collect();
        }
        Ok(Self {
            shape,
            patch,
            padded,
            below: missing.map(|voxels| voxels / 2),
            starts,
            passes: 1 << config.mirror_axes.len(),
            bytes_per_sum: if config.sums == Sums::Half { 2 } else { 4 },
        })
    }

    /// Number of windows of one fold.
    #[must_use]
    pub fn windows(&self) -> usize {
        self.starts.iter().map(Vec::len).product()
    }

    /// Number of windows of one fold with this property of their first voxel in the padded image.
    #[must_use]
    pub fn windows_where(&self, wanted: &dyn Fn([usize; 3]) -> bool) -> usize {
        let [depths, rows, columns] = &self.starts;
        let all = depths.iter().flat_map(|z| rows.iter().flat_map(move |y| columns.iter().map(move |x| [*z, *y, *x])));
        all.filter(|start| wanted(*start)).count()
    }

    /// First voxel of a window in the image without padding, below 0 in the padding.
    #[must_use]
    pub fn first_voxel(&self, start: [usize; 3]) -> [isize; 3] {
        [0, 1, 2].map(|axis| start[axis] as isize - self.below[axis] as isize)
    }

    /// Passes through the network for a window: one for every set of mirrored axes.
    #[must_use]
    pub fn passes_per_window(&self) -> usize {
        self.passes
    }

    /// Shape of the image with its padding.
    #[must_use]
    pub fn padded_shape(&self) -> [usize; 3] {
        self.padded
    }

    /// First voxels of the windows along each axis of the padded image.
    #[must_use]
    pub fn starts(&self) -> &[Vec<usize>; 3] {
        &self.starts
    }

    /// Bytes of the sums over windows: those of one patch's slices of the first axis, whatever the image's depth.
    #[must_use]
    pub fn accumulator_bytes(&self, classes: usize) -> usize {
        let [_, height, width] = self.padded;
        [self.patch[0], height, width, self.bytes_per_sum]
            .into_iter()
            .fold(classes.saturating_add(1), usize::saturating_mul)
    }

    /// Bytes of the sum over folds: the whole image's logits in f16 from two folds on, else none.
    #[must_use]
    pub fn fold_bytes(&self, classes: usize, folds: usize) -> usize {
        match folds {
            0 | 1 => 0,
            _ => self.shape.into_iter().fold(classes.saturating_mul(2), usize::saturating_mul),
        }
    }
}
