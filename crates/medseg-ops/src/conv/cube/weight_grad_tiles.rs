//! The gradient of 3×3×3 weights in half precision, on tensor cores: all 27 taps out of one tile of voxels in shared memory.
//!
//! A cube takes a block of output channels, a block of input channels and some tiles of voxels. Of a tile it loads the
//! gradient, and the input with a voxel more on each side. Nine planes hold the sums of three taps each, the neighbours along
//! the width. A row of 16 voxels is one product: gradient transposed by input, read from where the tap meets it. So memory is
//! read once for all taps, and nothing is padded or copied. The sums of the cubes are added up at the end.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use cubecl::features::MmaConfig;
use cubecl::prelude::*;
use cubecl::std::FastDivmod;
use cubecl::{cmma, tensor_vector_size_parallel};

use super::{ConvOptions, CubeTensor};
use crate::cube::empty;

/// Voxels of a row, rows and columns of a product.
const SIDE: usize = 16;
/// Channels that a unit loads at once: 16 bytes.
const LINE: usize = 8;
/// Planes of a cube: the taps along depth and height.
const PLANES: u32 = 9;
/// Units of a plane.
const PLANE: u32 = 32;
/// Cubes that keep a large GPU busy.
const ENOUGH_CUBES: usize = 528;
/// Tiles of a cube at least, if there are so many: fewer are not worth the sums that it writes.
const TILES: usize = 2;
/// Voxels in tiles for each voxel of the image at most: a narrow image fills tiles badly.
const WASTE: f64 = 1.5;

/// The part of a gradient that a cube computes, in products, and its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Block {
    outputs: usize,
    inputs: usize,
    depth: usize,
    height: usize,
}

impl Block {
    fn new(input: usize, output: usize) -> Self {
        let products = |channels: usize| if channels.is_multiple_of(2 * SIDE) { 2 } else { 1 };
        let (outputs, inputs) = (products(output), products(input));
        // Small enough for shared memory that every GPU with tensor cores has.
        Self { outputs, inputs, depth: if inputs == 2 { 2 } else { 4 }, height: 4 }
    }

    /// Bytes of shared memory.
    fn shared_bytes(self) -> usize {
        let halo = (self.depth + 2) * (self.height + 2) * (SIDE + 2);
        2 * SIDE * (halo * self.inputs + self.depth * self.height * SIDE * self.outputs)
    }

    /// Tiles along each axis of a shape.
    fn tiles(self, [depth, height, width]: [usize; 3]) -> [usize; 3] {
        [depth.div_ceil(self.depth), height.div_ceil(self.height), width.div_ceil(SIDE)]
    }
}

/// Products of parts of the voxels, `[parts, out, taps, in]`, that add up to the gradient of the weights; none if this way
/// does not suit the tensors, which are channels-last.
pub(super) fn of_tiles(
    x: &CubeTensor,
    grad: &CubeTensor,
    kernel: [usize; 3],
    options: ConvOptions,
) -> Option<CubeTensor> {
    let ([batch, shape @ .., input], [.., output]) = (x.meta.shape().dims::<5>(), grad.meta.shape().dims::<5>());
    let half = matches!(x.dtype, DType::F16 | DType::BF16) && grad.dtype == x.dtype;
    let same = kernel == [3; 3] && options.stride == [1; 3] && options.padding == [1; 3];
    if !half || !same || !input.is_multiple_of(SIDE) || !output.is_multiple_of(SIDE) {
        return None;
    }
    let block = Block::new(input, output);
    let tiles = block.tiles(shape);
    let in_tiles = tiles.iter().product::<usize>() * block.depth * block.height * SIDE;
    let voxels = shape.iter().product::<usize>();
    if in_tiles as f64 > WASTE * voxels as f64 || !fits(x, block) || ![x, grad].into_iter().all(by_lines) {
        return None;
    }
    let number = batch * tiles.iter().product::<usize>();
    let groups = input / (SIDE * block.inputs) * (output / (SIDE * block.outputs));
    let parts = ENOUGH_CUBES.div_ceil(groups).min(number.div_ceil(TILES));
    let out = empty(x, [parts, output, 27, input], DType::F32);
    let address = [x, grad, &out].into_iter().map(|x| x.required_address_type()).max().unwrap_or_default();
    // SAFETY: voxels outside the tensors and tiles behind the last are not read; each plane of each cube writes its own
    // blocks of `out`, whose numbers of channels are multiples of theirs.
    unsafe {
        tile_products::launch_unchecked(
            &out.client,
            CubeCount::new_2d(parts as u32, groups as u32),
            CubeDim::new_1d(PLANES * PLANE),
            address,
            LINE,
            x.clone().into_tensor_arg(),
            grad.clone().into_tensor_arg(),
            out.clone().into_tensor_arg(),
            tiles.into_iter().collect(),
            number,
            block,
            dtype_to_storage_type(x.dtype),
        );
    }
    Some(out)
}

