//! A structure set as it is read.

use super::{StructureSetError, StructureSetWarning};
use crate::segments::{AlgorithmKind, Code};

/// The regions of interest of a structure set. It holds nothing about the patient.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct StructureSet {
    /// `StructureSetLabel`; may be empty.
    pub label: String,
    /// `FrameOfReferenceUID` that the contours' millimetres count in; may be empty.
    pub frame_of_reference: String,
    /// `SeriesInstanceUID` of the series that the contours were drawn on; may be empty.
    pub series: String,
    /// The regions, in the file's order.
    pub rois: Vec<Roi>,
    /// Unusual but not wrong properties of the file.
    pub warnings: Vec<StructureSetWarning>,
}

/// A region of interest.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Roi {
    /// `ROINumber`, unique in the file.
    pub number: i32,
    /// `ROIName`; may be empty, and several regions may have one.
    pub name: String,
    /// `ROIDisplayColor`: red, green, blue.
    pub colour: Option<[u8; 3]>,
    /// `ROIGenerationAlgorithm`, if it is one of the standard's.
    pub algorithm: Option<AlgorithmKind>,
    /// `RTROIInterpretedType`, such as `ORGAN` or `PTV`; may be empty.
    pub interpreted_type: String,
    /// The segmented property's category, such as Anatomical Structure.
    pub category: Option<Code>,
    /// The identification code, such as Liver.
    pub property_type: Option<Code>,
    /// The modifier of the identification code, such as Left.
    pub modifier: Option<Code>,
    /// The closed contours, in the file's order.
    pub contours: Vec<RoiContour>,
    /// Number of contours that are points or open.
    pub open_contours: usize,
}

/// A closed contour of a region.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RoiContour {
    /// The vertices in patient space, LPS millimetres.
    pub points: Vec<[f64; 3]>,
}

impl StructureSet {
    /// The only region of a name; the name's case and blanks around it do not matter.
    ///
    /// # Errors
    /// [`StructureSetError::UnknownRoi`] with the names that there are, [`StructureSetError::SeveralRois`] if several
    /// regions have the name.
    pub fn roi(&self, name: &str) -> Result<&Roi, StructureSetError> {
        let plain = |name: &str| name.trim().to_lowercase();
        let mut found = self.rois.iter().filter(|roi| plain(&roi.name) == plain(name));
        match (found.next(), found.next()) {
            (Some(roi), None) => Ok(roi),
            (Some(_), Some(_)) => Err(StructureSetError::SeveralRois { name: name.to_string() }),
            (None, _) => {
                let names = self.rois.iter().map(|roi| roi.name.clone()).collect();
                Err(StructureSetError::UnknownRoi { name: name.to_string(), names })
            }
        }
    }
}
