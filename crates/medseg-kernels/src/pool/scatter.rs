//! The gradient of max-pooling: each output gradient is added to the voxel of its maximum.

use super::MaxPool3d;

/// The gradient of one channel with the places of its maxima.
pub(crate) struct Scatter<'a> {
    pub(crate) window: MaxPool3d,
    /// Gradient of the output, `[depth, height, width]` = `output_shape`.
    pub(crate) grad: &'a [f32],
    /// Number of each maximum within its window.
    pub(crate) index: &'a [u8],
    pub(crate) output_shape: [usize; 3],
    /// `[depth, height, width]` of the input.
    pub(crate) shape: [usize; 3],
}

impl Scatter<'_> {
    /// Writes the gradient of the input channel to `out`, which is all 0.
    ///
    /// The sums over overlapping windows are out_channels in f64 and rounded once.
    pub(crate) fn run(&self, out: &mut [f32]) {
        let MaxPool3d { kernel, stride, padding } = self.window;
        if kernel <= stride {
            let plane = self.shape[1] * self.shape[2];
            let offsets = self.offsets(|tap| tap * plane);
            for z in 0..self.output_shape[0] {
                let start = z * stride * plane;
                self.each(z, &offsets, |voxel, grad| out[start + voxel - padding * plane] = grad);
            }
        } else {
            self.overlapping(out);
        }
    }

    /// Keeps as many planes of sums as a window is deep: plane `z` in slot `z % kernel` until no window reaches it.
    fn overlapping(&self, out: &mut [f32]) {
        let MaxPool3d { kernel, stride, padding } = self.window;
        let plane = self.shape[1] * self.shape[2];
        let mut sums = vec![0.0f64; kernel * plane];
        let mut done = 0;
        let mut round = |sums: &mut [f64], until: usize| {
            for z in done..until {
                let sums = &mut sums[z % kernel * plane..][..plane];
                for (out, sum) in out[z * plane..][..plane].iter_mut().zip(sums) {
                    *out = std::mem::take(sum) as f32;
                }
            }
            done = done.max(until);
        };
        for z in 0..self.output_shape[0] {
            let start = z * stride;
            round(&mut sums, start.saturating_sub(padding));
            // Counted from the padding's first plane; adding `kernel - padding` keeps the remainder.
            let offsets = self.offsets(|tap| (start + tap + kernel - padding) % kernel * plane);
            self.each(z, &offsets, |voxel, grad| sums[voxel] += f64::from(grad));
        }
        let reached = (self.output_shape[0] - 1) * stride + kernel - padding;
        round(&mut sums, reached.min(self.shape[0]));
    }

    /// Distance of each voxel of a window from its first one, its plane beginning at `plane(depth tap)`.
    fn offsets(&self, plane: impl Fn(usize) -> usize) -> Vec<usize> {
        let (kernel, width) = (self.window.kernel, self.shape[2]);
        let offset = |at: usize| plane(at / (kernel * kernel)) + at / kernel % kernel * width + at % kernel;
        (0..kernel * kernel * kernel).map(offset).collect()
    }

    /// Calls `add` with the voxel (by the offsets, the plane of the window left out) and the gradient of every maximum
    /// of output plane `z`.
    fn each(&self, z: usize, offsets: &[usize], mut add: impl FnMut(usize, f32)) {
        let MaxPool3d { stride, padding, .. } = self.window;
        let ([_, height, width], in_width) = (self.output_shape, self.shape[2]);
        let plane = z * height * width..(z + 1) * height * width;
        let rows = self.grad[plane.clone()].chunks(width).zip(self.index[plane].chunks(width));
        for (y, (grad, index)) in rows.enumerate() {
            let row = y * stride * in_width;
            for (x, (&grad, &at)) in grad.iter().zip(index).enumerate() {
                // A window's first voxel may lie in the padding; the maximum's never does.
                add(row + x * stride + offsets[usize::from(at)] - padding * in_width - padding, grad);
            }
        }
    }
}
