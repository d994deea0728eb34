//! The input positions of a window.

/// Shapes of a convolution's input, kernel and output. All triples are `[depth, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub input: [usize; 3],
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub padding: [usize; 3],
    pub output: [usize; 3],
}

impl Geometry {
    /// # Panics
    /// If a kernel or stride is 0, or the kernel larger than the padded input.
    pub fn new(input: [usize; 3], kernel: [usize; 3], stride: [usize; 3], padding: [usize; 3]) -> Self {
        let output = std::array::from_fn(|a| {
            let padded = input[a] + 2 * padding[a];
            assert!(kernel[a] > 0 && stride[a] > 0 && padded >= kernel[a], "a kernel of {kernel:?} for {input:?}");
            (padded - kernel[a]) / stride[a] + 1
        });
        Self { input, kernel, stride, padding, output }
    }

    /// Taps of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Each tap's place, in order.
    pub fn places(&self) -> Vec<[usize; 3]> {
        let [d, h, w] = self.kernel;
        (0..d * h * w).map(|t| [t / (h * w), t / w % h, t % w]).collect()
    }

    /// The input position along an axis that output position `at` meets at `tap`, if it is not padding.
    pub fn met(&self, axis: usize, at: usize, tap: usize) -> Option<usize> {
        let from = (at * self.stride[axis] + tap).checked_sub(self.padding[axis])?;
        (from < self.input[axis]).then_some(from)
    }
}
