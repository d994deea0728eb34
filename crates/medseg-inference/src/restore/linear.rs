//! Labels by the largest interpolated indicator, plane by plane.

use ndarray::{Array3, ArrayView2, ArrayView3, ArrayViewMut2, Axis, parallel::prelude::*};

use super::BeyondMask;
use super::axes::{AxisMaps, Tap};

/// Fills the target, which is all 0; `source` has the target's order of axes.
pub(super) fn fill(source: &ArrayView3<u8>, maps: &AxisMaps, beyond: BeyondMask, target: &mut Array3<u8>) {
    let taps = maps.0.map(|map| map.taps(beyond));
    let present: Vec<Labels> = source.axis_iter(Axis(0)).into_par_iter().map(|plane| Labels::of(&plane)).collect();
    target.axis_iter_mut(Axis(0)).into_par_iter().zip(&taps.d).for_each(|(plane, z)| {
        let Some(z) = *z else { return };
        let labels = present[z.low].or(present[z.high]);
        if labels.only_background() {
            return;
        }
        let planes = [z.low, z.high].map(|z| source.index_axis(Axis(0), z));
        Blender { planes, weight: z.weight, rows: &taps.h, columns: &taps.w }.fill(labels, plane);
    });
}

/// A set of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Labels([u64; 4]);

impl Labels {
    fn of(plane: &ArrayView2<u8>) -> Self {
        let mut set = [false; 256];
        plane.iter().for_each(|&label| set[usize::from(label)] = true);
        let mut bits = Self::default();
        for label in (0..256).filter(|&label| set[label]) {
            bits.0[label / 64] |= 1 << (label % 64);
        }
        bits
    }

    fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|n| self.0[n] | other.0[n]))
    }

    fn only_background(self) -> bool {
        self == Self([1, 0, 0, 0])
    }

    fn ascending(self) -> impl Iterator<Item = u8> {
        (0..=255_u8).filter(move |&label| self.0[usize::from(label) / 64] >> (label % 64) & 1 == 1)
    }
}

/// Makes one plane of the target out of two of the source.
struct Blender<'a> {
    planes: [ArrayView2<'a, u8>; 2],
    /// Of the second plane.
    weight: f32,
    rows: &'a [Option<Tap>],
    columns: &'a [Option<Tap>],
}

impl Blender<'_> {
    fn fill(&self, labels: Labels, mut target: ArrayViewMut2<u8>) {
        let (height, width) = self.planes[0].dim();
        let Some(first) = self.columns.iter().position(Option::is_some) else { return };
        let columns: Vec<Tap> = self.columns.iter().copied().flatten().collect();
        let mut best = vec![0.0_f32; self.rows.len() * columns.len()];
        let (mut indicator, mut line) = (vec![0.0_f32; height * width], vec![0.0_f32; width]);
        for label in labels.ascending() {
            let occupied = self.blend_planes(label, &mut indicator);
            let rows = target.outer_iter_mut().zip(self.rows).zip(best.chunks_exact_mut(columns.len()));
            for ((mut row, tap), best) in rows {
                let Some(tap) = tap.filter(|tap| occupied[tap.low] || occupied[tap.high]) else { continue };
                let [low, high] = [tap.low, tap.high].map(|y| &indicator[y * width..][..width]);
                for ((value, low), high) in line.iter_mut().zip(low).zip(high) {
                    *value = low + tap.weight * (high - low);
                }
                let row = row.iter_mut().skip(first);
                for ((to, tap), best) in row.zip(&columns).zip(best) {
                    let value = line[tap.low] + tap.weight * (line[tap.high] - line[tap.low]);
                    if value > *best {
                        *best = value;
                        *to = label;
                    }
                }
            }
        }
    }

    /// The indicator of a label between the two planes; `true` for the rows that have any of it.
    fn blend_planes(&self, label: u8, indicator: &mut [f32]) -> Vec<bool> {
        let (_, width) = self.planes[0].dim();
        let [first, second] = &self.planes;
        let rows = first.outer_iter().zip(second.outer_iter()).zip(indicator.chunks_exact_mut(width));
        rows.map(|((first, second), values)| {
            let mut any = false;
            for ((a, b), value) in first.iter().zip(&second).zip(values) {
                let [a, b] = [a, b].map(|voxel| f32::from(u8::from(*voxel == label)));
                *value = a + self.weight * (b - a);
                any |= a + b > 0.0;
            }
            any
        })
        .collect()
    }
}
