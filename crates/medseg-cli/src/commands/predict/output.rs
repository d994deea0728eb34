//! Files that a prediction is written to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use medseg_surface::{Smoothing, Space, Surface, SurfaceError};
use medseg_volume::Volume;
use medseg_volume::segments::{AlgorithmKind, Segment, SegmentTable, write_seg_nrrd};

use super::found::{Found, MaskVolume};
use crate::image::SeriesArgs;
use crate::{CliError, paths, with_mask};

/// Options for the forms of a mask.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Outputs")]
pub struct OutputArgs {
    /// Write the mask to this file too: a volume, .seg.nrrd (3D Slicer) or .dcm (DICOM segmentation); may be repeated
    #[arg(long, value_name = "FILE")]
    pub also: Vec<PathBuf>,
    /// Write the mask's outlines as a DICOM structure set (RTSTRUCT)
    #[arg(long, value_name = "FILE.dcm")]
    pub rtstruct: Option<PathBuf>,
    /// Write the surface of all labels together as .stl or .obj, in millimetres
    #[arg(long, value_name = "FILE")]
    pub surface: Option<PathBuf>,
    /// Smooth surfaces by so many rounds; volumes stay about the same
    #[arg(long, value_name = "ROUNDS", default_value_t = 0)]
    pub smooth: u32,
    /// Names, codes and colours of the labels: a table as `medseg segments` writes it (default: by the model's names)
    #[arg(long, value_name = "TABLE.csv")]
    pub segments: Option<PathBuf>,
    /// Write DICOM segmentations as label maps, smaller, but unknown to readers before 2024
    #[arg(long)]
    pub label_map: bool,
}

/// Endings of masks.
const SEG_NRRD: &str = ".seg.nrrd";
const DICOM: &str = ".dcm";

/// A form of a mask, by the ending of the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskForm {
    Volume,
    SegNrrd,
    DicomSegmentation,
}

impl MaskForm {
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if name.ends_with(DICOM) {
            Self::DicomSegmentation
        } else if name.ends_with(SEG_NRRD) {
            Self::SegNrrd
        } else {
            Self::Volume
        }
    }
}

impl OutputArgs {
    /// All files beside the mask.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.also.iter().chain(&self.rtstruct).chain(&self.surface)
    }

    /// True if a file needs the images that the mask is of: DICOM objects refer to them.
    pub fn needs_series(&self, mask: &Path) -> bool {
        let is_dicom = |path: &Path| MaskForm::of(path) == MaskForm::DicomSegmentation;
        self.rtstruct.is_some() || is_dicom(mask) || self.also.iter().any(|path| is_dicom(path))
    }

    /// Refuses names and places before hours are spent.
    ///
    /// # Errors
    /// An ending of no form, a missing folder, a file that would replace an input or another output.
    pub fn check(&self, mask: &Path, inputs: &[&Path]) -> Result<(), CliError> {
        let mut taken = vec![mask];
        for path in self.files() {
            paths::refuse_output_over_input(path, inputs)?;
            if taken.iter().any(|other| std::path::absolute(other).ok() == std::path::absolute(path).ok()) {
                return Err(CliError::Usage(format!("{} is named twice: nothing is written", path.display())));
            }
            taken.push(path);
        }
        self.also.iter().try_for_each(|path| paths::check_mask_output(path))?;
        if let Some(path) = &self.rtstruct {
            paths::check_ending(path, "a structure set", &[DICOM])?;
        }
        if let Some(path) = &self.surface {
            paths::check_ending(path, "a surface", &[".stl", ".obj"])?;
        }
        Ok(())
    }
}

/// Names, codes and colours of the labels of a model's masks.
pub struct Naming {
    /// Labels without a row in the table have these names.
    names: BTreeMap<u16, String>,
    table: Option<SegmentTable>,
    /// The model's name, for the algorithm's identification.
    model: String,
}

