//! The 3×3×3 convolution.

use rayon::prelude::*;

use super::lanes::{Lanes, Path, WIDEST, on_path};
use super::scratch::Window;
use super::shared::SharedSlice;
use super::{BLOCK, Volumes};

/// Planes of output that one task makes.
const PLANES: usize = 4;
/// Values of padded input that a task should hold at a time, to stay in the second-level cache.
const CACHED: usize = 1 << 16;
/// Fewer tasks than this are split further by output channels, for machines with more threads.
const ENOUGH_TASKS: usize = 64;
/// Vectors of flat positions computed together; with BLOCK channels they fill AVX2's registers.
const VECTORS: usize = 3;
/// Values after the last plane that a whole vector may read.
const SLACK: usize = VECTORS * WIDEST + 8;

/// Taps of the kernel.
pub(super) const TAPS: usize = 27;

/// How one convolution is cut into tasks.
struct Plan {
    x: Volumes,
    output: usize,
    sides: [usize; 3],
    padding: [usize; 3],
    /// Output rows of a task.
    rows: usize,
    /// Blocks of output channels of a task.
    blocks: usize,
    row_stride: usize,
    plane_stride: usize,
}

/// A task: sample, first plane, first row, first block of output channels.
type Task = [usize; 4];

/// Convolves with weights packed by [`pack`](super::pack); stride 1. Returns `[batch, output, sides]`.
///
/// # Panics
/// If `weights` has not the packed length or the kernel is larger than the padded input.
pub(in super::super) fn conv3(
    path: Path,
    x: &[f32],
    volumes: Volumes,
    weights: &[f32],
    output: usize,
    padding: [usize; 3],
) -> (Vec<f32>, [usize; 3]) {
    let plan = Plan::new(volumes, output, padding);
    assert_eq!(weights.len(), output.div_ceil(BLOCK) * BLOCK * volumes.channels * TAPS, "packed weights");
    assert_eq!(x.len(), volumes.len(), "input values");
    let mut out = vec![0.0f32; volumes.batch * output * plan.sides.iter().product::<usize>()];
    let shared = SharedSlice::new(&mut out);
    let tasks = plan.tasks();
    tasks.par_iter().for_each_init(
        || (Vec::new(), Vec::new()),
        |(padded, tile), task| plan.run(path, x, weights, *task, padded, tile, &shared),
    );
    (out, plan.sides)
}

impl Plan {
    fn new(x: Volumes, output: usize, padding: [usize; 3]) -> Self {
        let padded: [usize; 3] = std::array::from_fn(|a| x.sides[a] + 2 * padding[a]);
        assert!(padded.iter().all(|s| *s >= 3), "a kernel of 3 does not fit into {padded:?} voxels");
        let sides = padded.map(|s| s - 2);
        let row_stride = padded[2];
        let a_row = x.channels * (PLANES.min(sides[0]) + 2) * row_stride;
        let rows = (CACHED / a_row.max(1)).saturating_sub(2).clamp(4, sides[1].max(4)).min(sides[1]);
        let plane_stride = (rows + 2) * row_stride;
        let all_blocks = output.div_ceil(BLOCK);
        let places = x.batch * sides[0].div_ceil(PLANES) * sides[1].div_ceil(rows);
        let groups = ENOUGH_TASKS.div_ceil(places).clamp(1, all_blocks);
        Self { x, output, sides, padding, rows, blocks: all_blocks.div_ceil(groups), row_stride, plane_stride }
    }

    fn tasks(&self) -> Vec<Task> {
        let every = |count: usize, step: usize| (0..count).step_by(step);
        let blocks = self.output.div_ceil(BLOCK);
        let mut tasks = Vec::new();
        for n in 0..self.x.batch {
            for z in every(self.sides[0], PLANES) {
                for y in every(self.sides[1], self.rows) {
                    tasks.extend(every(blocks, self.blocks).map(|b| [n, z, y, b]));
                }
            }
        }
        tasks
    }

    #[allow(clippy::too_many_arguments, reason = "the shared state of a task")]
    fn run(
        &self,
        path: Path,
        x: &[f32],
        weights: &[f32],
        [n, z, y, block]: Task,
        padded: &mut Vec<f32>,
        tile: &mut Vec<f32>,
        out: &SharedSlice<'_>,
    ) {
        let planes = PLANES.min(self.sides[0] - z);
        let rows = self.rows.min(self.sides[1] - y);
        let channel_stride = (planes + 2) * self.plane_stride;
        padded.resize(self.x.channels * channel_stride + SLACK, 0.0);
        self.copy_input(x, [n, z, y], planes, padded);
        let flat = (rows - 1) * self.row_stride + self.sides[2];
        let tile_stride = flat.next_multiple_of(WIDEST) + SLACK;
        tile.resize(BLOCK * tile_stride, 0.0);
        let strides = Strides { channel: channel_stride, plane: self.plane_stride, row: self.row_stride };
        for b in block..(block + self.blocks).min(self.output.div_ceil(BLOCK)) {
            let weights = &weights[b * BLOCK * self.x.channels * TAPS..][..BLOCK * self.x.channels * TAPS];
            for p in 0..planes {
                let from = &padded[p * self.plane_stride..];
                flat_convolution(path, from, strides, weights, flat, tile, tile_stride);
                self.copy_out(tile, tile_stride, [n, z + p, y], rows, b, out);
            }
        }
    }