/// True if the device has such tensor cores, planes and as much shared memory.
fn fits(x: &CubeTensor, block: Block) -> bool {
    let properties = x.client.properties();
    let (hardware, half) = (&properties.hardware, dtype_to_storage_type(x.dtype));
    let sums = dtype_to_storage_type(DType::F32);
    let side = SIDE as u32;
    let wanted = |of: &MmaConfig| {
        (of.m, of.n, of.k) == (side, side, side) && of.a_type == half && of.b_type == half && of.cd_type == sums
    };
    (hardware.plane_size_min, hardware.plane_size_max) == (PLANE, PLANE)
        && hardware.max_units_per_cube >= PLANES * PLANE
        && hardware.max_shared_memory_size >= block.shared_bytes()
        && properties.features.matmul.cmma.iter().any(wanted)
}

/// True if [`LINE`] channels lie side by side, aligned.
fn by_lines(x: &CubeTensor) -> bool {
    tensor_vector_size_parallel([LINE, 1].into_iter(), x.meta.shape(), x.meta.strides(), 4) == LINE
}

/// A matrix of a product, whose rows or columns begin `stride` values apart.
#[cube]
fn loaded<E: Float, N: Size>(
    values: &[Vector<E, N>],
    #[comptime] stride: u32,
    #[comptime] ident: cmma::MatrixIdent,
    #[comptime] layout: cmma::MatrixLayout,
) -> cmma::Matrix<E> {
    // SAFETY: filled before it is used.
    let mut matrix = unsafe { cmma::Matrix::<E>::uninitialized(ident, SIDE, SIDE, SIDE, layout) };
    cmma::load(&mut matrix, values, stride);
    matrix
}

