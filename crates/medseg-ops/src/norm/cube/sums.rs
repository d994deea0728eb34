//! Sums over the voxels of every channel, which gradients of norms need: of parts of the voxels first, then of all.

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::split::{Grid, Split, channel_of_unit, group, sum_of_units};
use crate::cube::{Arrivals, empty, is_last_cube};

/// Kinds of sums at most.
const KINDS: usize = 3;

/// Tensors for some kinds of sums.
pub(super) struct Sums {
    kinds: usize,
    /// Of every part, `[kinds, batch · parts, channels]`.
    of_parts: CubeTensor,
    /// Of all parts, `[kinds, batch, channels]`.
    of_samples: CubeTensor,
    /// Of each kind over all samples, `[channels]`; without values where there is no such kind.
    of_channels: [CubeTensor; KINDS],
    /// Counters, if the kernel that finds the sums of parts can add them up too.
    arrivals: Option<Arrivals>,
}

impl Sums {
    pub(super) fn new(split: &Split, beside: &CubeTensor, kinds: usize) -> Self {
        Self {
            kinds,
            of_parts: empty(beside, [kinds, split.samples * split.parts, split.channels], DType::F32),
            of_samples: empty(beside, [kinds, split.samples, split.channels], DType::F32),
            of_channels: [0; KINDS].map(|_| empty(beside, [split.channels], DType::F32)),
            arrivals: Arrivals::new(beside, split.groups() + split.tiles),
        }
    }

    /// True if the kernel that finds the sums of parts must call [`SumTensors::add_up`].
    pub(super) fn at_once(&self) -> bool {
        self.arrivals.is_some()
    }

    /// Arguments of that kernel, which calls [`SumTensors::put`] for every kind.
    pub(super) fn arg<N: Size>(&self, split: &Split) -> SumTensorsLaunch<N> {
        let [first, second, third] = self.of_channels.each_ref().map(|x| x.clone().into_tensor_arg());
        let (counters, first_counter) = match &self.arrivals {
            Some(Arrivals { counters, first }) => (counters.clone(), *first),
            None => (empty(&self.of_parts, [1], DType::U32), 0),
        };
        SumTensorsLaunch::new(
            self.of_parts.clone().into_tensor_arg(),
            self.of_samples.clone().into_tensor_arg(),
            first,
            second,
            third,
            counters.into_tensor_arg(),
            first_counter,
            split.samples,
            split.parts,
        )
    }

    /// The sums `[kinds, batch, channels]`, and those over all samples, once that kernel is launched.
    pub(super) fn finished(self, split: &Split) -> (CubeTensor, [CubeTensor; KINDS]) {
        if self.arrivals.is_none() {
            // SAFETY: indices come from the shapes of these very tensors; channels past their ends are not written.
            unsafe {
                added_up::launch_unchecked(
                    &self.of_parts.client,
                    split.cubes_of_channels(),
                    split.dim,
                    split.address,
                    split.vector,
                    self.arg(split),
                    self.kinds,
                    split.units(),
                );
            }
        }
        (self.of_samples, self.of_channels)
    }
}

/// [`Sums`] in a kernel.
#[derive(CubeType, CubeLaunch)]
pub(super) struct SumTensors<N: Size> {
    of_parts: OwnedTensor<Vector<f32, N>>,
    of_samples: OwnedTensor<Vector<f32, N>>,
    first: OwnedTensor<Vector<f32, N>>,
    second: OwnedTensor<Vector<f32, N>>,
    third: OwnedTensor<Vector<f32, N>>,
    counters: OwnedTensor<Atomic<u32>>,
    first_counter: usize,
    samples: usize,
    parts: usize,
}

#[cube]
impl<N: Size> SumTensors<N> {
    /// Stores the sum of this cube's part, of one kind.
    pub(super) fn put(&mut self, kind: usize, sum: Vector<f32, N>, grid: &Grid) {
        let (channel, channels) = (channel_of_unit::<N>(), self.of_parts.shape(2));
        if UNIT_POS_Y == 0 && channel < channels {
            let of_kind = kind * self.of_parts.stride(0) / N::value();
            self.of_parts[of_kind + grid.of_part::<N>(CUBE_POS_Z as usize, channel, channels)] = sum;
        }
    }

    /// Adds up what all cubes have put: the last cube of a sample's channels its sums, the last one of these those of all
    /// samples.
    pub(super) fn add_up(&mut self, #[comptime] kinds: usize, shared: &mut Shared<[Vector<f32, N>]>) {
        let groups = (CUBE_COUNT_Y * CUBE_COUNT_Z) as usize;
        let counter = self.first_counter + group();
        if is_last_cube(&mut self.counters, counter, CUBE_COUNT_X) {
            #[unroll]
            for kind in 0..kinds {
                self.add_up_parts(kind, CUBE_POS_Z as usize, shared);
            }
            let counter = self.first_counter + groups + CUBE_POS_Y as usize;
            if is_last_cube(&mut self.counters, counter, CUBE_COUNT_Z) {
                #[unroll]
                for kind in 0..kinds {
                    self.add_up_samples(kind);
                }
            }
        }
    }

    /// Adds up the parts of a sample.
    fn add_up_parts(&mut self, kind: usize, sample: usize, shared: &mut Shared<[Vector<f32, N>]>) {
        let channels = self.of_samples.shape(2);
        let unit_channel = channel_of_unit::<N>();
        let channel = clamp_max(unit_channel, channels - N::value());
        let row = kind * self.samples + sample;
        let mut sum = Vector::<f32, N>::broadcast(0.0);
        for part in range_stepped(UNIT_POS_Y as usize, self.parts, CUBE_DIM_Y as usize) {
            sum += self.of_parts[((row * self.parts + part) * channels + channel) / N::value()];
        }
        let sum = sum_of_units::<N>(sum, shared);
        if UNIT_POS_Y == 0 && unit_channel < channels {
            self.of_samples[(row * channels + channel) / N::value()] = sum;
        }
    }

    /// Adds up the samples.
    fn add_up_samples(&mut self, kind: usize) {
        let (channel, channels) = (channel_of_unit::<N>(), self.of_samples.shape(2));
        if UNIT_POS_Y == 0 && channel < channels {
            let mut total = Vector::<f32, N>::broadcast(0.0);
            for sample in 0..self.samples {
                total += self.of_samples[((kind * self.samples + sample) * channels + channel) / N::value()];
            }
            let at = channel / N::value();
            if kind == 0 {
                self.first[at] = total;
            } else if kind == 1 {
                self.second[at] = total;
            } else {
                self.third[at] = total;
            }
        }
    }
}

/// Adds up what an earlier kernel has put.
#[cube(launch_unchecked, address_type = "dynamic")]
fn added_up<N: Size>(sums: &mut SumTensors<N>, #[comptime] kinds: usize, #[comptime] units: usize) {
    let mut shared = Shared::<[Vector<f32, N>]>::new_slice(units);
    #[unroll]
    for kind in 0..kinds {
        for sample in 0..sums.samples {
            sums.add_up_parts(kind, sample, &mut shared);
        }
        sums.add_up_samples(kind);
    }
}