    fn copy_input(&self, x: &[f32], [n, z, y]: [usize; 3], planes: usize, padded: &mut [f32]) {
        let window = Window {
            sides: self.x.sides,
            first: [z as isize - self.padding[0] as isize, y as isize - self.padding[1] as isize],
            count: [planes + 2, self.rows + 2],
            left: self.padding[2],
            row_stride: self.row_stride,
            plane_stride: self.plane_stride,
        };
        let voxels = self.x.voxels();
        let stride = (planes + 2) * self.plane_stride;
        for (c, to) in padded.chunks_exact_mut(stride).take(self.x.channels).enumerate() {
            window.copy(&x[(n * self.x.channels + c) * voxels..][..voxels], to);
        }
    }

    /// Copies the rows of a tile to the channels of block `b`, leaving out what lies between the rows.
    fn copy_out(
        &self,
        tile: &[f32],
        stride: usize,
        [n, z, y]: [usize; 3],
        rows: usize,
        b: usize,
        out: &SharedSlice<'_>,
    ) {
        let [depth, height, width] = self.sides;
        for (lane, values) in tile.chunks_exact(stride).enumerate().take(self.output - (b * BLOCK).min(self.output)) {
            let channel = n * self.output + b * BLOCK + lane;
            let at = ((channel * depth + z) * height + y) * width;
            // SAFETY: tasks differ in sample, planes, rows or channel block, so no other one writes these rows.
            let to = unsafe { out.part(at, rows * width) };
            for (row, from) in to.chunks_exact_mut(width).zip(values.chunks(self.row_stride)) {
                row.copy_from_slice(&from[..width]);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Strides {
    channel: usize,
    plane: usize,
    row: usize,
}

/// `tile[lane][f] = Σ over channels and taps of weight · from[f + offset of the tap]` for `flat` positions f.
fn flat_convolution(
    path: Path,
    from: &[f32],
    strides: Strides,
    weights: &[f32],
    flat: usize,
    tile: &mut [f32],
    tile_stride: usize,
) {
    let channels = weights.len() / (BLOCK * TAPS);
    // The last vector begins below `flat`, so it ends less than its width past it; at the last channel's last tap too.
    let last_tap = (channels - 1) * strides.channel + 2 * (strides.plane + strides.row + 1);
    assert!(last_tap + flat + WIDEST <= from.len() && flat + WIDEST <= tile_stride);
    assert!(tile.len() >= BLOCK * tile_stride);
    let (from, weights, tile) = (from.as_ptr(), weights.as_ptr(), tile.as_mut_ptr());
    on_path!(
        path,
        chunks(
            from: *const f32, strides: Strides, channels: usize, weights: *const f32,
            flat: usize, tile: *mut f32, tile_stride: usize,
        )
    );
}

/// All chunks of the flat range.
///
/// # Safety
/// `from`, `weights` and `tile` reach as far as [`flat_convolution`] asserts, and the processor has V's instructions.
#[inline(always)]
unsafe fn chunks<V: Lanes>(
    from: *const f32,
    strides: Strides,
    channels: usize,
    weights: *const f32,
    flat: usize,
    tile: *mut f32,
    tile_stride: usize,
) {
    let mut at = 0;
    while at < flat {
        let left = (flat - at).div_ceil(V::WIDTH);
        // SAFETY: a chunk begins below `flat` and is at most VECTORS vectors wide.
        unsafe {
            let (x, to) = (from.add(at), tile.add(at));
            match left {
                1 => chunk::<V, 1>(x, strides, channels, weights, to, tile_stride),
                2 => chunk::<V, 2>(x, strides, channels, weights, to, tile_stride),
                _ => chunk::<V, VECTORS>(x, strides, channels, weights, to, tile_stride),
            }
        }
        at += left.min(VECTORS) * V::WIDTH;
    }
}

/// BLOCK channels of N vectors of positions, held in registers over all input channels and taps.
///
/// # Safety
/// As [`chunks`].
#[inline(always)]
unsafe fn chunk<V: Lanes, const N: usize>(
    from: *const f32,
    strides: Strides,
    channels: usize,
    mut weights: *const f32,
    tile: *mut f32,
    tile_stride: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut sums = [[V::zero(); N]; BLOCK];
        for c in 0..channels {
            for plane in 0..3 {
                for row in 0..3 {
                    let taps = from.add(c * strides.channel + plane * strides.plane + row * strides.row);
                    for tap in 0..3 {
                        let mut x = [V::zero(); N];
                        for (i, x) in x.iter_mut().enumerate() {
                            *x = V::load(taps.add(tap + i * V::WIDTH));
                        }
                        for (lane, sums) in sums.iter_mut().enumerate() {
                            let w = V::splat(*weights.add(lane));
                            for (sum, x) in sums.iter_mut().zip(x) {
                                *sum = sum.add_product(w, x);
                            }
                        }
                        weights = weights.add(BLOCK);
                    }
                }
            }
        }
        for (lane, sums) in sums.iter().enumerate() {
            for (i, sum) in sums.iter().enumerate() {
                sum.store(tile.add(lane * tile_stride + i * V::WIDTH));
            }
        }
    }
}
