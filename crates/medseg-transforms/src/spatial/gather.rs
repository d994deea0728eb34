//! Interpolation at any positions, image and label together.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, CowArray, Ix3, parallel::prelude::*, s};

use super::border::cubic_weights;
use super::pending::Sampled;
use super::separable::snapped;
use super::{BorderMode, Kernel, VoxelMap};

/// Rows of the result that a thread takes at a time.
const ROWS: usize = 16;

/// The rows of one task in every output.
struct Band<'a> {
    first_row: usize,
    channels: Vec<&'a mut [f32]>,
    label: Option<&'a mut [u8]>,
}

/// Samples all channels, and the label by the nearest voxel, on a grid of `to` voxels.
pub(crate) fn gather(
    channels: &[ArrayView3<'_, f32>],
    label: Option<ArrayView3<'_, u8>>,
    sampled: &Sampled,
    to: Dhw<usize>,
) -> (Vec<Array3<f32>>, Option<Array3<u8>>) {
    let field = sampled.elastic.map(|(elastic, grid)| elastic.displacements(grid));
    gather_displaced(channels, label, sampled, field.as_ref(), to)
}

/// As [`gather`] with displacements that are there already.
pub(crate) fn gather_displaced(
    channels: &[ArrayView3<'_, f32>],
    label: Option<ArrayView3<'_, u8>>,
    sampled: &Sampled,
    field: Option<&[Array3<f32>; 3]>,
    to: Dhw<usize>,
) -> (Vec<Array3<f32>>, Option<Array3<u8>>) {
    let lengths = channels.first().map_or([0; 3], |c| c.dim().into());
    let way = Way { sampled, field, lengths };
    let channels: Vec<_> = channels.iter().map(|c| c.as_standard_layout()).collect();
    let label = label.as_ref().map(|label| label.as_standard_layout());
    let (sources, label_source) = (channels.iter().map(flat).collect::<Vec<_>>(), label.as_ref().map(flat));

    let mut images = vec![Array3::<f32>::zeros((to.d, to.h, to.w)); sources.len()];
    let mut labels = label_source.map(|_| Array3::<u8>::zeros((to.d, to.h, to.w)));
    let length = ROWS * to.w;
    let mut bands: Vec<Band<'_>> = (0..(to.d * to.h).div_ceil(ROWS))
        .map(|n| Band { first_row: n * ROWS, channels: Vec::with_capacity(sources.len()), label: None })
        .collect();
    for image in &mut images {
        let parts = image.as_slice_mut().unwrap_or_default().chunks_mut(length);
        bands.iter_mut().zip(parts).for_each(|(band, part)| band.channels.push(part));
    }
    if let Some(labels) = &mut labels {
        let parts = labels.as_slice_mut().unwrap_or_default().chunks_mut(length);
        bands.iter_mut().zip(parts).for_each(|(band, part)| band.label = Some(part));
    }
    bands.into_par_iter().for_each_init(Positions::default, |at, mut band| {
        let rows = band.channels.first().map_or(0, |c| c.len() / to.w);
        for row in 0..rows {
            let (n, range) = (band.first_row + row, row * to.w..(row + 1) * to.w);
            way.positions([n / to.h, n % to.h], to.w, at);
            for (out, source) in band.channels.iter_mut().zip(&sources) {
                way.image_row(source, at, &mut out[range.clone()]);
            }
            if let (Some(out), Some(source)) = (&mut band.label, label_source) {
                way.nearest_row(source, at, &mut out[range], 0);
            }
        }
    });
    (images, labels)
}

fn flat<'a, T>(array: &'a CowArray<'_, T, Ix3>) -> &'a [T] {
    array.as_slice().unwrap_or_default()
}

/// Source positions of the voxels of one row, along each axis.
#[derive(Default)]
struct Positions {
    along: [Vec<f64>; 3],
}

struct Way<'a> {
    sampled: &'a Sampled,
    field: Option<&'a [Array3<f32>; 3]>,
    lengths: [usize; 3],
}

impl Way<'_> {
    fn positions(&self, [z, y]: [usize; 2], width: usize, at: &mut Positions) {
        let (z, y) = (z as f64, y as f64);
        let Sampled { before, after, .. } = self.sampled;
        match self.field {
            None => line(&before.after(after), [z, y], width, &mut at.along),
            Some(field) if *after == VoxelMap::IDENTITY => {
                let row = |n: usize| field[n].slice(s![z as usize, y as usize, ..width]);
                at.along.iter_mut().for_each(|along| along.resize(width, 0.0));
                let [to_d, to_h, to_w] = &mut at.along;
                let to = to_d.iter_mut().zip(to_h).zip(to_w);
                let by = row(0).into_iter().zip(row(1)).zip(row(2)).enumerate();
                for (((to_d, to_h), to_w), (x, ((d, h), w))) in to.zip(by) {
                    [*to_d, *to_h, *to_w] =
                        before.apply([z + f64::from(*d), y + f64::from(*h), x as f64 + f64::from(*w)]);
                }
            }
            Some(field) => {
                line(after, [z, y], width, &mut at.along);
                let [d, h, w] = &mut at.along;
                for ((d, h), w) in d.iter_mut().zip(h).zip(w) {
                    let here = [*d, *h, *w];
                    let moved = displaced(field, here);
                    [*d, *h, *w] = before.apply(moved);
                }
            }
        }
        // Cubic convolution pads voxel by voxel, for its weights reach further than the position's neighbours.
        if self.sampled.kernel != Kernel::Cubic {
            for (along, length) in at.along.iter_mut().zip(self.lengths) {
                inside(self.sampled.padding, along, length);
            }
        }
    }

    fn strides(&self) -> [usize; 3] {
        let [_, h, w] = self.lengths;
        // An axis of one voxel has no second corner: both are the same voxel.
        let strides = [h * w, w, 1];
        std::array::from_fn(|axis| if self.lengths[axis] > 1 { strides[axis] } else { 0 })
    }

    fn image_row(&self, source: &[f32], at: &Positions, out: &mut [f32]) {
        match self.sampled.kernel {
            Kernel::Nearest => self.nearest_row(source, at, out, 0.0),
            Kernel::Cubic => self.each(at, out, |at| self.cubic(source, at)),
            Kernel::Linear | Kernel::Area if self.sampled.padding == BorderMode::Zeros => {
                self.each(at, out, |at| self.faded(source, at));
            }
            Kernel::Linear | Kernel::Area => self.linear_row(source, at, out),
        }
    }

    fn each(&self, at: &Positions, out: &mut [f32], value: impl Fn([f64; 3]) -> f32) {
        let [d, h, w] = &at.along;
        for (((out, d), h), w) in out.iter_mut().zip(d).zip(h).zip(w) {
            *out = value([*d, *h, *w]);
        }
    }

    /// Positions that lie between voxels.
    fn linear_row(&self, source: &[f32], at: &Positions, out: &mut [f32]) {
        let [sz, sy, sx] = self.strides();
        let most = self.lengths.map(|length| length.saturating_sub(2) as i32);
        let split = |at: f64, most: i32| {
            let low = (at as i32).min(most);
            (low as usize, (at - f64::from(low)) as f32)
        };
        let [d, h, w] = &at.along;
        for (((out, d), h), w) in out.iter_mut().zip(d).zip(h).zip(w) {
            let ((z, tz), (y, ty), (x, tx)) = (split(*d, most[0]), split(*h, most[1]), split(*w, most[2]));
            let base = z * sz + y * sy + x * sx;
            let pair = |corner: usize| {
                let low = source[corner];
                low + tx * (source[corner + sx] - low)
            };
            let (near, far) = (pair(base), pair(base + sy));
            let front = near + ty * (far - near);
            let (near, far) = (pair(base + sz), pair(base + sz + sy));
            let back = near + ty * (far - near);
            *out = front + tz * (back - front);
        }
    }

    /// Linear, with zeros outside.
    fn faded(&self, source: &[f32], at: [f64; 3]) -> f32 {
        let low = at.map(f64::floor);
        let mut sum = 0.0;
        for corner in 0..8usize {
            let (mut weight, mut index, mut exists) = (1.0f64, 0usize, true);
            for axis in 0..3 {
                let high = (corner >> (2 - axis)) & 1;
                let fraction = at[axis] - low[axis];
                weight *= if high == 1 { fraction } else { 1.0 - fraction };
                let place = low[axis] as i64 + high as i64;
                exists &= (0..self.lengths[axis] as i64).contains(&place);
                index = index * self.lengths[axis] + place.max(0) as usize;
            }
            if exists && weight != 0.0 {
                sum += weight as f32 * source[index];
            }
        }
        sum
    }

    fn cubic(&self, source: &[f32], at: [f64; 3]) -> f32 {
        let taps: [[(Option<usize>, f32); 4]; 3] = std::array::from_fn(|axis| {
            let at = snapped(at[axis]);
            let low = at.floor();
            let weights = cubic_weights(at - low);
            std::array::from_fn(|k| {
                let place = self.sampled.padding.position(low - 1.0 + k as f64, self.lengths[axis]);
                let exists = place >= 0.0 && place < self.lengths[axis] as f64 && weights[k] != 0.0;
                (exists.then_some(place as usize), weights[k] as f32)
            })
        });
        let [_, h, w] = self.lengths;
        let mut sum = 0.0;
        for (z, wz) in taps[0].iter().filter_map(|(z, w)| z.map(|z| (z, w))) {
            for (y, wy) in taps[1].iter().filter_map(|(y, w)| y.map(|y| (y, w))) {
                let row = &source[(z * h + y) * w..][..w];
                let along: f32 = taps[2].iter().filter_map(|(x, weight)| x.map(|x| weight * row[x])).sum();
                sum += wz * wy * along;
            }
        }
        sum
    }

    fn nearest_row<T: Copy>(&self, source: &[T], at: &Positions, out: &mut [T], outside: T) {
        let [d, h, w] = &at.along;
        let limits = self.lengths.map(|length| length as f64);
        let exists = |at: f64, limit: f64| at >= 0.0 && at < limit;
        for (((out, d), h), w) in out.iter_mut().zip(d).zip(h).zip(w) {
            let (d, h, w) = (half_even(*d), half_even(*h), half_even(*w));
            *out = if exists(d, limits[0]) && exists(h, limits[1]) && exists(w, limits[2]) {
                source[(d as usize * self.lengths[1] + h as usize) * self.lengths[2] + w as usize]
            } else {
                outside
            };
        }
    }
}

