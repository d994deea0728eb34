//! Division of a channels-last tensor among cubes and units.
//!
//! A unit holds a few neighbouring channels of one sample and goes through some of its voxels; units beside each other hold
//! channels beside each other, so that together they read memory in order. What a unit knows of its channels it loads once.

use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::AddressType;
use cubecl::prelude::*;
use cubecl::std::FastDivmod;

/// Units of a cube at most.
const UNITS: u32 = 256;
/// Units side by side that hold different channels, at most: these read 512 bytes at once or more.
const CHANNEL_UNITS: usize = 64;
/// Channels of a unit at most.
const VECTOR: usize = 4;
/// Cubes that keep the largest GPU busy.
const ENOUGH_CUBES: usize = 1024;
/// Voxels that a unit goes through: few enough for sums in f32, and enough to be worth what comes before and after.
const VOXELS_OF_UNIT: std::ops::RangeInclusive<usize> = 8..=64;
/// Cubes along one axis that every runtime starts.
const MOST_CUBES: usize = 65_535;

/// The division of one shape.
pub(super) struct Split {
    pub(super) samples: usize,
    pub(super) channels: usize,
    /// Parts of a sample's voxels, of which every cube takes one.
    pub(super) parts: usize,
    /// Channels of a unit.
    pub(super) vector: usize,
    pub(super) dim: CubeDim,
    /// Wide enough for every element of the tensors.
    pub(super) address: AddressType,
    /// Cubes side by side that take different channels.
    pub(super) tiles: usize,
    /// Voxels of a part.
    part: usize,
    shape: [usize; 3],
}

impl Split {
    /// For tensors of one shape, `[batch, depth, height, width, channel]`, that a kernel reads together.
    pub(super) fn new(tensors: &[&CubeTensor]) -> Self {
        let [samples, depth, height, width, channels] = tensors[0].meta.shape().dims();
        let vector = vector(tensors);
        let vectors = channels / vector;
        let tiles = vectors.div_ceil(CHANNEL_UNITS);
        let across = vectors.div_ceil(tiles);
        let units = UNITS.min(tensors[0].client.properties().hardware.max_units_per_cube) as usize;
        let along = (units / across).max(1);
        let shape = [depth, height, width];
        let voxels = shape.iter().product::<usize>();
        let wanted = (voxels * samples * tiles).div_ceil(along * ENOUGH_CUBES);
        let of_unit = wanted.clamp(*VOXELS_OF_UNIT.start(), *VOXELS_OF_UNIT.end());
        let part = along * of_unit.max(voxels.div_ceil(along * MOST_CUBES));
        let address = tensors.iter().map(|x| x.required_address_type()).max().unwrap_or_default();
        let dim = CubeDim::new_2d(across as u32, along as u32);
        Self { samples, channels, parts: voxels.div_ceil(part), vector, dim, address, tiles, part, shape }
    }

    /// A cube for every part of every sample.
    pub(super) fn cubes(&self) -> CubeCount {
        CubeCount::new_3d(self.parts as u32, self.tiles as u32, self.samples as u32)
    }

    /// A cube for every sample, for what was found out of its parts.
    pub(super) fn cubes_of_samples(&self) -> CubeCount {
        CubeCount::new_3d(1, self.tiles as u32, self.samples as u32)
    }

    /// A cube for all samples.
    pub(super) fn cubes_of_channels(&self) -> CubeCount {
        CubeCount::new_3d(1, self.tiles as u32, 1)
    }

    /// Groups of cubes that take the parts of the same channels of a sample, as [`group`] numbers them.
    pub(super) fn groups(&self) -> usize {
        self.tiles * self.samples
    }

    /// The units of a cube.
    pub(super) fn units(&self) -> usize {
        self.dim.num_elems() as usize
    }

    /// Arguments of the kernels.
    pub(super) fn grid(&self) -> GridLaunch {
        let [_, height, width] = self.shape;
        GridLaunch::new(self.shape.iter().product(), self.part, height, width)
    }
}

