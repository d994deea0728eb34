//! The part of a volume that a page holds, and the blocks that it is reduced to.

use std::ops::Range;

use medseg_volume::{Dhw, Geometry, Volume};
use ndarray::{Array3, ArrayView3, s};

use super::{ViewerMask, ViewerOptions};

/// The longest axis of a 3D texture that browsers can be expected to have.
const LONGEST_AXIS: usize = 2048;
/// Spacings whose ratio is below this count as equal.
const EQUAL_SPACING: f64 = 1.05;

/// The part of the volumes that a page holds and its resolution.
///
/// A block of voxels becomes one voxel: of the image its mean, of a mask its most frequent label (the larger of two equally
/// frequent ones). Axes of the finest spacing are reduced first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ViewerReduction {
    /// The shape of the volume given, `[depth, height, width]`.
    pub given: Dhw<usize>,
    /// The first voxel of the part.
    pub start: Dhw<usize>,
    /// The shape of the part, in voxels of the volume given.
    pub part: Dhw<usize>,
    /// The voxels of a block along every axis.
    pub block: Dhw<usize>,
}

impl ViewerReduction {
    /// True if the page holds every voxel.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.part == self.given && self.block == Dhw::splat(1)
    }

    /// The shape of the volumes on the page.
    #[must_use]
    pub fn shape(&self) -> Dhw<usize> {
        self.part.zip(self.block).map(|(part, block)| part.div_ceil(block))
    }

    /// The geometry of the volumes on the page.
    pub(super) fn geometry(&self, given: &Geometry) -> Geometry {
        let shape = self.shape();
        let part = given.cropped(self.start.map(usize::cast_signed));
        part.resized(shape.zip(self.block).map(|(blocks, block)| blocks * block), shape)
    }

    /// The part of a volume's voxels.
    fn part_of<'a, T>(&self, data: &'a Array3<T>) -> ArrayView3<'a, T> {
        let [d, h, w] = self.start.zip(self.part).map(|(start, size)| start..start + size).into_array();
        data.slice(s![d, h, w])
    }

    /// The image's blocks, each the mean of its values as `value` gives them, made a voxel by `cast`.
    pub(super) fn means<T: Clone>(
        &self,
        image: &Array3<f32>,
        value: impl Fn(f32) -> f64,
        cast: impl Fn(f64) -> T,
    ) -> Array3<T> {
        if self.block == Dhw::splat(1) {
            return self.part_of(image).map(|v| cast(value(*v)));
        }
        self.blocks(image, |block| {
            let sum: f64 = block.iter().map(|v| value(*v)).sum();
            cast(sum / block.len() as f64)
        })
    }

    /// A mask's blocks, each its most frequent label.
    pub(super) fn labels(&self, mask: &Array3<u8>) -> Array3<u8> {
        if self.block == Dhw::splat(1) {
            return self.part_of(mask).to_owned();
        }
        self.blocks(mask, |block| {
            // Most blocks hold one label.
            let first = block.first().copied().unwrap_or_default();
            if block.iter().all(|label| *label == first) {
                return first;
            }
            let mut counts = [0usize; 256];
            block.iter().for_each(|label| counts[usize::from(*label)] += 1);
            (0..=u8::MAX).max_by_key(|label| counts[usize::from(*label)]).unwrap_or_default()
        })
    }

    fn blocks<S, T: Clone>(&self, data: &Array3<S>, of: impl Fn(ArrayView3<'_, S>) -> T) -> Array3<T> {
        let part = self.part_of(data);
        let within = |at: usize, block: usize, size: usize| -> Range<usize> { at * block..size.min((at + 1) * block) };
        Array3::from_shape_fn(self.shape().to_array(), |(z, y, x)| {
            let (block, size) = (self.block, self.part);
            let [d, h, w] = [within(z, block.d, size.d), within(y, block.h, size.h), within(x, block.w, size.w)];
            of(part.slice(s![d, h, w]))
        })
    }
}

/// The search for the finest blocks that fit.
pub(super) struct Plan {
    reduction: ViewerReduction,
    spacing: Dhw<f64>,
}

