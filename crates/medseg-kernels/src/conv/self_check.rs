//! The kernels beside the definition, on the machine that they are about to run on.

use super::{Algorithm, Conv3d, Sink, Source};
use crate::isa::Isa;

impl Isa {
    /// True if convolutions with these instructions are right: those of small maps of small whole numbers exactly, those
    /// of larger ones within rounding. Takes a few milliseconds.
    ///
    /// A processor, a virtual machine or an emulator that makes an instruction wrongly would make wrong masks of it.
    ///
    /// ```
    /// assert!(medseg_kernels::Isa::detect().self_check());
    /// ```
    #[must_use]
    pub fn self_check(self) -> bool {
        let kernels = [([3; 3], [1; 3]), ([1, 3, 3], [0, 1, 1]), ([1; 3], [0; 3]), ([2; 3], [0; 3])];
        kernels.into_iter().all(|(kernel, padding)| {
            [([3, 5, 19], 0.0), ([17, 18, 21], 1e-3)].into_iter().all(|(shape, error)| {
                let [got, want] = [None, Some(Algorithm::Direct)].map(|algorithm| {
                    // Plain copies and sums without vectors stand for the definition.
                    let isa = if algorithm.is_some() { Self::PORTABLE } else { self };
                    outputs(isa, algorithm, kernel, padding, shape)
                });
                got.iter().zip(&want).all(|(got, want)| (got - want).abs() <= error)
            })
        })
    }
}

/// A convolution of small whole numbers from 9 channels to 10.
fn outputs(
    isa: Isa,
    algorithm: Option<Algorithm>,
    kernel: [usize; 3],
    padding: [usize; 3],
    shape: [usize; 3],
) -> Vec<f32> {
    let numbers = |count: usize, step: usize| -> Vec<f32> { (0..count).map(|n| (n * step % 9) as f32 - 4.0).collect() };
    let conv = Conv3d::new(9, 10, kernel).with_padding(padding).with_isa(isa);
    let conv = algorithm.map_or(conv, |algorithm| conv.with_algorithm(algorithm));
    let [voxels, out_voxels] = [shape, conv.output_shape(shape)].map(|shape| shape.iter().product::<usize>());
    let (x, weight) = (numbers(9 * voxels, 7), numbers(90 * kernel.iter().product::<usize>(), 5));
    let mut y = vec![f32::NAN; 10 * out_voxels];
    conv.forward(&Source::new(&x, 1, 9, shape), &weight, &Sink::new(&mut y, 1, 10, out_voxels));
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_isa_passes() {
        assert!(Isa::available().into_iter().all(Isa::self_check));
    }
}