/// Number of channels that are adjacent and aligned in all of the tensors.
fn vector(tensors: &[&CubeTensor]) -> usize {
    let together = |x: &CubeTensor, size: usize| {
        let (shape, strides) = (x.meta.shape(), x.meta.strides());
        let aligned = (0..4).all(|axis| shape[axis] == 1 || strides[axis].is_multiple_of(size));
        size == 1 || (shape[4].is_multiple_of(size) && strides[4] == 1 && aligned)
    };
    let sizes = |x: &CubeTensor| -> Vec<usize> { x.client.io_optimized_vector_sizes(x.dtype.size()).collect() };
    let usable = |size: usize| tensors.iter().all(|x| together(x, size) && (size == 1 || sizes(x).contains(&size)));
    (1..=VECTOR).rev().find(|size| usable(*size)).unwrap_or(1)
}

/// The voxels of a sample and of a part of them.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Grid {
    pub(super) voxels: usize,
    pub(super) part: usize,
    height: FastDivmod<usize>,
    width: FastDivmod<usize>,
}

#[cube]
impl Grid {
    /// The first voxel of this unit.
    pub(super) fn start(&self) -> usize {
        CUBE_POS_X as usize * self.part + UNIT_POS_Y as usize
    }

    /// The end of the voxels of this cube.
    pub(super) fn end(&self) -> usize {
        clamp_max((CUBE_POS_X as usize + 1) * self.part, self.voxels)
    }

    /// The voxels of a part.
    pub(super) fn voxels_of(&self, part: usize) -> f32 {
        f32::cast_from(clamp_max((part + 1) * self.part, self.voxels) - part * self.part)
    }

    /// Index at which this cube's part of a sample stores a vector of channels, of `[batch · parts, channels]`.
    pub(super) fn of_part<N: Size>(&self, sample: usize, channel: usize, channels: usize) -> usize {
        ((sample * CUBE_COUNT_X as usize + CUBE_POS_X as usize) * channels + channel) / N::value()
    }

    /// Index of a voxel's vector of channels in a tensor that is written.
    pub(super) fn written<N: Size>(&self, sample: usize, voxel: usize, channel: usize, channels: usize) -> usize {
        ((sample * self.voxels + voxel) * channels + channel) / N::value()
    }

    /// Index in `x` of a voxel's vector of channels that begins with `channel`.
    pub(super) fn at<E: Float, N: Size>(
        &self,
        x: &Tensor<Vector<E, N>>,
        sample: usize,
        voxel: usize,
        channel: usize,
    ) -> usize {
        let (row, column) = self.width.div_mod(voxel);
        let (plane, row) = self.height.div_mod(row);
        let of_voxel = plane * x.stride(1) + row * x.stride(2) + column * x.stride(3);
        (sample * x.stride(0) + of_voxel + channel * x.stride(4)) / N::value()
    }

    /// The values there.
    pub(super) fn read<E: Float, N: Size>(
        &self,
        x: &Tensor<Vector<E, N>>,
        sample: usize,
        voxel: usize,
        channel: usize,
    ) -> Vector<f32, N> {
        Vector::cast_from(x[self.at::<E, N>(x, sample, voxel, channel)])
    }
}

/// The group of this cube among those that [`Split::cubes`] starts.
#[cube]
pub(super) fn group() -> usize {
    (CUBE_POS_Z * CUBE_COUNT_Y + CUBE_POS_Y) as usize
}

/// The first channel of this unit; past the last one where there are more units than channels.
#[cube]
pub(super) fn channel_of_unit<N: Size>() -> usize {
    (CUBE_POS_Y as usize * CUBE_DIM_X as usize + UNIT_POS_X as usize) * N::value()
}

/// The sum over the units of a cube that hold the same channels, added pairwise in a fixed order. All units must call it.
#[cube]
pub(super) fn sum_of_units<N: Size>(value: Vector<f32, N>, shared: &mut Shared<[Vector<f32, N>]>) -> Vector<f32, N> {
    // An earlier sum may still be read.
    sync_cube();
    shared[UNIT_POS as usize] = value;
    let mut left = CUBE_DIM_Y;
    while left > 1 {
        let half = left.div_ceil(2);
        sync_cube();
        if UNIT_POS_Y < left - half {
            let other = shared[(UNIT_POS + half * CUBE_DIM_X) as usize];
            shared[UNIT_POS as usize] += other;
        }
        left = half;
    }
    sync_cube();
    shared[UNIT_POS_X as usize]
}
