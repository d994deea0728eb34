//! The series that a new object is derived from.

use std::fmt;
use std::path::Path;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::content_date::ContentDate;
use super::header::Header;
use super::object::{self, Bounds, Object};
use super::{Contents, DicomError, SeriesOptions, series, start};
use crate::{Dhw, Geometry};

/// The series of images that a segmentation or a structure set refers to: its slices in the volume's order, and the
/// attributes of patient, study and frame of reference that a derived object must repeat.
///
/// This is the one place where the patient's identity is read. It goes into the files that are written and nowhere else:
/// no message and no debug output shows it.
///
/// ```no_run
/// use medseg_volume::dicom::{SeriesOptions, SourceSeries};
/// let source = SourceSeries::read("scan", &SeriesOptions::default())?;
/// println!("{} slices of series {}", source.slices().len(), source.series_uid());
/// # Ok::<(), medseg_volume::dicom::DicomError>(())
/// ```
#[derive(Clone)]
pub struct SourceSeries {
    shape: Dhw<usize>,
    geometry: Geometry,
    modality: String,
    series_uid: String,
    frame_of_reference_uid: String,
    /// `ImageOrientationPatient` as the series states it.
    orientation: [[f64; 3]; 2],
    /// `PixelSpacing`: millimetres between rows, between columns.
    spacing: [f64; 2],
    /// `SliceThickness` of the first slice.
    thickness: Option<f64>,
    slices: Vec<SourceSlice>,
    attributes: Object,
}

/// One slice of a source: an image, or a frame of one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SourceSlice {
    /// `SOPClassUID` of the image.
    pub class_uid: String,
    /// `SOPInstanceUID` of the image.
    pub instance_uid: String,
    /// The number of the frame in an image of several, from 1.
    pub frame: Option<u32>,
    /// `ImagePositionPatient`: LPS millimetres of the first pixel's centre.
    pub position: [f64; 3],
}

/// Attributes that a derived object repeats, with their representation: of the patient, the patient's study, the study,
/// the frame of reference, and of lossy compression.
const REPEATED: [(Tag, VR); 20] = [
    (tags::SPECIFIC_CHARACTER_SET, VR::CS),
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::STUDY_DESCRIPTION, VR::LO),
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::PATIENT_AGE, VR::AS),
    (tags::PATIENT_SIZE, VR::DS),
    (tags::PATIENT_WEIGHT, VR::DS),
    (tags::STUDY_INSTANCE_UID, VR::UI),
    (tags::STUDY_ID, VR::SH),
    (tags::FRAME_OF_REFERENCE_UID, VR::UI),
    (tags::POSITION_REFERENCE_INDICATOR, VR::LO),
    (tags::LOSSY_IMAGE_COMPRESSION, VR::CS),
    (tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS),
    (tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS),
];
/// Longest of their values.
const LONGEST_VALUE: u64 = 1 << 12;
/// Memory for all of them.
const MEMORY: u64 = 1 << 18;

impl SourceSeries {
    /// Reads a series of a folder and the folders in it, or a single file; pixels are not read.
    ///
    /// The options choose the series as for [`read_series_with`](super::read_series_with), and the slices have the order of
    /// that volume.
    ///
    /// # Errors
    /// As [`read_series_with`](super::read_series_with), pixels excepted; [`DicomError::Missing`] where an image lacks the
    /// UIDs that a derived object refers to.
    pub fn read(folder: impl AsRef<Path>, options: &SeriesOptions) -> Result<Self, DicomError> {
        let folder = folder.as_ref();
        let slices = Contents::of(folder)?.choose(folder, options)?;
        let stack = series::stack(folder, slices, options)?;
        let Some(first) = stack.slices.first() else {
            return Err(DicomError::NoSeries { folder: folder.to_path_buf(), passed_over: Vec::new() });
        };
        let path = first.source.source.name();
        let missing = |attribute| DicomError::Missing { path: path.to_path_buf(), attribute };
        let attributes = attributes(path)?;
        if attributes.text(tags::STUDY_INSTANCE_UID).is_empty() {
            return Err(missing("StudyInstanceUID"));
        }
        if first.series.is_empty() {
            return Err(missing("SeriesInstanceUID"));
        }
        if first.frame_of_reference.is_empty() {
            return Err(missing("FrameOfReferenceUID"));
        }
        Ok(Self {
            shape: stack.summary.shape,
            geometry: stack.summary.geometry.clone(),
            modality: first.modality.clone(),
            series_uid: first.series.clone(),
            frame_of_reference_uid: first.frame_of_reference.clone(),
            orientation: stack.orientation,
            spacing: first.spacing,
            thickness: first.slice_thickness,
            slices: stack.slices.iter().map(source_slice).collect::<Result<_, _>>()?,
            attributes,
        })
    }