/// To the nearest whole number, halves to the even one, for numbers below 2^51: adding a number whose last binary digit
/// is worth 1 rounds so.
fn half_even(at: f64) -> f64 {
    const ONES: f64 = 1.5 * (1u64 << 52) as f64;
    (at + ONES) - ONES
}

/// The positions of a row of voxels under a map.
fn line(map: &VoxelMap, [z, y]: [f64; 2], width: usize, along: &mut [Vec<f64>; 3]) {
    let start = map.apply([z, y, 0.0]);
    for (axis, along) in along.iter_mut().enumerate() {
        let (start, step) = (start[axis], map.linear[axis][2]);
        along.clear();
        along.extend((0..width).map(|x| start + step * x as f64));
    }
}

/// Brings positions between the voxels where the padding says so.
fn inside(padding: BorderMode, along: &mut [f64], length: usize) {
    let last = length as f64 - 1.0;
    match padding {
        BorderMode::Border => along.iter_mut().for_each(|at| *at = at.max(0.0).min(last)),
        BorderMode::Zeros => along.iter_mut().for_each(|at| *at = snapped(at.max(-2.0).min(last + 2.0))),
        BorderMode::Reflection | BorderMode::Mirror => {
            along.iter_mut().for_each(|at| *at = padding.position(*at, length))
        }
    }
}