impl Naming {
    /// Of the model at a path, with the table of the options.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn new(args: &OutputArgs, model: &Path, mut names: BTreeMap<u16, String>) -> Result<Self, CliError> {
        let table = args.segments.as_ref().map(SegmentTable::read_csv).transpose().map_err(|e| CliError::failed(&e))?;
        for segment in table.iter().flat_map(SegmentTable::segments) {
            names.insert(segment.label, segment.name.clone());
        }
        let model = std::path::absolute(model).unwrap_or_else(|_| model.to_path_buf());
        Ok(Self { names, table, model: super::file_name(&model) })
    }

    /// Names of labels.
    pub fn names(&self) -> &BTreeMap<u16, String> {
        &self.names
    }

    /// The segments of a mask with these labels: all that the model may find, and those found without a name.
    fn segments(&self, found: &Found) -> Result<SegmentTable, CliError> {
        let mut segments: Vec<Segment> = self.table.iter().flat_map(|table| table.segments().to_vec()).collect();
        let labels = self.names.keys().chain(found.volumes_ml.keys()).copied().collect::<BTreeSet<u16>>();
        for label in labels {
            if segments.iter().all(|segment| segment.label != label) {
                let name = super::model::name_of(&self.names, label);
                segments.push(Segment::new(label, name).with_algorithm(AlgorithmKind::Automatic, &self.model));
            }
        }
        SegmentTable::new(segments).map_err(|error| CliError::failed(&error))
    }
}

/// Writes the forms of one mask.
pub struct Outputs<'a> {
    args: &'a OutputArgs,
    naming: &'a Naming,
    segments: SegmentTable,
    /// Files of the image's DICOM series, and the choices it was read with.
    series: (&'a [PathBuf], &'a SeriesArgs),
}

impl<'a> Outputs<'a> {
    /// For a mask of an image from these files of a DICOM series; none for other images.
    ///
    /// # Errors
    /// Names that no segment can have.
    pub fn of(
        args: &'a OutputArgs,
        naming: &'a Naming,
        files: &'a [PathBuf],
        choice: &'a SeriesArgs,
        found: &Found,
    ) -> Result<Self, CliError> {
        Ok(Self { args, naming, segments: naming.segments(found)?, series: (files, choice) })
    }

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

    /// Writes the surface of all labels together to a file, or that of each label to a folder.
    ///
    /// # Errors
    /// A mask without a label where one file is wanted, and what the system says.
    pub fn write_surface(&self, path: &Path, found: &Found) -> Result<(), CliError> {
        let any = with_mask!(&found.mask, volume => volume.map_data(|label| *label > 0));
        self.write_surface_of(path, &any, &true)
    }

    fn write_surface_of<T: PartialEq + Sync>(&self, path: &Path, mask: &Volume<T>, label: &T) -> Result<(), CliError> {
        let failed = |error: SurfaceError| CliError::failed(&error);
        let mut surface = Surface::of_label(mask, label).map_err(failed)?;
        if self.args.smooth > 0 {
            surface = surface.smoothed(&Smoothing::default().with_iterations(self.args.smooth as usize));
        }
        let obj = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("obj"));
        let written = if obj { surface.write_obj(path, Space::Ras) } else { surface.write_stl(path, Space::Ras) };
        written.map_err(failed)
    }

    #[cfg(feature = "dicom")]
    fn write_segmentation(&self, path: &Path, mask: &MaskVolume) -> Result<(), CliError> {
        use medseg_volume::dicom::segmentation::{Form, WriteOptions, write};

        let source = self.source(path)?;
        let form = if self.args.label_map { Form::LabelMap } else { Form::Binary };
        let options = WriteOptions::default().with_form(form).with_model(&self.naming.model, env!("CARGO_PKG_VERSION"));
        let written = with_mask!(mask, volume => write(path, volume, &self.segments, &source, &options));
        written.map(drop).map_err(|error| CliError::failed(&error))
    }

    #[cfg(not(feature = "dicom"))]
    fn write_segmentation(&self, path: &Path, _: &MaskVolume) -> Result<(), CliError> {
        let _ = (self.series, &self.naming.model, self.args.label_map);
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