/// `tiles` are the numbers of tiles along depth, height and width; `number` is that of all samples.
#[cube(launch_unchecked, address_type = "dynamic")]
fn tile_products<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    grad: &Tensor<Vector<E, N>>,
    out: &mut Tensor<f32>,
    tiles: Sequence<FastDivmod<usize>>,
    number: usize,
    #[comptime] block: Block,
    #[define(E)] _dtype: ElemType,
) {
    let (outputs, inputs) = comptime![(block.outputs, block.inputs)];
    // Lines of a voxel, voxels of the tile with those around it, and of the tile.
    let (x_lines, grad_lines) = comptime![(inputs * SIDE / LINE, outputs * SIDE / LINE)];
    let (halo_height, halo_width) = comptime![(block.height + 2, SIDE + 2)];
    let halo = comptime![(block.depth + 2) * halo_height * halo_width];
    let rows = comptime![block.depth * block.height];
    let mut of_x = Shared::<[Vector<E, N>]>::new_slice(comptime![halo * x_lines]);
    let mut of_grad = Shared::<[Vector<E, N>]>::new_slice(comptime![rows * SIDE * grad_lines]);

    let groups = x.shape(4) / comptime![SIDE * inputs];
    let first_output = CUBE_POS_Y as usize / groups * comptime![SIDE * outputs];
    let first_input = CUBE_POS_Y as usize % groups * comptime![SIDE * inputs];
    let plane = UNIT_POS as usize / comptime![PLANE as usize];
    let (tap_z, tap_y) = (plane / 3, plane % 3);

    let mut sums = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for _ in 0..comptime![3 * outputs * inputs] {
        sums.push(cmma::Matrix::<f32>::from_value(
            cmma::MatrixIdent::Accumulator,
            SIDE,
            SIDE,
            SIDE,
            cmma::MatrixLayout::Undefined,
            0.0f32,
        ));
    }

    for tile in range_stepped(CUBE_POS_X as usize, number, CUBE_COUNT_X as usize) {
        let (rest, tile_x) = tiles[2].div_mod(tile);
        let (rest, tile_y) = tiles[1].div_mod(rest);
        let (sample, tile_z) = tiles[0].div_mod(rest);
        let (first_z, first_y, first_x) =
            (tile_z * comptime![block.depth], tile_y * comptime![block.height], tile_x * SIDE);
        // The tile before this one may still be read.
        sync_cube();
        for at in range_stepped(UNIT_POS as usize, comptime![halo * x_lines], comptime![(PLANES * PLANE) as usize]) {
            let (voxel, line) = (at / x_lines, at % x_lines);
            // One more than the place in the image.
            let w = first_x + voxel % halo_width;
            let h = first_y + voxel / halo_width % halo_height;
            let d = first_z + voxel / comptime![halo_width * halo_height];
            let mut value = Vector::<E, N>::zero();
            if d >= 1 && d <= x.shape(1) && h >= 1 && h <= x.shape(2) && w >= 1 && w <= x.shape(3) {
                let place = sample * x.stride(0)
                    + (d - 1) * x.stride(1)
                    + (h - 1) * x.stride(2)
                    + (w - 1) * x.stride(3)
                    + (first_input + line * LINE) * x.stride(4);
                value = x[place / LINE];
            }
            of_x[at] = value;
        }
        for at in
            range_stepped(UNIT_POS as usize, comptime![rows * SIDE * grad_lines], comptime![(PLANES * PLANE) as usize])
        {
            let (voxel, line) = (at / grad_lines, at % grad_lines);
            let w = first_x + voxel % SIDE;
            let h = first_y + voxel / SIDE % comptime![block.height];
            let d = first_z + voxel / comptime![SIDE * block.height];
            let mut value = Vector::<E, N>::zero();
            if d < grad.shape(1) && h < grad.shape(2) && w < grad.shape(3) {
                let place = sample * grad.stride(0)
                    + d * grad.stride(1)
                    + h * grad.stride(2)
                    + w * grad.stride(3)
                    + (first_output + line * LINE) * grad.stride(4);
                value = grad[place / LINE];
            }
            of_grad[at] = value;
        }
        sync_cube();

        for row in 0..rows {
            let row_start = row * comptime![SIDE * grad_lines];
            let met = (row / comptime![block.height] + tap_z) * halo_height + row % comptime![block.height] + tap_y;
            let met_start = met * comptime![halo_width * x_lines];
            let mut of_outputs = Sequence::<cmma::Matrix<E>>::new();
            #[unroll]
            for output in 0..outputs {
                let start = row_start + comptime![output * SIDE / LINE];
                let values = &of_grad[start..comptime![rows * SIDE * grad_lines]];
                // Transposed: a row of memory is a voxel, and a column of the product's first matrix.
                of_outputs.push(loaded::<E, N>(
                    values,
                    comptime![(outputs * SIDE) as u32],
                    cmma::MatrixIdent::A,
                    cmma::MatrixLayout::ColMajor,
                ));
            }
            #[unroll]
            for tap in 0..3usize {
                #[unroll]
                for input in 0..inputs {
                    let start = met_start + comptime![tap * x_lines + input * SIDE / LINE];
                    let of_input = loaded::<E, N>(
                        &of_x[start..comptime![halo * x_lines]],
                        comptime![(inputs * SIDE) as u32],
                        cmma::MatrixIdent::B,
                        cmma::MatrixLayout::RowMajor,
                    );
                    #[unroll]
                    for output in 0..outputs {
                        let sum = &sums[comptime![(tap * inputs + input) * outputs + output]];
                        cmma::execute(&of_outputs[output], &of_input, sum, sum);
                    }
                }
            }
        }
    }

    let (channels, all) = (x.shape(4), out.shape(0) * out.stride(0));
    #[unroll]
    for tap in 0..3usize {
        #[unroll]
        for input in 0..inputs {
            #[unroll]
            for output in 0..outputs {
                let row = CUBE_POS_X as usize * grad.shape(4) + first_output + comptime![output * SIDE];
                let place = (row * 27 + plane * 3 + tap) * channels + first_input + comptime![input * SIDE];
                cmma::store(
                    &mut out[place..all],
                    &sums[comptime![(tap * inputs + input) * outputs + output]],
                    (27 * channels) as u32,
                    cmma::MatrixLayout::RowMajor,
                );
            }
        }
    }
}
