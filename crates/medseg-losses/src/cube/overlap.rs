//! Losses of overlap: sums of intersection, prediction and target in parts of the volume, then the loss and its slopes, then
//! gradients. All sums are in f32, in an order that depends on the shape alone.

use burn::tensor::{DType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::ops::permute_nhwc_to_nchw as channels_first;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::ir::AddressType;
use cubecl::prelude::*;
use cubecl::std::FastDivmod;

/// Units of a cube.
const UNITS: u32 = 256;
/// Voxels of a unit, but for the largest volumes.
const VOXELS_OF_UNIT: usize = 32;
/// Parts of a volume at most: one cube adds them all up.
const PARTS: usize = 1024;

/// A loss `1 - (2 I + smooth_nr) / (P + T + smooth_dr)` of intersection I, prediction P and target T, or of Jaccard's
/// denominator 2 (P + T - I).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// True if predictions are logits.
    pub(crate) sigmoid: bool,
    pub(crate) jaccard: bool,
    /// True if sums are over all samples of a class.
    pub(crate) batch: bool,
    /// True for the mean over classes and samples, false for the sum.
    pub(crate) mean: bool,
    pub(crate) smooth_nr: f64,
    pub(crate) smooth_dr: f64,
}

/// An input of the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Logits or probabilities.
    Prediction,
    /// The reference, as probabilities.
    Target,
}

/// The loss `[1]`, and its derivatives by I and by P, `[2, batch · classes]`.
pub(super) fn loss(prediction: &CubeTensor, target: &CubeTensor, overlap: Overlap) -> (CubeTensor, CubeTensor) {
    let [samples, classes, shape @ ..] = prediction.meta.shape().dims::<5>();
    let (rows, voxels) = (samples * classes, shape.iter().product::<usize>());
    let units = UNITS.min(prediction.client.properties().hardware.max_units_per_cube) as usize;
    let part = (units * VOXELS_OF_UNIT).max(voxels.div_ceil(PARTS));
    let parts = voxels.div_ceil(part);
    let new = |shape: &[usize]| empty(prediction, Shape::from(shape.to_vec()));
    let (of_parts, slopes, loss) = (new(&[3, rows, parts]), new(&[2, rows]), new(&[1]));
    let groups = if overlap.batch { classes } else { rows };
    // SAFETY: voxels and rows are those of the tensors, whose shapes agree; the first unit of a cube writes the cube's own
    // sums, and that of the only cube the loss and the slopes of every row.
    unsafe {
        sums_of_parts::launch_unchecked(
            &prediction.client,
            CubeCount::new_2d(parts as u32, rows as u32),
            CubeDim::new_1d(units as u32),
            address(&[prediction, target]),
            prediction.clone().into_tensor_arg(),
            target.clone().into_tensor_arg(),
            of_parts.clone().into_tensor_arg(),
            axes(prediction),
            voxels,
            part,
            overlap.sigmoid,
            units,
        );
        finished::launch_unchecked(
            &prediction.client,
            CubeCount::new_1d(1),
            CubeDim::new_1d(units as u32),
            of_parts.into_tensor_arg(),
            slopes.clone().into_tensor_arg(),
            loss.clone().into_tensor_arg(),
            rows,
            parts,
            groups,
            overlap.smooth_nr as f32,
            overlap.smooth_dr as f32,
            if overlap.mean { 1.0 / groups as f32 } else { 1.0 },
            overlap.jaccard,
            units,
        );
    }
    (loss, slopes)
}

/// The gradient of one input, given that of the loss; channels-last in memory.
pub(super) fn grad(
    prediction: &CubeTensor,
    target: &CubeTensor,
    slopes: CubeTensor,
    grad: CubeTensor,
    overlap: Overlap,
    of: Input,
) -> CubeTensor {
    let [samples, classes, d, h, w] = prediction.meta.shape().dims::<5>();
    let out = empty(prediction, Shape::new([samples, d, h, w, classes]));
    let units = out.meta.num_elements();
    let dim = CubeDim::new(&out.client, units);
    // SAFETY: every unit below `units` reads its own value of both tensors and writes that of `out`.
    unsafe {
        gradient::launch_unchecked(
            &out.client,
            calculate_cube_count_elemwise(&out.client, units, dim),
            dim,
            address(&[prediction, target, &out]).max(AddressType::from_len_signed(units)),
            prediction.clone().into_tensor_arg(),
            target.clone().into_tensor_arg(),
            slopes.into_tensor_arg(),
            grad.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            axes(prediction),
            units,
            overlap.sigmoid,
            of,
        );
    }
    channels_first(out)
}

