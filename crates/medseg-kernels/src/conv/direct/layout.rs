//! Layout of a region's input in memory, such that every tap reads consecutive values.
//!
//! Input positions with one remainder by the stride are a phase; a region's input is stored phase by phase, with zeros for
//! the padding. The positions of a row of outputs then meet consecutive values at every tap, whatever the stride, and the
//! taps of one phase share them. Rows that fill their vectors badly are copied once more, tap by tap, one after the other,
//! so that vectors reach over the ends of rows.

use std::ops::Range;

use super::geometry::Geometry;
use super::product::{Places, Vector};
use super::region::{Region, region_size};
use crate::conv::source::Channel;
use crate::isa::{Isa, WIDEST, vectorised};

/// Values of a region's input that stay in the second-level cache, beside weights and sums.
const CACHED: usize = 3 << 16;
/// Positions that a region has at least, where memory allows: its weights are read once for all of them.
const ENOUGH: usize = 256;
/// Positions beyond which a larger region saves nothing.
const MOST: usize = 4096;
/// Regions of a batch that every thread finds enough of.
const MANY: usize = 32;

/// The layout of a region's input.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    geometry: Geometry,
    /// Planes and rows of a whole region.
    pub size: [usize; 2],
    /// Phases along each axis that the kernel meets.
    phases: [usize; 3],
    /// Planes, rows and values of a row of each phase.
    extent: [usize; 3],
    rows: Rows,
    lanes: usize,
}

/// The vectors that a region's positions are divided into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// Vectors of each row; the last one of a row may repeat positions.
    Apart,
    /// Vectors over the ends of rows, as the phases lie.
    Joined,
    /// Vectors over the ends of rows, in copies for every tap, each of so many values.
    Copied(usize),
}

/// Memory that is used for one channel after the other.
#[derive(Default)]
pub(crate) struct Scratch {
    phases: Vec<f32>,
    row: Vec<f32>,
    half: Vec<f32>,
}

impl Layout {
    /// The layout that suits `channels` that are read and `written` ones for each position. If `whole`, a region's
    /// channels are all held together.
    pub fn new(isa: Isa, geometry: &Geometry, batch: usize, channels: usize, written: usize, whole: bool) -> Self {
        let (lanes, width) = (isa.lanes(), geometry.output[2]);
        let vectors = width.div_ceil(lanes);
        // Values computed in vain beside the time of copies: about three products of a vector for each vector copied.
        let filled = width >= lanes && (vectors * lanes - width) * written <= 3 * lanes * width.div_ceil(WIDEST);
        let reaches = (0..3).any(|axis| geometry.kernel[axis] > geometry.stride[axis]);
        let total = batch * geometry.output.iter().product::<usize>();
        let least = if whole { ENOUGH / 4 } else { ENOUGH };
        let mut most = MOST.min(total / MANY).max(ENOUGH);
        loop {
            let rows = if filled { Rows::Apart } else { Rows::Joined };
            let mut layout = Self::of(isa, geometry, most, rows);
            if !filled && reaches {
                layout.rows = Rows::Copied(layout.positions().next_multiple_of(WIDEST));
            }
            let all = channels * layout.channel_len() <= CACHED;
            // Repeated positions cannot be added up group by group.
            let ungrouped = layout.rows == Rows::Apart && !width.is_multiple_of(lanes);
            if all || ((whole || !ungrouped) && most <= least) {
                return layout;
            }
            if most <= least {
                if layout.size == [1, 1] {
                    layout.rows = Rows::Copied(layout.positions().next_multiple_of(WIDEST));
                    return layout;
                }
                most = layout.positions() - 1;
                continue;
            }
            most = (most / 2).max(least);
        }
    }

    /// A layout for positions that are read one by one, up to `most` of them to a region.
    pub fn uncopied(isa: Isa, geometry: &Geometry, most: usize) -> Self {
        Self::of(isa, geometry, most, Rows::Apart)
    }

    /// A layout of a region as large as the output.
    pub fn of_box(isa: Isa, geometry: &Geometry) -> Self {
        Self::uncopied(isa, geometry, usize::MAX)
    }

    fn of(isa: Isa, geometry: &Geometry, most: usize, rows: Rows) -> Self {
        let along = |axis: usize| (geometry.kernel[axis].saturating_sub(geometry.stride[axis]), geometry.stride[axis]);
        let ((reach_z, step_z), (reach_y, step_y)) = (along(0), along(1));
        let joined = (rows != Rows::Apart).then_some(isa.lanes());
        let size = region_size(geometry.output, most, [reach_z, reach_y], [step_z, step_y], joined);
        let phases = std::array::from_fn(|a| geometry.stride[a].min(geometry.kernel[a]));
        let whole = [size[0], size[1], geometry.output[2]];
        let extent = std::array::from_fn(|a| whole[a] + (geometry.kernel[a] - 1) / geometry.stride[a]);
        Self { geometry: *geometry, size, phases, extent, rows, lanes: isa.lanes() }
    }