    /// Voxels of the series' volume along `[depth, height, width]`.
    #[must_use]
    pub fn shape(&self) -> Dhw<usize> {
        self.shape
    }

    /// The place of the series' volume, that of [`read_series`](super::read_series) bit for bit.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// `Modality`, such as `CT`; may be empty.
    #[must_use]
    pub fn modality(&self) -> &str {
        &self.modality
    }

    /// `SeriesInstanceUID`.
    #[must_use]
    pub fn series_uid(&self) -> &str {
        &self.series_uid
    }

    /// `StudyInstanceUID`.
    #[must_use]
    pub fn study_uid(&self) -> String {
        self.attributes.text(tags::STUDY_INSTANCE_UID)
    }

    /// `FrameOfReferenceUID`.
    #[must_use]
    pub fn frame_of_reference_uid(&self) -> &str {
        &self.frame_of_reference_uid
    }

    /// The slices in the order of the volume's depth.
    #[must_use]
    pub fn slices(&self) -> &[SourceSlice] {
        &self.slices
    }

    /// The attributes that a derived object repeats, with their character set.
    pub(super) fn attributes(&self) -> &Object {
        &self.attributes
    }

    /// `ImageOrientationPatient` as the series states it.
    pub(super) fn orientation(&self) -> [[f64; 3]; 2] {
        self.orientation
    }

    /// `PixelSpacing`.
    pub(super) fn pixel_spacing(&self) -> [f64; 2] {
        self.spacing
    }

    /// `SliceThickness`, or else the distance between slices.
    pub(super) fn thickness(&self) -> f64 {
        self.thickness.unwrap_or_else(|| self.geometry.spacing().d)
    }

    /// The study's date and time, which stand for those of the content where the caller gives none.
    pub(super) fn content_date(&self) -> ContentDate {
        ContentDate::of_source(&self.attributes.text(tags::STUDY_DATE), &self.attributes.text(tags::STUDY_TIME))
    }
}

/// Shows nothing of the patient.
impl fmt::Debug for SourceSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceSeries")
            .field("series_uid", &self.series_uid)
            .field("modality", &self.modality)
            .field("shape", &self.shape)
            .field("geometry", &self.geometry)
            .finish_non_exhaustive()
    }
}

fn source_slice(header: &Header) -> Result<SourceSlice, DicomError> {
    let missing = |attribute| DicomError::Missing { path: header.path.clone(), attribute };
    if header.class.is_empty() {
        return Err(missing("SOPClassUID"));
    }
    if header.instance.is_empty() {
        return Err(missing("SOPInstanceUID"));
    }
    Ok(SourceSlice {
        class_uid: header.class.clone(),
        instance_uid: header.instance.clone(),
        frame: header.frame,
        position: header.position,
    })
}

/// Reads the repeated attributes of one file.
fn attributes(path: &Path) -> Result<Object, DicomError> {
    let start::Found::DataSet(mut start) = start::open(path)? else {
        return Err(DicomError::header(path, "the file is no image any more"));
    };
    let bounds = Bounds {
        wanted: &|tag| REPEATED.iter().any(|(repeated, _)| *repeated == tag),
        longest: LONGEST_VALUE,
        memory: MEMORY,
        encoding: start.syntax.encoding,
    };
    let (found, _) = object::read(&mut start.elements, bounds).map_err(|error| error.of_file(path))?;
    // Representations are those of the standard, whatever the file says.
    let mut attributes = Object::default();
    for (tag, vr) in REPEATED {
        match found.bytes(tag) {
            // A UID has another padding than texts.
            Some(_) if vr == VR::UI => attributes.put_text(tag, vr, &found.text(tag)),
            Some(bytes) => attributes.put_bytes(tag, vr, bytes),
            None => {}
        }
    }
    Ok(attributes)
}
