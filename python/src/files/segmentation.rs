//! Masks whose labels have names: DICOM segmentations, and `.seg.nrrd` files of 3D Slicer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medseg_volume::dicom::segmentation::{self, Form, ReadOptions, WriteOptions};
use medseg_volume::dicom::{SeriesOptions, is_dicom};
use medseg_volume::segments::{
    AlgorithmKind, SegNrrdOptions, Segment, SegmentTable, SegmentationError, read_seg_nrrd, write_seg_nrrd,
};
use pyo3::prelude::*;

use crate::arrays::{CompactLabels, compact_labels};
use crate::compute::compute;
use crate::errors::{bad_value, raised, warn};
use crate::volume::Volume;

/// Reads a DICOM segmentation or a `.seg.nrrd` file: the mask `[x, y, z]` as uint8 or uint16, and the labels' names.
///
/// With `like`, a volume, the mask of a DICOM segmentation is on its grid instead of the smallest that holds the segments.
#[pyfunction]
#[pyo3(signature = (path, *, like=None))]
pub fn read_segmentation(
    py: Python<'_>,
    path: PathBuf,
    like: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Volume, BTreeMap<u16, String>)> {
    let mut options = ReadOptions::default();
    if let Some(like) = like {
        let volume = Volume::of(like, "like")?;
        let shape: Vec<usize> = volume.array(py).getattr("shape")?.extract()?;
        let [x, y, z] = shape[shape.len().saturating_sub(3)..] else {
            return Err(bad_value("like: a volume has 3 axes"));
        };
        options = options.with_grid((z, y, x).into(), volume.geometry().clone());
    }
    let has_like = like.is_some();
    let read = compute(py, || {
        if path.is_file() && is_dicom(&path) {
            let read = segmentation::read(&path, &options)?;
            return Ok((read.mask, read.table, read.warnings));
        }
        let (mask, table) = read_seg_nrrd(&path, &SegNrrdOptions::default())?;
        Ok((mask, table, Vec::new()))
    })?;
    let (mask, table, warnings) = read.map_err(|error: SegmentationError| raised(&error))?;
    if has_like && !is_dicom(&path) {
        return Err(bad_value("like: only a DICOM segmentation is brought to another grid"));
    }
    warn(py, &path.display().to_string(), &warnings)?;
    let names = table.segments().iter().map(|segment| (segment.label, segment.name.clone())).collect();
    let volume = if mask.data.iter().all(|label| *label <= 255) {
        Volume::new(py, mask.data.mapv(|label| label as u8), mask.geometry)
    } else {
        Volume::new(py, mask.data, mask.geometry)
    };
    Ok((volume, names))
}

/// Writes a mask with its labels' names as a DICOM segmentation (`.dcm`) or for 3D Slicer (`.seg.nrrd`).
///
/// Names of organs, bones and vessels find their SNOMED CT codes. A DICOM segmentation needs `series`, the folder of the DICOM
/// series that the mask was made on, and repeats its patient and study; `label_map=True` writes the smaller form of 2024.
/// Labels without a name are called "label 7".
#[pyfunction]
#[pyo3(signature = (path, mask, names=None, *, series=None, label_map=false))]
pub fn write_segmentation(
    py: Python<'_>,
    path: PathBuf,
    mask: &Bound<'_, PyAny>,
    names: Option<BTreeMap<u16, String>>,
    series: Option<PathBuf>,
    label_map: bool,
) -> PyResult<()> {
    let geometry = Volume::of(mask, "mask")?.geometry().clone();
    let labels = match compact_labels(mask, "mask")? {
        CompactLabels::U8(labels) => labels.mapv(u16::from),
        CompactLabels::U16(labels) => labels,
        CompactLabels::I32(_) => return Err(bad_value("mask: labels of a segmentation go from 0 to 65535")),
    };
    let form = Output::of(&path, series)?;
    let form_of = if label_map { Form::LabelMap } else { Form::Binary };
    let options = WriteOptions::default().with_form(form_of);
    let written = compute(py, || {
        let table = table(&labels, names.unwrap_or_default())?;
        let mask = medseg_volume::Volume::new(labels, geometry);
        match &form {
            Output::Slicer => write_seg_nrrd(&path, &mask, &table),
            Output::Dicom(series) => {
                let source = SeriesOptions::default();
                segmentation::write_for_series(&path, &mask, &table, series, &source, &options).map(drop)
            }
        }
    })?;
    written.map_err(|error| raised(&error))
}

enum Output {
    Slicer,
    Dicom(PathBuf),
}

impl Output {
    fn of(path: &Path, series: Option<PathBuf>) -> PyResult<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match (name.ends_with(".dcm"), name.ends_with(".seg.nrrd"), series) {
            (true, _, Some(series)) => Ok(Self::Dicom(series)),
            (true, _, None) => Err(bad_value(
                "series: a DICOM segmentation refers to the series that its mask was made on; name its folder",
            )),
            (_, true, None) => Ok(Self::Slicer),
            (_, true, Some(_)) => Err(bad_value("series: a .seg.nrrd file refers to no series")),
            _ => Err(bad_value(format!("{}: the name must end in .dcm or .seg.nrrd", path.display()))),
        }
    }
}

/// A row for each named label, and for each one in the mask without a name.
fn table(labels: &ndarray::Array3<u16>, mut names: BTreeMap<u16, String>) -> Result<SegmentTable, SegmentationError> {
    for label in labels {
        if *label > 0 && !names.contains_key(label) {
            names.insert(*label, format!("label {label}"));
        }
    }
    let segment =
        |(label, name): (u16, String)| Segment::new(label, name).with_algorithm(AlgorithmKind::Automatic, "medseg");
    Ok(SegmentTable::new(names.into_iter().map(segment).collect())?)
}