impl Plan {
    /// The part around the masks' foreground, if that is asked for, in blocks of which there are few enough.
    pub fn new(image: &Volume<f32>, masks: &[ViewerMask<'_>], options: &ViewerOptions) -> Self {
        let given = image.shape();
        let whole = given.map(|size| 0..size);
        let part = options.crop_margin_mm.and_then(|margin| around(image, masks, margin)).unwrap_or(whole);
        let reduction = ViewerReduction {
            given,
            start: Dhw { d: part.d.start, h: part.h.start, w: part.w.start },
            part: part.map(|range| range.len()),
            block: Dhw::splat(1),
        };
        let mut plan = Self { reduction, spacing: image.geometry.spacing() };
        let longest = |size: usize| size.div_ceil(LONGEST_AXIS);
        plan.reduction.block = plan.reduction.part.map(longest);
        plan.reduce_to(options.max_voxels);
        plan
    }

    pub fn reduction(&self) -> ViewerReduction {
        self.reduction.clone()
    }

    /// Takes larger blocks, so that what took `bytes` can be expected to fit into `room`; false if there is but one block.
    pub fn shrink(&mut self, bytes: usize, room: usize) -> bool {
        let voxels = self.reduction.shape().voxels();
        let share = room as f64 / bytes.max(1) as f64;
        let before = self.reduction.block;
        // At least one step, at most to a single block.
        self.reduce_to(((voxels as f64 * share) as usize).min(voxels - 1));
        self.reduction.block != before
    }

    /// Takes larger blocks until there are at most so many, or one.
    fn reduce_to(&mut self, voxels: usize) {
        while self.reduction.shape().voxels() > voxels.max(1) {
            let (block, shape) = (self.reduction.block.to_array(), self.reduction.shape().to_array());
            let spacing = self.spacing.to_array();
            let coarse: [f64; 3] =
                std::array::from_fn(
                    |axis| {
                        if shape[axis] > 1 { spacing[axis] * block[axis] as f64 } else { f64::INFINITY }
                    },
                );
            let finest = coarse.into_iter().fold(f64::INFINITY, f64::min);
            let larger = std::array::from_fn(|axis| block[axis] + usize::from(coarse[axis] <= finest * EQUAL_SPACING));
            self.reduction.block = Dhw::from(larger);
        }
    }
}

/// The part within a margin around the foreground of any mask.
fn around(image: &Volume<f32>, masks: &[ViewerMask<'_>], margin_mm: f64) -> Option<Dhw<Range<usize>>> {
    let mut ends: Option<[[usize; 2]; 3]> = None;
    for mask in masks {
        for ((z, y, x), _) in mask.volume.data.indexed_iter().filter(|(_, label)| **label != 0) {
            let ends = ends.get_or_insert([[z, z], [y, y], [x, x]]);
            for ([first, last], at) in ends.iter_mut().zip([z, y, x]) {
                (*first, *last) = ((*first).min(at), (*last).max(at));
            }
        }
    }
    let ends = Dhw::from(ends?);
    let planes = image.geometry.plane_spacing().map(|spacing| (margin_mm.max(0.0) / spacing).ceil() as usize);
    Some(ends.zip(planes).zip(image.shape()).map(|(([first, last], planes), size)| {
        first.saturating_sub(planes)..last.saturating_add(planes).saturating_add(1).min(size)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduction(given: [usize; 3], start: [usize; 3], part: [usize; 3], block: [usize; 3]) -> ViewerReduction {
        ViewerReduction { given: given.into(), start: start.into(), part: part.into(), block: block.into() }
    }

    #[test]
    fn a_block_is_the_mean_of_the_image_and_the_most_frequent_label_of_a_mask() {
        let image = Array3::from_shape_fn((1, 2, 5), |(_, y, x)| (10 * y + x) as f32);
        let reduction = reduction([1, 2, 5], [0; 3], [1, 2, 5], [1, 2, 2]);
        // The last block has but one column.
        let means = reduction.means(&image, f64::from, |v| v);
        assert_eq!(means, ndarray::array![[[5.5, 7.5, 9.0]]]);
        let mask = ndarray::array![[[1, 1, 0, 3, 0], [1, 0, 3, 0, 7]]];
        assert_eq!(reduction.labels(&mask), ndarray::array![[[1, 3, 7]]]);
    }

    #[test]
    fn a_blocks_centre_lies_in_the_middle_of_its_voxels() {
        let affine = [[0.0, -0.8, 0.0, 9.0], [0.7, 0.0, 0.1, -3.0], [0.0, 0.0, 2.5, 4.0], [0.0, 0.0, 0.0, 1.0]];
        let given = Geometry::from_affine(affine).unwrap();
        let reduction = reduction([9, 30, 30], [2, 3, 5], [6, 20, 21], [1, 3, 2]);
        let held = reduction.geometry(&given);
        for block in [[0.0, 0.0, 0.0], [5.0, 4.0, 7.0]] {
            let [d, h, w] = block;
            let middle = Dhw { d: 2.0 + d, h: 3.0 + 3.0 * h + 1.0, w: 5.0 + 2.0 * w + 0.5 };
            let (held, given) = (held.voxel_to_world(block.into()), given.voxel_to_world(middle));
            assert!(held.iter().zip(given).all(|(a, b)| (a - b).abs() < 1e-9), "{held:?} {given:?}");
        }
    }

    #[test]
    fn the_finest_axes_are_reduced_first_and_one_block_is_the_end() {
        let reduction = reduction([40, 64, 64], [0; 3], [40, 64, 64], [1; 3]);
        let mut plan = Plan { reduction, spacing: Dhw { d: 5.0, h: 0.8, w: 0.8 } };
        plan.reduce_to(40 * 64 * 64);
        assert_eq!(plan.reduction.block, Dhw::splat(1));
        plan.reduce_to(40 * 64 * 63);
        assert_eq!(plan.reduction.block, Dhw { d: 1, h: 2, w: 2 });
        assert!(plan.shrink(100, 0));
        assert_eq!(plan.reduction.shape(), Dhw::splat(1));
        assert!(!plan.shrink(100, 0));
    }
}