/// A new contiguous tensor of f32 beside another.
fn empty(beside: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(beside.client.clone(), beside.device.clone(), shape, DType::F32)
}

/// Wide enough for every element of the tensors.
fn address(tensors: &[&CubeTensor]) -> AddressType {
    tensors.iter().map(|x| x.required_address_type()).max().unwrap_or_default()
}

/// Classes, depth, height and width of a tensor as divisors.
fn axes(x: &CubeTensor) -> SequenceArg<FastDivmod<usize>> {
    let [_, axes @ ..] = x.meta.shape().dims::<5>();
    axes.into_iter().collect()
}

/// The place of a voxel in a tensor, of a sample and a class.
#[cube]
fn place(x: &Tensor<f32>, sample: usize, class: usize, voxel: usize, axes: &Sequence<FastDivmod<usize>>) -> usize {
    let (rest, column) = axes[3].div_mod(voxel);
    let (plane, row) = axes[2].div_mod(rest);
    sample * x.stride(0) + class * x.stride(1) + plane * x.stride(2) + row * x.stride(3) + column * x.stride(4)
}

#[cube]
fn probability(value: f32, #[comptime] sigmoid: bool) -> f32 {
    if comptime!(sigmoid) { 1.0 / (1.0 + (-value).exp()) } else { value }
}

/// A cube takes a part of a row, which is a class of a sample.
#[cube(launch_unchecked, address_type = "dynamic")]
fn sums_of_parts(
    prediction: &Tensor<f32>,
    target: &Tensor<f32>,
    of_parts: &mut Tensor<f32>,
    axes: Sequence<FastDivmod<usize>>,
    voxels: usize,
    part: usize,
    #[comptime] sigmoid: bool,
    #[comptime] units: usize,
) {
    let mut shared = Shared::<[f32]>::new_slice(units);
    let row = CUBE_POS_Y as usize;
    let (sample, class) = axes[0].div_mod(row);
    let start = CUBE_POS_X as usize * part;
    let end = clamp_max(start + part, voxels);
    let mut intersection = 0.0f32;
    let mut predicted = 0.0f32;
    let mut reference = 0.0f32;
    for voxel in range_stepped(start + UNIT_POS as usize, end, units) {
        let p = probability(prediction[place(prediction, sample, class, voxel, &axes)], sigmoid);
        let t = target[place(target, sample, class, voxel, &axes)];
        intersection += p * t;
        predicted += p;
        reference += t;
    }
    let intersection = sum_of_units(intersection, &mut shared);
    let predicted = sum_of_units(predicted, &mut shared);
    let reference = sum_of_units(reference, &mut shared);
    if UNIT_POS == 0 {
        let kind = of_parts.stride(0);
        let at = row * CUBE_COUNT_X as usize + CUBE_POS_X as usize;
        of_parts[at] = intersection;
        of_parts[at + kind] = predicted;
        of_parts[at + 2 * kind] = reference;
    }
}