    /// Positions of a whole region.
    pub fn positions(&self) -> usize {
        self.size[0] * self.size[1] * self.geometry.output[2]
    }

    /// Values of one channel. A vector that begins at the last position ends within.
    pub fn channel_len(&self) -> usize {
        match self.rows {
            Rows::Copied(of_tap) => self.geometry.taps() * of_tap + WIDEST,
            Rows::Apart | Rows::Joined => self.phases_len(),
        }
    }

    /// Channels that are held together; all of them, or a part whose sums are added up.
    pub fn channels_at_once(&self, channels: usize) -> usize {
        let ungrouped = self.rows == Rows::Apart && !self.geometry.output[2].is_multiple_of(self.lanes);
        if ungrouped { channels } else { channels.div_ceil((channels * self.channel_len()).div_ceil(CACHED)) }
    }

    /// The place among a channel's values of those that the positions meet at a tap.
    pub fn place(&self, tap: [usize; 3]) -> usize {
        match self.rows {
            Rows::Copied(of_tap) => {
                let [_, height, width] = self.geometry.kernel;
                ((tap[0] * height + tap[1]) * width + tap[2]) * of_tap
            }
            Rows::Apart | Rows::Joined => self.place_in_phases(tap),
        }
    }

    /// The place of a position of a region, counted from its first plane, row and voxel, relative to that of the first.
    pub fn position(&self, region: &Region, [z, y, x]: [usize; 3]) -> usize {
        match self.rows {
            Rows::Apart => (z * self.extent[1] + y) * self.extent[2] + x,
            Rows::Joined | Rows::Copied(_) => (z * region.size[1] + y) * self.geometry.output[2] + x,
        }
    }

    /// The places of all positions of a region, in order.
    pub fn region_positions(&self, region: &Region) -> impl Iterator<Item = usize> {
        let ([planes, rows], width) = (region.size, self.geometry.output[2]);
        let all = (0..planes).flat_map(move |z| (0..rows).flat_map(move |y| (0..width).map(move |x| [z, y, x])));
        all.map(|at| self.position(region, at))
    }

    /// Planes, rows and values of a row of each phase.
    pub fn extent(&self) -> [usize; 3] {
        self.extent
    }

    /// The vectors of a region. They write to its positions one after the other.
    pub fn vectors(&self, region: &Region) -> Vec<Vector> {
        let ([planes, rows], width, lanes) = (region.size, self.geometry.output[2], self.lanes);
        if self.rows != Rows::Apart {
            let starts = (0..planes * rows * width).step_by(lanes);
            return starts.map(|at| Vector { from: at, to: at }).collect();
        }
        let of_row = |z: usize, y: usize| {
            let to = (z * rows + y) * width;
            (0..width)
                .step_by(lanes)
                .map(move |x| x.min(width - lanes))
                .map(move |x| Vector { from: self.position(region, [z, y, x]), to: to + x })
        };
        (0..planes).flat_map(|z| (0..rows).flat_map(move |y| of_row(z, y))).collect()
    }

    /// The vectors of a region such that they write to its places in the volume, if they write to nothing else.
    pub fn vectors_in_place(&self, region: &Region) -> Option<Vec<Vector>> {
        let (output, rows) = (self.geometry.output, region.size[1] * self.geometry.output[2]);
        let aligned = region.consecutive(output) && region.positions(output[2]).is_multiple_of(self.lanes);
        if self.rows != Rows::Apart && !aligned {
            return None;
        }
        let mut vectors = self.vectors(region);
        let first: Vec<usize> = region.planes(output).collect();
        vectors.iter_mut().for_each(|vector| vector.to = first[vector.to / rows] + vector.to % rows);
        Some(vectors)
    }

    /// Stores one channel of a region's input; `to` has [`channel_len`](Self::channel_len) values.
    /// The `next` channel is loaded into the cache meanwhile.
    pub fn fill(
        &self,
        channel: Channel<'_>,
        next: Option<Channel<'_>>,
        region: &Region,
        scratch: &mut Scratch,
        to: &mut [f32],
    ) {
        let Scratch { phases, row, half } = scratch;
        if let Rows::Copied(of_tap) = self.rows {
            phases.resize(self.phases_len(), 0.0);
            fill_phases(self, channel, next, region, row, half, phases);
            let places: Vec<usize> = self.geometry.places().into_iter().map(|tap| self.place_in_phases(tap)).collect();
            copy_rows(self.extent, self.geometry.output[2], region.size, &places, phases, of_tap, to);
        } else {
            fill_phases(self, channel, next, region, row, half, to);
        }
    }

    /// The taps of the kernel among values and weights, in order.
    pub fn taps(&self) -> Vec<Places> {
        let places = self.geometry.places().into_iter().enumerate();
        places.map(|(weight, tap)| Places { value: self.place(tap), weight }).collect()
    }

    fn phases_len(&self) -> usize {
        self.phases.iter().product::<usize>() * self.phase_len() + WIDEST
    }

    fn phase_len(&self) -> usize {
        self.extent.iter().product()
    }

