//! Gradient checkpointing: what is computed again in the backward pass gives the same bits as what was kept.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use medseg_ops::{
    ConvOptions, NormRelu, Upsample, conv_transpose3d, conv3d, conv3d_concat, max_pool3d, norm_add_relu, norm_relu,
    norm_relu_conv3d, upsample_trilinear2x,
};

use super::compare::SAME;
use crate::numbers::{Numbers, values};

const SHAPE: [usize; 5] = [2, 2, 4, 2, 4];

/// A network drawn from `seed`: some of its leaves have a gradient, its tensors are used any number of times.
struct Drawn<'a> {
    numbers: Numbers,
    device: &'a Device,
    /// Everything of [`SHAPE`].
    made: Vec<Tensor<5>>,
    with_gradient: Vec<Tensor<5>>,
    affine_with_gradient: Vec<Tensor<1>>,
}

impl Drawn<'_> {
    fn leaf(&mut self, shape: [usize; 5]) -> Tensor<5> {
        let x = self.numbers.tensor(shape, self.device);
        if self.numbers.below(4) == 0 {
            return x;
        }
        let x = x.require_grad();
        self.with_gradient.push(x.clone());
        x
    }

    fn affine(&mut self) -> Option<(Tensor<1>, Tensor<1>)> {
        let kind = self.numbers.below(3);
        let mut of = || self.numbers.tensor([2], self.device).set_require_grad(kind == 1);
        let (weight, bias) = (of(), of());
        if kind == 1 {
            self.affine_with_gradient.extend([weight.clone(), bias.clone()]);
        }
        (kind > 0).then_some((weight, bias))
    }

    fn any(&mut self) -> Tensor<5> {
        let number = self.numbers.below(self.made.len());
        self.made[number].clone()
    }

    fn norm(&mut self) -> NormRelu {
        NormRelu { affine: self.affine(), slope: 0.1, ..NormRelu::default() }
    }

    fn grow(&mut self) {
        let (x, y) = (self.any(), self.any());
        let by_two = ConvOptions { stride: [2; 3], ..SAME };
        let made = match self.numbers.below(10) {
            0 => conv3d(x, self.leaf([2, 2, 3, 3, 3]), None, SAME),
            1 => norm_relu(x, self.norm()),
            2 | 3 => norm_add_relu([(x, self.affine()), (y, self.affine())], 0.0, 1e-5),
            4 => norm_relu_conv3d(x, self.norm(), self.leaf([2, 2, 3, 3, 3]), SAME),
            5 => conv3d_concat(x, y, self.leaf([2, 4, 3, 3, 3]), Upsample::No, SAME),
            6 => {
                let below = max_pool3d(y, 2, 2, 0);
                let enlarge = Upsample::Trilinear2x { align_corners: true };
                conv3d_concat(x, below, self.leaf([2, 4, 3, 3, 3]), enlarge, SAME)
            }
            7 => {
                let below = max_pool3d(x, 2, 2, 0);
                conv_transpose3d(below, self.leaf([2, 2, 2, 2, 2]), None, [2; 3], [0; 3], [0; 3])
            }
            8 => upsample_trilinear2x(conv3d(x, self.leaf([2, 2, 3, 3, 3]), None, by_two), false),
            _ => relu(x + y * 0.5),
        };
        assert_eq!(made.dims(), SHAPE);
        self.made.push(made);
    }
}

/// The result, and the gradients of all leaves that have one.
fn run(seed: u64, device: &Device) -> Vec<Option<Vec<f32>>> {
    let (numbers, made) = (Numbers::new(seed), Vec::new());
    let mut drawn = Drawn { numbers, device, made, with_gradient: Vec::new(), affine_with_gradient: Vec::new() };
    for _ in 0..2 {
        let image = drawn.leaf(SHAPE);
        drawn.made.push(image);
    }
    for _ in 0..8 {
        drawn.grow();
    }
    // Something to go back to, and more than one way.
    let weight = drawn.numbers.tensor([2, 2, 1, 1, 1], device).require_grad();
    drawn.with_gradient.push(weight.clone());
    let last = drawn.made.pop().expect("something") + drawn.any();
    let last = conv3d(last, weight, None, ConvOptions::default());
    let cotangent = drawn.numbers.tensor(SHAPE, device);
    let grads = (last.clone() * cotangent).sum().backward();
    let of_all = drawn.with_gradient.iter().map(|x| x.grad(&grads).map(values));
    let of_affine = drawn.affine_with_gradient.iter().map(|x| x.grad(&grads).map(values));
    std::iter::once(Some(values(last))).chain(of_all).chain(of_affine).collect()
}

#[test]
fn what_is_computed_again_gives_the_same_bits() {
    let device = Device::flex().autodiff();
    let checkpointing = Device::flex().autodiff().gradient_checkpointing();
    for seed in 0..300 {
        assert_eq!(run(seed, &checkpointing), run(seed, &device), "seed {seed}");
    }
}
