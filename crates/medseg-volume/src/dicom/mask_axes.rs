//! Masks on the grid of a series, whatever the order and direction of their axes.

use super::SourceSeries;
use crate::reorient::Axes;
use crate::segments::SegmentationError;
use crate::{Dhw, Volume};

/// Voxels of a mask may lie this part of the smallest distance between voxels off the series' grid: more than the rounding
/// of any header.
const TOLERANCE: f64 = 0.01;

/// The change of axes that brings a mask to the series' grid.
pub(super) fn axes_to_series<T>(mask: &Volume<T>, source: &SourceSeries) -> Result<Axes, SegmentationError> {
    let Dhw { d, h, w } = source.geometry().plane_spacing();
    let tolerance = TOLERANCE * d.min(h).min(w);
    let axes = mask.geometry.axes_to(mask.shape(), source.geometry(), source.shape(), tolerance);
    axes.ok_or(SegmentationError::OtherGrid { mask: mask.shape(), series: source.shape() })
}

/// The voxel of an array before a change of its axes.
pub(super) fn place_before(axes: &Axes, voxel: [usize; 3], shape: Dhw<usize>) -> Dhw<usize> {
    let mut before = [0; 3];
    for (new, old) in axes.order.into_iter().enumerate() {
        let length = shape.to_array()[new];
        before[old] = if axes.reversed[new] { length - 1 - voxel[new] } else { voxel[new] };
    }
    before.into()
}
