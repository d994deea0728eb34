//! Boxes between the coarse and the fine stage.

use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use ndarray::{ArrayView3, Axis};

/// Maps a box from a grid of `from` voxels to one of `to` voxels over the same physical extent: its part inside the grid, the
/// start rounded down and the end up, so that no part is lost.
///
/// ```
/// use medseg_inference::{BoxDhw, Dhw, map_box};
///
/// let small = BoxDhw { start: Dhw { d: -1, h: 1, w: 3 }, size: Dhw { d: 3, h: 2, w: 9 } };
/// let large = map_box(&small, Dhw::splat(4), Dhw { d: 4, h: 10, w: 40 });
/// assert_eq!(large.start, Dhw { d: 0, h: 2, w: 30 });
/// assert_eq!(large.size, Dhw { d: 2, h: 6, w: 10 });
/// ```
#[must_use]
pub fn map_box(region: &BoxDhw, from: Dhw<usize>, to: Dhw<usize>) -> BoxDhw {
    let axes = region.start.zip(region.size).zip(from.zip(to));
    let axes = axes.map(|((start, size), (from, to))| map_axis(start, size, from, to));
    BoxDhw { start: axes.map(|(start, _)| start), size: axes.map(|(_, size)| size) }
}

/// One axis of [`map_box`]: start and size.
fn map_axis(start: isize, size: usize, from: usize, to: usize) -> (isize, usize) {
    let inside = |edge: i128| edge.clamp(0, from as i128) as u128;
    let (first, end) = (inside(start as i128), inside(start as i128 + size as i128));
    let (to, from) = (to as u128, from.max(1) as u128);
    let low = first * to / from;
    let high = (end * to).div_ceil(from);
    (low as isize, (high - low) as usize)
}

/// For every axis, the lower and the upper face: `true` where it is chosen.
pub(super) type Faces = Dhw<(bool, bool)>;

/// The planes of voxels that `mm` millimetres are, rounded up.
pub(super) fn voxels_of(mm: f64, planes: Dhw<f64>) -> Dhw<usize> {
    planes.map(|size| (mm / size).ceil() as usize)
}

/// The box with its `faces` moved outwards by `by` voxels, as far as an image of `shape` reaches.
pub(super) fn widened(region: &BoxDhw, faces: Faces, by: Dhw<usize>, shape: Dhw<usize>) -> BoxDhw {
    let moved = faces.zip(by).map(|((low, high), by)| (usize::from(low) * by, usize::from(high) * by));
    let start = region.start.zip(moved).map(|(start, (low, _))| start.saturating_sub_unsigned(low));
    let size = region.size.zip(moved).map(|(size, (low, high))| size.saturating_add(low).saturating_add(high));
    BoxDhw { start, size }.clipped(shape)
}

/// The faces of the box that labels other than 0 reach, those on the border of the image left out.
pub(super) fn reached_faces(mask: &ArrayView3<u8>, region: &BoxDhw) -> Faces {
    let (shape, start, end) = (Dhw::<usize>::from(mask.dim()), region.start, region.end());
    let range = |axis: usize| start.to_array()[axis] as usize..end.to_array()[axis] as usize;
    let part = mask.slice(ndarray::s![range(0), range(1), range(2)]);
    let face = |axis: usize, low: bool| {
        let (first, last) = (range(axis).start, range(axis).end);
        let at_border = if low { first == 0 } else { last == shape.to_array()[axis] };
        let index = if low { 0 } else { last.saturating_sub(first + 1) };
        !part.is_empty() && !at_border && part.index_axis(Axis(axis), index).iter().any(|&label| label != 0)
    };
    Dhw::from([0, 1, 2].map(|axis| (face(axis, true), face(axis, false))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn faces_are_reached_by_labels_inside_the_box_and_not_at_the_border() {
        let region = BoxDhw { start: Dhw { d: 0, h: 2, w: 3 }, size: Dhw { d: 4, h: 3, w: 5 } };
        let mut mask = Array3::<u8>::zeros((8, 9, 8));
        let none = Dhw::splat((false, false));
        mask[[0, 3, 4]] = 1; // the image's border
        mask[[5, 2, 3]] = 1; // outside the box
        assert_eq!(reached_faces(&mask.view(), &region), none);
        mask[[3, 3, 4]] = 2;
        mask[[1, 2, 5]] = 1;
        let reached = reached_faces(&mask.view(), &region);
        assert_eq!(reached, Dhw { d: (false, true), h: (true, false), w: (false, false) });
        let grown = widened(&region, reached, Dhw::splat(3), Dhw { d: 8, h: 9, w: 8 });
        assert_eq!((grown.start, grown.size), (Dhw { d: 0, h: 0, w: 3 }, Dhw { d: 7, h: 5, w: 5 }));
    }
}
