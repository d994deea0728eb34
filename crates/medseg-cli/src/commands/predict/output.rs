//! Files that a prediction is written to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use medseg_volume::segments::{AlgorithmKind, Segment, SegmentTable};

use super::found::Found;
use crate::image::SeriesArgs;
use crate::mask::{MaskForm, MaskWriter};
use crate::{CliError, paths};

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
    /// Names, codes and colours of the labels: a table as `medseg convert --save-segments` writes it
    /// (default: by the model's names)
    #[arg(long, value_name = "TABLE.csv")]
    pub segments: Option<PathBuf>,
    /// Write DICOM segmentations as label maps: a value a voxel; unknown to readers before 2024
    #[arg(long)]
    pub label_map: bool,
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
            paths::check_ending(path, "a structure set", &[".dcm"])?;
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

    /// A writer of a mask of an image from these files of a DICOM series; none for other images.
    ///
    /// # Errors
    /// Names that no segment can have.
    pub fn writer<'a>(
        &'a self,
        args: &OutputArgs,
        series: (&'a [PathBuf], &'a SeriesArgs),
        found: &Found,
    ) -> Result<MaskWriter<'a>, CliError> {
        let (segments, label_map, smooth) = (self.segments(found)?, args.label_map, args.smooth);
        Ok(MaskWriter { segments, series, model: &self.model, label_map, smooth })
    }
}
