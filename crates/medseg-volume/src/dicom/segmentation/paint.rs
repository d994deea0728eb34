//! The values of a frame on their way to a grid.

use std::path::Path;

use ndarray::Array3;

use super::described::Described;
use super::grid::Placement;
use crate::segments::{Overlap, SegmentationError};

/// The values of one frame.
pub(super) struct FrameValues<'a> {
    pub path: &'a Path,
    /// The frame, from 0.
    pub frame: usize,
    pub values: &'a [f32],
    pub columns: usize,
    /// The label value of the frame's segment; none if the values are label values themselves.
    pub label: Option<u16>,
    /// The least value of a voxel that belongs to a segment.
    pub threshold: f32,
}

impl FrameValues<'_> {
    /// Sets the voxels of segments at the frame's place.
    pub(super) fn paint(
        &self,
        place: &Placement,
        labels: &mut Array3<u16>,
        described: &Described,
        overlap: Overlap,
    ) -> Result<(), SegmentationError> {
        for (row, values) in (0_isize..).zip(self.values.chunks_exact(self.columns)) {
            for (column, value) in (0_isize..).zip(values) {
                if *value < self.threshold {
                    continue;
                }
                let label = self.label.unwrap_or(*value as u16);
                if self.label.is_none() && !described.takes(label) {
                    continue;
                }
                let at: [isize; 3] = std::array::from_fn(|axis| {
                    place.start[axis] + row * place.per_row[axis] + column * place.per_column[axis]
                });
                let index = at.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
                let Some(voxel) = labels.get_mut(index) else {
                    return Err(SegmentationError::OutsideGrid {
                        path: self.path.into(),
                        segment: described.name(label),
                        frame: self.frame + 1,
                    });
                };
                overlap.paint(voxel, label).map_err(|other| SegmentationError::Overlap {
                    path: self.path.into(),
                    first: described.name(other),
                    second: described.name(label),
                    voxel: index.into(),
                })?;
            }
        }
        Ok(())
    }
}
