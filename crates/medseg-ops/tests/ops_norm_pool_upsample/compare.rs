//! Test tensors, their gradients and their comparison.

use burn::tensor::{Device, Tensor, TensorData};

/// Reproducible numbers, independent of Burn's global generator.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A number in -2..2.
    pub fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 22) as f32 - 2.0
    }

    pub fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.value()).collect()
    }

    pub fn tensor<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
        tensor(self.values(shape.iter().product()), shape, device)
    }
}

pub fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec().expect("an f32 tensor")
}

/// An operation on one tensor.
pub type Op<'a> = &'a dyn Fn(Tensor<5>) -> Tensor<5>;

/// `cotangent`, but 0 where `x` is so near 0 that rounding decides whether a ReLU lets it through.
pub fn away_from_kinks(cotangent: Tensor<5>, x: Tensor<5>) -> Tensor<5> {
    cotangent.mask_fill(x.abs().lower_scalar(1e-4), 0.0)
}

/// The output of `op` and the gradient of `sum(output * cotangent)`, for inputs on an autodiff device.
pub fn with_grad(op: impl Fn(Tensor<5>) -> Tensor<5>, x: &Tensor<5>, cotangent: &Tensor<5>) -> (Vec<f32>, Vec<f32>) {
    let x = x.clone().detach().require_grad();
    let y = op(x.clone());
    let grads = (y.clone() * cotangent.clone()).sum().backward();
    (values(y), values(x.grad(&grads).expect("a gradient")))
}

/// `|got - want| <= atol + rtol |want|` everywhere, NaN equal to NaN.
pub fn assert_close(what: &str, got: &[f32], want: &[f32], rtol: f32, atol: f32) {
    assert_eq!(got.len(), want.len(), "{what}: number of values");
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let same = got == want || (got.is_nan() && want.is_nan());
        assert!(same || (got - want).abs() <= atol + rtol * want.abs(), "{what}, value {i}: {got} instead of {want}");
    }
}

pub fn assert_same_bits(what: &str, got: &[f32], want: &[f32]) {
    let differ = got.iter().zip(want).position(|(a, b)| a.to_bits() != b.to_bits());
    assert_eq!((differ, got.len()), (None, want.len()), "{what}");
}
