//! Files of a mask.

use std::path::{Path, PathBuf};

use medseg_surface::{Smoothing, Space, Surface, SurfaceError};
use medseg_volume::segments::{SegmentTable, write_seg_nrrd};

use super::{MaskForm, MaskVolume, with_mask};
use crate::CliError;
use crate::image::SeriesArgs;

/// Writes a mask in all its forms.
pub struct MaskWriter<'a> {
    /// Names, codes and colours of the labels.
    pub segments: SegmentTable,
    /// Files of the DICOM series that the mask is of, and the choices it was read with; no files for other images.
    pub series: (&'a [PathBuf], &'a SeriesArgs),
    /// Name of the model that made the mask.
    pub model: &'a str,
    /// Write DICOM segmentations as label maps.
    pub label_map: bool,
    /// Rounds of smoothing of surfaces.
    pub smooth: u32,
}

impl MaskWriter<'_> {
    /// Writes a mask in the form of the name's ending.
    ///
    /// # Errors
    /// A DICOM segmentation of an image that is no series, and what the system says.
    pub fn write_mask(&self, path: &Path, mask: &MaskVolume) -> Result<(), CliError> {
        match MaskForm::of(path) {
            MaskForm::Volume => Ok(mask.write(path)?),
            MaskForm::SegNrrd => {
                let written = with_mask!(mask, volume => write_seg_nrrd(path, volume, &self.segments));
                written.map_err(|error| CliError::failed(&error))
            }
            MaskForm::DicomSegmentation => self.write_segmentation(path, mask),
        }
    }

    /// Writes the surface of all labels together, in RAS millimetres: `.obj`, or else STL.
    ///
    /// # Errors
    /// A mask without a label where one file is wanted, and what the system says.
    pub fn write_surface(&self, path: &Path, mask: &MaskVolume) -> Result<(), CliError> {
        let failed = |error: SurfaceError| CliError::failed(&error);
        let any = with_mask!(mask, volume => volume.map_data(|label| *label > 0));
        let mut surface = Surface::of_label(&any, &true).map_err(failed)?;
        if self.smooth > 0 {
            surface = surface.smoothed(&Smoothing::default().with_iterations(self.smooth as usize));
        }
        let obj = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("obj"));
        let written = if obj { surface.write_obj(path, Space::Ras) } else { surface.write_stl(path, Space::Ras) };
        written.map_err(failed)
    }

    #[cfg(feature = "dicom")]
    fn write_segmentation(&self, path: &Path, mask: &MaskVolume) -> Result<(), CliError> {
        use medseg_volume::dicom::segmentation::{Form, WriteOptions, write};

        let source = self.source(path)?;
        let form = if self.label_map { Form::LabelMap } else { Form::Binary };
        let options = WriteOptions::default().with_form(form).with_model(self.model, env!("CARGO_PKG_VERSION"));
        let written = with_mask!(mask, volume => write(path, volume, &self.segments, &source, &options));
        written.map(drop).map_err(|error| CliError::failed(&error))
    }

    #[cfg(not(feature = "dicom"))]
    fn write_segmentation(&self, path: &Path, _: &MaskVolume) -> Result<(), CliError> {
        let _ = (self.series, self.model, self.label_map);
        Err(without_dicom(path))
    }

    /// Writes the mask's outlines as a structure set.
    ///
    /// # Errors
    /// As for DICOM segmentations.
    #[cfg(feature = "dicom")]
    pub fn write_structure_set(&self, path: &Path, mask: &MaskVolume) -> Result<(), CliError> {
        use medseg_volume::dicom::structure_set::{WriteOptions, write};

        let source = self.source(path)?;
        let options = WriteOptions::default();
        let written = with_mask!(mask, volume => write(path, volume, &self.segments, &source, &options));
        written.map(drop).map_err(|error| CliError::failed(&error))
    }

    #[cfg(not(feature = "dicom"))]
    pub fn write_structure_set(&self, path: &Path, _: &MaskVolume) -> Result<(), CliError> {
        Err(without_dicom(path))
    }

    /// The images that a DICOM object refers to.
    #[cfg(feature = "dicom")]
    fn source(&self, path: &Path) -> Result<medseg_volume::dicom::SourceSeries, CliError> {
        let (files, choice) = self.series;
        if files.is_empty() {
            let path = path.display();
            return Err(CliError::Failed(format!("{path}: a DICOM object needs a DICOM series that it is of")));
        }
        crate::image::source_of(files, choice)
    }
}

#[cfg(not(feature = "dicom"))]
fn without_dicom(path: &Path) -> CliError {
    CliError::Usage(format!("{}: DICOM needs a build with the feature dicom", path.display()))
}