/// One cube goes through the groups of rows that are summed together: a row each, or a class in all samples.
#[cube(launch_unchecked)]
fn finished(
    of_parts: &Tensor<f32>,
    slopes: &mut Tensor<f32>,
    loss: &mut Tensor<f32>,
    rows: usize,
    parts: usize,
    groups: usize,
    smooth_nr: f32,
    smooth_dr: f32,
    share: f32,
    #[comptime] jaccard: bool,
    #[comptime] units: usize,
) {
    let mut shared = Shared::<[f32]>::new_slice(units);
    let mut total = 0.0f32;
    for group in 0..groups {
        let intersection = sum_of_group(of_parts, 0usize, group, rows, parts, groups, &mut shared, units);
        let predicted = sum_of_group(of_parts, 1usize, group, rows, parts, groups, &mut shared, units);
        let reference = sum_of_group(of_parts, 2usize, group, rows, parts, groups, &mut shared, units);
        let sizes = predicted + reference;
        let numerator = 2.0 * intersection + smooth_nr;
        let denominator = if comptime!(jaccard) { 2.0 * (sizes - intersection) + smooth_dr } else { sizes + smooth_dr };
        let quotient = numerator / denominator;
        total += 1.0 - quotient;
        // Jaccard's denominator falls with the intersection and grows twice as fast with the sizes.
        let by_intersection = if comptime!(jaccard) { 2.0 + 2.0 * quotient } else { 2.0f32.runtime() };
        let by_size = if comptime!(jaccard) { 2.0 * quotient } else { quotient };
        if UNIT_POS == 0 {
            for row in range_stepped(group, rows, groups) {
                slopes[row] = -share * by_intersection / denominator;
                slopes[row + rows] = share * by_size / denominator;
            }
        }
    }
    if UNIT_POS == 0 {
        loss[0] = total * share;
    }
}

/// A sum over the rows of a group, which are `groups` apart.
#[cube]
fn sum_of_group(
    of_parts: &Tensor<f32>,
    kind: usize,
    group: usize,
    rows: usize,
    parts: usize,
    groups: usize,
    shared: &mut Shared<[f32]>,
    #[comptime] units: usize,
) -> f32 {
    let mut sum = 0.0f32;
    for row in range_stepped(group, rows, groups) {
        for part in range_stepped(UNIT_POS as usize, parts, units) {
            sum += of_parts[(kind * rows + row) * parts + part];
        }
    }
    sum_of_units(sum, shared)
}

/// The sum over the units of a cube, added pairwise in a fixed order. All units must call it.
#[cube]
fn sum_of_units(value: f32, shared: &mut Shared<[f32]>) -> f32 {
    // An earlier sum may still be read.
    sync_cube();
    shared[UNIT_POS as usize] = value;
    let mut left = CUBE_DIM_X;
    while left > 1 {
        let half = left.div_ceil(2);
        sync_cube();
        if UNIT_POS < left - half {
            let other = shared[(UNIT_POS + half) as usize];
            shared[UNIT_POS as usize] += other;
        }
        left = half;
    }
    sync_cube();
    shared[0]
}

/// `out` is `[batch, depth, height, width, classes]`.
#[cube(launch_unchecked, address_type = "dynamic")]
fn gradient(
    prediction: &Tensor<f32>,
    target: &Tensor<f32>,
    slopes: &Tensor<f32>,
    grad: &Tensor<f32>,
    out: &mut Tensor<f32>,
    axes: Sequence<FastDivmod<usize>>,
    units: usize,
    #[comptime] sigmoid: bool,
    #[comptime] of: Input,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let classes = out.shape(4);
    let (rest, class) = axes[0].div_mod(ABSOLUTE_POS);
    let (rest, column) = axes[3].div_mod(rest);
    let (rest, row) = axes[2].div_mod(rest);
    let (sample, plane) = axes[1].div_mod(rest);
    let at = sample * classes + class;
    let by_intersection = slopes[at] * grad[0];
    let by_size = slopes[at + slopes.stride(0)] * grad[0];
    let of_prediction = sample * prediction.stride(0)
        + class * prediction.stride(1)
        + plane * prediction.stride(2)
        + row * prediction.stride(3)
        + column * prediction.stride(4);
    let p = probability(prediction[of_prediction], sigmoid);
    if comptime!(of == Input::Target) {
        out[ABSOLUTE_POS] = by_intersection * p + by_size;
    } else {
        let of_target = sample * target.stride(0)
            + class * target.stride(1)
            + plane * target.stride(2)
            + row * target.stride(3)
            + column * target.stride(4);
        let of_p = by_intersection * target[of_target] + by_size;
        out[ABSOLUTE_POS] = if comptime!(sigmoid) { of_p * (p * (1.0 - p)) } else { of_p };
    }
}