/// A position in the displacements' grid moved by the displacement there; beyond the grid that of its border counts.
pub(crate) fn displaced(field: &[Array3<f32>; 3], at: [f64; 3]) -> [f64; 3] {
    let lengths: [usize; 3] = field[0].dim().into();
    let (mut index, mut fraction) = ([[0usize; 2]; 3], [0.0f64; 3]);
    for axis in 0..3 {
        let within = at[axis].max(0.0).min(lengths[axis] as f64 - 1.0);
        let low = within as usize;
        index[axis] = [low, (low + 1).min(lengths[axis] - 1)];
        fraction[axis] = within - low as f64;
    }
    let whole = fraction == [0.0; 3];
    std::array::from_fn(|component| {
        let field = &field[component];
        let value = |d: usize, h: usize, w: usize| f64::from(field[[index[0][d], index[1][h], index[2][w]]]);
        if whole {
            return at[component] + value(0, 0, 0);
        }
        let [tz, ty, tx] = fraction;
        let row = |d: usize, h: usize| value(d, h, 0) + tx * (value(d, h, 1) - value(d, h, 0));
        let plane = |d: usize| row(d, 0) + ty * (row(d, 1) - row(d, 0));
        at[component] + plane(0) + tz * (plane(1) - plane(0))
    })
}
