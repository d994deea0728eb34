//! Writing a segmentation.

use std::path::Path;

use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::attributes::{Content, Uids};
use super::frames::{self, Frame};
use super::segments;
use super::write_options::{Form, WriteOptions};
use crate::dicom::charset::fitting;
use crate::dicom::mask_axes::{axes_to_series, place_before};
use crate::dicom::uid::DerivedUid;
use crate::dicom::write_file::write_file;
use crate::dicom::{SeriesOptions, SourceSeries};
use crate::error::UnstorableFault;
use crate::segments::{SegmentTable, SegmentationError};
use crate::{Volume, VolumeError};

/// A segmentation that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Its SeriesInstanceUID.
    pub series_uid: String,
    /// Its SOPInstanceUID.
    pub instance_uid: String,
    /// Number of its frames.
    pub frames: usize,
}

/// Writes a mask of a series as a DICOM segmentation.
///
/// The mask lies on the series' grid, but its axes may have any order and direction: it is brought to that of the series
/// without loss. Each frame refers to the slice it was made from, and the object to all images of the series. The file is
/// written under a temporary name and renamed, so it is there whole or not at all.
///
/// # Errors
/// [`SegmentationError::OtherGrid`] for a mask on another grid; [`SegmentationError::LabelWithoutSegment`] for a label
/// value that the table lacks; [`SegmentationError::NoSegments`]; options that a file cannot hold; more pixels than a
/// DICOM element can have (4 GiB); what the system says.
///
/// ```no_run
/// use medseg_volume::dicom::segmentation::{self, WriteOptions};
/// use medseg_volume::dicom::{SeriesOptions, SourceSeries};
/// use medseg_volume::segments::SegmentTable;
///
/// let source = SourceSeries::read("scan", &SeriesOptions::default())?;
/// let table = SegmentTable::read_csv("segments.csv")?;
/// let mask = medseg_volume::read_label("mask.nii.gz")?;
/// let written = segmentation::write("mask.dcm", &mask, &table, &source, &WriteOptions::default())?;
/// println!("{} frames in {}", written.frames, written.instance_uid);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write<T: Copy + Into<u16>>(
    path: impl AsRef<Path>,
    mask: &Volume<T>,
    table: &SegmentTable,
    source: &SourceSeries,
    options: &WriteOptions,
) -> Result<Written, SegmentationError> {
    let path = path.as_ref();
    options.check()?;
    if table.is_empty() {
        return Err(SegmentationError::NoSegments);
    }
    let axes = axes_to_series(mask, source)?;
    let voxels = axes.view(mask.data.view());
    let place = |voxel: [usize; 3]| place_before(&axes, voxel, source.shape());
    let frames = frames::frames(&voxels, table, options, place)?;
    let highest = table.segments().last().map_or(0, |segment| segment.label);
    let bits = match options.form {
        Form::Binary => 1,
        Form::LabelMap if highest > 255 => 16,
        Form::LabelMap => 8,
    };
    let shape = source.shape();
    let bytes = (frames.len() as u128 * shape.h as u128 * shape.w as u128 * u128::from(bits)).div_ceil(8);
    if bytes > 0xFFFF_FFFE {
        let fault = UnstorableFault::LongElement(tags::PIXEL_DATA.to_string());
        return Err(VolumeError::unstorable(path, fault).into());
    }
    let pixels = match options.form {
        Form::Binary => frames::bits(&voxels, table, &frames),
        Form::LabelMap => frames::values(&voxels, &frames, bits == 16),
    };
    let mut object = source.attributes().clone();
    let mut texts = segments::texts(table.segments());
    texts.extend([&*options.series_description, &*options.model_name, &*options.algorithm_version]);
    let charset = fitting(&mut object, &texts).ok_or(SegmentationError::CharacterSet)?;
    let uids = uids(source, table, options, &frames, &pixels);
    Content { source, table, options, frames: &frames, charset: &charset, uids: &uids, bits }.add_to(&mut object);
    object.put_bytes(tags::PIXEL_DATA, if bits == 16 { VR::OW } else { VR::OB }, pixels);
    write_file(path, &object)?;
    Ok(Written { series_uid: uids.series, instance_uid: uids.instance, frames: frames.len() })
}

/// Writes a mask as a DICOM segmentation of a series in a folder: [`SourceSeries::read`], then [`write()`].
///
/// # Errors
/// As these.
pub fn write_for_series<T: Copy + Into<u16>>(
    path: impl AsRef<Path>,
    mask: &Volume<T>,
    table: &SegmentTable,
    folder: impl AsRef<Path>,
    series: &SeriesOptions,
    options: &WriteOptions,
) -> Result<Written, SegmentationError> {
    write(path, mask, table, &SourceSeries::read(folder, series)?, options)
}

/// UIDs by content: what the object is derived from, what it says and what it shows.
fn uids(source: &SourceSeries, table: &SegmentTable, options: &WriteOptions, frames: &[Frame], pixels: &[u8]) -> Uids {
    // `Debug` of plain data is stable within a version, and the version is part of the object.
    let words = format!("{:?} {:?} {:?}", table.segments(), options, frames);
    let content = DerivedUid::new(env!("CARGO_PKG_VERSION")).of(words.as_bytes()).of(pixels).finish();
    let uid = |role: &str| {
        let start = DerivedUid::new(role).of(source.series_uid().as_bytes()).of(source.study_uid().as_bytes());
        let slices = source.slices().iter().fold(start, |uid, slice| uid.of(slice.instance_uid.as_bytes()));
        slices.of(content.as_bytes()).finish()
    };
    Uids {
        series: options.series_uid.clone().unwrap_or_else(|| uid("series")),
        instance: options.instance_uid.clone().unwrap_or_else(|| uid("instance")),
        dimensions: uid("dimensions"),
    }
}
