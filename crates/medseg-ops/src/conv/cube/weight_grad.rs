//! The gradient of the weights: for every tap the product of the output's gradient with what the tap met, summed over all
//! voxels.
//!
//! That is a product of two tall matrices, one row a voxel. A GPU is busy only if it is cut into many along the voxels,
//! so it is, and the parts are summed at the end. Products are made in the type of the tensors, sums in f32.
//!
//! In half precision tensor cores add up all taps of 3×3×3 weights at once ([`weight_grad_tiles`](super::weight_grad_tiles)).
//! Else, with stride 1, no tap is copied: input and gradient are laid out with the same number of voxels in a row, of rows in a
//! slice and of slices in a sample, zeros between them, so that what a tap meets is the whole input some rows of the
//! matrix further on. All taps are then one batched product of views.

use burn::tensor::ops::ConvOptions as BurnConvOptions;
use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::conv::{ConvStrategy, conv_weight_backward};
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use cubecl::prelude::*;
use cubecl::std::FastDivmod;
use cubecl::zspace::metadata::Metadata;

use super::im2col::{Windows, im2col};
use super::weight_grad_tiles::of_tiles;
use super::{ConvOptions, CubeTensor, cast, channels_first, channels_last};
use crate::cube::{Units, empty};

/// Input channels up to which copies of what all taps meet cost less than to read the gradient once a tap.
const FEW_CHANNELS: usize = 4;
/// Copies of the input that may be made else.
const COPIES: usize = 4;
/// Blocks of output that keep a large GPU busy: a few for each of its multiprocessors.
const BLOCKS: usize = 1024;
/// Rows and columns of a block.
const BLOCK: usize = 64;
/// Voxels in a part at least, if there are so many.
const PART: usize = 1024;
/// Voxels in a part are a multiple of it, as matrix multiplications like it.
const MULTIPLE: usize = 64;

/// Of a convolution of x, seen `[batch, in, depth, height, width]`, in f32, with weights of shape
/// `[out, in, kernel depth, kernel height, kernel width]`.
pub(in super::super) fn weight_grad(
    x: CubeTensor,
    grad: CubeTensor,
    weight: Shape,
    options: ConvOptions,
) -> CubeTensor {
    let [output, input, kernel @ ..] = weight.dims::<5>();
    let (x, grad) = (channels_last(x), channels_last(grad));
    if let Some(products) = of_tiles(&x, &grad, kernel, options) {
        let ([parts, ..], of) = (products.meta.shape().dims::<4>(), products.meta.strides());
        let strides = Strides { part: of[0], output: of[1], tap: of[2] };
        return sum(products, parts, strides, [output, input], kernel);
    }
    let taps: usize = kernel.iter().product();
    let voxels = |x: &CubeTensor| x.meta.shape()[1..4].iter().product::<usize>();
    let viewable = options.stride == [1; 3] && (0..3).all(|a| options.padding[a] < kernel[a]);
    let few = viewable && x.meta.shape()[0] * grid_of_views(&x, options.padding).iter().product::<usize>() < 2 * PART;
    if input <= FEW_CHANNELS || taps * voxels(&grad) <= COPIES * voxels(&x) || few {
        return of_copies(x, grad, kernel, options);
    }
    if viewable {
        return of_views(x, grad, kernel, options.padding);
    }
    let options = BurnConvOptions::new(options.stride, options.padding, [1; 3], 1);
    let (x, grad) = (cast(channels_first(x), DType::F32), cast(channels_first(grad), DType::F32));
    conv_weight_backward::<3>(x, grad, weight, options, ConvStrategy::default()).expect("one way takes any")
}

/// With what each window meets copied into a row.
fn of_copies(x: CubeTensor, grad: CubeTensor, kernel: [usize; 3], options: ConvOptions) -> CubeTensor {
    let ([.., input], [batch, grid @ .., output]) = (x.meta.shape().dims::<5>(), grad.meta.shape().dims::<5>());
    let taps: usize = kernel.iter().product();
    let columns = taps * input;
    let Parts { parts, rows } = Parts::new(batch * grid.iter().product::<usize>(), output, columns, 1);
    let windows = Windows { kernel, stride: options.stride, padding: options.padding };
    let x = view(im2col(x, windows, grid, parts * rows), &[parts, rows, columns], &[rows * columns, columns, 1]);
    let grad = im2col(grad, Windows::VOXELS, grid, parts * rows);
    let grad = view(grad, &[parts, output, rows], &[rows * output, 1, output]);
    let products = product(grad, x);
    let of = products.meta.strides();
    let strides = Strides { part: of[0], output: of[1], tap: input };
    sum(products, parts, strides, [output, input], kernel)
}

/// Voxels along each axis of the grid on which input and gradient lie in [`of_views`]; x is channels-last. The zeros after a
/// row are those before the next; likewise slices and samples.
fn grid_of_views(x: &CubeTensor, padding: [usize; 3]) -> [usize; 3] {
    let [_, shape @ .., _] = x.meta.shape().dims::<5>();
    std::array::from_fn(|a| shape[a] + padding[a])
}

