//! The frames of a segmentation to be written, and their pixels.

use ndarray::ArrayView3;

use super::write_options::{Form, WriteOptions};
use crate::Dhw;
use crate::segments::{SegmentTable, SegmentationError};

/// A frame: a slice of the series, and the segment whose bits it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub slice: usize,
    /// The segment's number; none in a label map.
    pub segment: Option<u16>,
}

/// Label values of a mask, slice by slice.
struct Presence {
    /// For each slice, in order, the label values above 0 that it has.
    slices: Vec<Vec<u16>>,
}

impl Presence {
    /// Finds the label values; one without a segment is an error.
    fn of<T: Copy + Into<u16>>(
        mask: &ArrayView3<'_, T>,
        table: &SegmentTable,
        place: impl Fn([usize; 3]) -> Dhw<usize>,
    ) -> Result<Self, SegmentationError> {
        let mut seen = vec![false; 1 << 16];
        let mut slices = Vec::with_capacity(mask.dim().0);
        for (d, slice) in mask.outer_iter().enumerate() {
            let mut labels = Vec::new();
            for ((h, w), voxel) in slice.indexed_iter() {
                let label: u16 = (*voxel).into();
                if label == 0 || seen[usize::from(label)] {
                    continue;
                }
                if table.get(label).is_none() {
                    return Err(SegmentationError::LabelWithoutSegment { label, voxel: place([d, h, w]) });
                }
                seen[usize::from(label)] = true;
                labels.push(label);
            }
            labels.iter().for_each(|label| seen[usize::from(*label)] = false);
            labels.sort_unstable();
            slices.push(labels);
        }
        Ok(Self { slices })
    }
}

/// The frames of a mask on the series' grid: segment by segment, slice by slice; of a label map slice by slice. `place`
/// gives the voxel in the mask as the caller has it.
///
/// Of a mask without a voxel all frames are taken, because an object needs at least one.
pub(super) fn frames<T: Copy + Into<u16>>(
    mask: &ArrayView3<'_, T>,
    table: &SegmentTable,
    options: &WriteOptions,
    place: impl Fn([usize; 3]) -> Dhw<usize>,
) -> Result<Vec<Frame>, SegmentationError> {
    let presence = Presence::of(mask, table, place)?;
    let empty = presence.slices.iter().all(Vec::is_empty);
    let omit = options.omit_empty_frames.unwrap_or(options.form == Form::Binary) && !empty;
    let slices = || presence.slices.iter().enumerate();
    Ok(match options.form {
        Form::LabelMap => {
            slices().filter(|(_, l)| !omit || !l.is_empty()).map(|(slice, _)| Frame { slice, segment: None }).collect()
        }
        Form::Binary => {
            let of_segment = |(number, label): (u16, u16)| {
                let wanted = slices().filter(move |(_, l)| !omit || l.binary_search(&label).is_ok());
                wanted.map(move |(slice, _)| Frame { slice, segment: Some(number) }).collect::<Vec<_>>()
            };
            (1..).zip(table.segments()).flat_map(|(number, segment)| of_segment((number, segment.label))).collect()
        }
    })
}

/// The pixels of binary frames: a bit each, the first in the lowest bit of a byte, one frame after the other without
/// padding (PS3.5 8.1.1 and annex D).
pub(super) fn bits<T: Copy + Into<u16>>(mask: &ArrayView3<'_, T>, table: &SegmentTable, frames: &[Frame]) -> Vec<u8> {
    let (depth, height, width) = mask.dim();
    let plane = height * width;
    let mut bytes = vec![0; (frames.len() * plane).div_ceil(8)];
    let labels: Vec<u16> = table.segments().iter().map(|segment| segment.label).collect();
    let mut of_slices: Vec<Vec<(u16, usize)>> = vec![Vec::new(); depth];
    for (at, frame) in frames.iter().enumerate() {
        let number = usize::from(frame.segment.unwrap_or(1)) - 1;
        of_slices[frame.slice].push((labels[number], at));
    }
    // The frame of each label value in the current slice.
    let mut frame_of = vec![usize::MAX; 1 << 16];
    for (slice, of_slice) in mask.outer_iter().zip(&of_slices) {
        of_slice.iter().for_each(|(label, at)| frame_of[usize::from(*label)] = *at);
        for (pixel, voxel) in slice.iter().enumerate() {
            let label: u16 = (*voxel).into();
            let frame = frame_of[usize::from(label)];
            if frame != usize::MAX {
                let bit = frame * plane + pixel;
                bytes[bit / 8] |= 1 << (bit % 8);
            }
        }
        of_slice.iter().for_each(|(label, _)| frame_of[usize::from(*label)] = usize::MAX);
    }
    bytes
}

/// The pixels of a label map's frames, of one or two bytes each.
pub(super) fn values<T: Copy + Into<u16>>(mask: &ArrayView3<'_, T>, frames: &[Frame], wide: bool) -> Vec<u8> {
    let (_, height, width) = mask.dim();
    let mut bytes = Vec::with_capacity(frames.len() * height * width * if wide { 2 } else { 1 });
    for frame in frames {
        for voxel in mask.index_axis(ndarray::Axis(0), frame.slice) {
            let label: u16 = (*voxel).into();
            let [low, high] = label.to_le_bytes();
            bytes.push(low);
            if wide {
                bytes.push(high);
            }
        }
    }
    bytes
}