    /// The first row of a phase.
    fn phase(&self, phase: [usize; 3]) -> usize {
        ((phase[0] * self.phases[1] + phase[1]) * self.phases[2] + phase[2]) * self.phase_len()
    }

    fn place_in_phases(&self, tap: [usize; 3]) -> usize {
        let [stride, extent] = [self.geometry.stride, self.extent];
        let at: [usize; 3] = std::array::from_fn(|a| tap[a] / stride[a]);
        self.phase(std::array::from_fn(|a| tap[a] % stride[a])) + (at[0] * extent[1] + at[1]) * extent[2] + at[2]
    }

    /// Planes or rows of a phase that a region's outputs meet, and the input's plane or row at each, if it is not padding.
    #[inline(always)]
    fn met(&self, axis: usize, region: &Region, phase: usize) -> impl Iterator<Item = Option<usize>> {
        let Geometry { kernel, stride, .. } = self.geometry;
        let first = region.first[axis];
        (first..first + region.size[axis] + (kernel[axis] - 1 - phase) / stride[axis])
            .map(move |at| self.geometry.met(axis, at, phase))
    }

    /// The values of a phase's row that are not padding.
    #[inline(always)]
    fn inside(&self, phase: usize) -> Range<usize> {
        let Geometry { input, stride, padding, .. } = self.geometry;
        let first = padding[2].saturating_sub(phase).div_ceil(stride[2]).min(self.extent[2]);
        let end = (input[2] + padding[2]).saturating_sub(phase).div_ceil(stride[2]);
        first..end.clamp(first, self.extent[2])
    }
}

vectorised! {
    /// Stores the phases of a region.
    fn fill_phases(
        layout: &Layout,
        channel: Channel<'_>,
        next: Option<Channel<'_>>,
        region: &Region,
        scratch: &mut Vec<f32>,
        half: &mut Vec<f32>,
        to: &mut [f32],
    ) {
        let Geometry { input: [_, _, in_width], stride, padding, .. } = layout.geometry;
        let [_, height, width] = layout.extent;
        // Joined rows follow one another in a region with fewer of them too.
        let height = if layout.rows == Rows::Joined { region.size[1] } else { height };
        scratch.resize(in_width, 0.0);
        let insides: Vec<Range<usize>> = (0..layout.phases[2]).map(|px| layout.inside(px)).collect();
        for (pz, py) in (0..layout.phases[0]).flat_map(|pz| (0..layout.phases[1]).map(move |py| (pz, py))) {
            for (z, from_z) in layout.met(0, region, pz).enumerate() {
                for (y, from_y) in layout.met(1, region, py).enumerate() {
                    let row = match (from_z, from_y) {
                        (Some(z), Some(y)) => Some(channel.in_place(z, y, 1).unwrap_or_else(|| {
                            channel.row(z, y, scratch, half);
                            scratch
                        })),
                        _ => None,
                    };
                    if let (Some(next), Some(z), Some(y)) = (next, from_z, from_y) {
                        next.prefetch(z, y);
                    }
                    for (px, inside) in insides.iter().enumerate() {
                        let to = &mut to[layout.phase([pz, py, px]) + (z * height + y) * width..][..width];
                        let Some(row) = row.filter(|_| !inside.is_empty()) else {
                            to.fill(0.0);
                            continue;
                        };
                        // Loops, not calls: there are few of them.
                        to[..inside.start].iter_mut().for_each(|to| *to = 0.0);
                        to[inside.end..].iter_mut().for_each(|to| *to = 0.0);
                        let from = &row[inside.start * stride[2] + px - padding[2]..];
                        step_copy(from, stride[2], &mut to[inside.clone()]);
                    }
                }
            }
        }
    }

    /// Copies the rows that each tap meets, one after the other; behind the last one, the copies run over up to a vector.
    fn copy_rows(
        extent: [usize; 3],
        width: usize,
        size: [usize; 2],
        places: &[usize],
        phases: &[f32],
        of_tap: usize,
        to: &mut [f32],
    ) {
        for (tap, place) in places.iter().enumerate() {
            let mut at = tap * of_tap;
            for (z, y) in (0..size[0]).flat_map(|z| (0..size[1]).map(move |y| (z, y))) {
                let from = &phases[place + (z * extent[1] + y) * extent[2]..];
                let row = &mut to[at..];
                for x in (0..width).step_by(WIDEST) {
                    row[x..x + WIDEST].copy_from_slice(&from[x..x + WIDEST]);
                }
                at += width;
            }
        }
    }
}

/// Copies every `stride`-th value.
#[inline(always)]
fn step_copy(from: &[f32], stride: usize, to: &mut [f32]) {
    match stride {
        1 => to.copy_from_slice(&from[..to.len()]),
        2 => {
            // The last one may lack a partner.
            let (last, to) = to.split_last_mut().expect("a value");
            *last = from[2 * to.len()];
            to.iter_mut().zip(from.chunks_exact(2)).for_each(|(to, pair)| *to = pair[0]);
        }
        _ => to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, from)| *to = *from),
    }
}