/// With stride 1, by views: the receptive field of a tap is the input some rows further on.
///
/// The taps are batch axes that overlap. Products that load by TMA (sm_90 and newer) keep one batch stride only, so they
/// would be silently wrong. They refuse batches in which the gradient has some axes and repeats others: that holds for two
/// parts and more. A single part has no such axis; fewer than `2 * PART` voxels are copied instead, which any product takes.
fn of_views(x: CubeTensor, grad: CubeTensor, kernel: [usize; 3], padding: [usize; 3]) -> CubeTensor {
    let ([batch, .., input], [.., output]) = (x.meta.shape().dims::<5>(), grad.meta.shape().dims::<5>());
    let grid = grid_of_views(&x, padding);
    let [taps_d, taps_h, taps_w] = kernel;
    let (row, slice) = (grid[2], grid[1] * grid[2]);
    let Parts { parts, rows } = Parts::new(batch * grid[0] * slice, output, input, taps_d * taps_h * taps_w);
    let reach = (taps_d - 1) * slice + (taps_h - 1) * row + taps_w - 1;
    let x = im2col(x, Windows { padding, ..Windows::VOXELS }, grid, parts * rows + reach);
    let shape = [parts, taps_d, taps_h, taps_w, rows, input];
    let x = view(x, &shape, &[rows * input, slice * input, row * input, input, input, 1]);
    let grad = im2col(grad, Windows::VOXELS, grid, parts * rows);
    let grad = view(grad, &[parts, 1, 1, 1, output, rows], &[rows * output, 0, 0, 0, 1, output]);
    let products = product(grad, x);
    let of = products.meta.strides();
    let strides = Strides { part: of[0], output: of[4], tap: of[3] };
    sum(products, parts, strides, [output, input], kernel)
}

/// Number of parts, and rows in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    parts: usize,
    rows: usize,
}

impl Parts {
    /// Of a product over `voxels` to `taps` matrices of `output` rows and `input` columns.
    fn new(voxels: usize, output: usize, input: usize, taps: usize) -> Self {
        let blocks = output.div_ceil(BLOCK) * input.div_ceil(BLOCK) * taps;
        // A power of two divides most numbers of voxels. Two at least, for `of_views`.
        let wanted = BLOCKS.div_ceil(blocks).next_power_of_two().max(2).min((voxels / PART).max(1));
        let rows = voxels.div_ceil(wanted).next_multiple_of(MULTIPLE);
        Self { parts: voxels.div_ceil(rows), rows }
    }
}

/// The memory of a tensor seen in another way.
fn view(mut x: CubeTensor, shape: &[usize], strides: &[usize]) -> CubeTensor {
    *x.meta = Metadata::new(shape, strides);
    x
}

/// Matrix products summed in f32.
fn product(a: CubeTensor, b: CubeTensor) -> CubeTensor {
    matmul(a, b, None, MatmulStrategy::default(), DType::F32).expect("one way takes any")
}

/// Layout of the products: adjacent along the input channels.
#[derive(Clone, Copy, Debug)]
struct Strides {
    part: usize,
    output: usize,
    tap: usize,
}

/// The sum of the parts, as weights.
fn sum(
    products: CubeTensor,
    parts: usize,
    strides: Strides,
    [output, input]: [usize; 2],
    kernel: [usize; 3],
) -> CubeTensor {
    let [d, h, w] = kernel;
    let out = empty(&products, [output, input, d, h, w], DType::F32);
    let units = out.meta.num_elements();
    let Units { count, dim, address } = Units::new(units, &[&products, &out]);
    // SAFETY: every unit below `units` reads one place of each part and writes its own value of `out`.
    unsafe {
        summed::launch_unchecked(
            &out.client,
            count,
            dim,
            address,
            products.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            [d * h * w, input].into_iter().collect(),
            [strides.part, strides.output, strides.tap].into_iter().collect(),
            parts,
            units,
        );
    }
    out
}

/// `shape` are the numbers of taps and of input channels; neighbouring units read neighbouring channels.
#[cube(launch_unchecked, address_type = "dynamic")]
fn summed(
    products: &Tensor<f32>,
    out: &mut Tensor<f32>,
    shape: Sequence<FastDivmod<usize>>,
    strides: Sequence<usize>,
    parts: usize,
    units: usize,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let (rest, input) = shape[1].div_mod(ABSOLUTE_POS);
    let (output, tap) = shape[0].div_mod(rest);
    let first = output * strides[1] + tap * strides[2] + input;
    let mut all = 0.0f32;
    for part in 0..parts {
        all += products[first + part * strides[0]];
    }
    let at = output * out.stride(0) + input * out.stride(1) + tap;
    out[at] = all;
}
