//! Files beside the mask: probabilities and entropy.

use std::path::{Path, PathBuf};

use medseg_bundle::Wanted;
use medseg_files::plain_name;
use medseg_inference::Certainty;
use medseg_train::Observer;
use medseg_volume::{Geometry, ProbabilityBits, write_probabilities};
use ndarray::Array4;

use super::Args;
use super::cohort::FileKind;
use super::found::ClassScores;
use crate::console::Console;
use crate::{CliError, paths};

/// The classes of a network's probabilities: label and name of each, in order.
#[derive(Clone, Debug)]
pub struct Classes(pub Vec<(usize, String)>);

impl Classes {
    /// Classes of a network of so many output channels; one channel is the foreground.
    pub fn new(channels: usize, label: impl Fn(usize) -> usize, name: impl Fn(usize) -> String) -> Self {
        let numbers = if channels == 1 { 1..2 } else { 0..channels };
        Self(numbers.map(&label).map(|label| (label, name(label))).collect())
    }

    /// The file of each class in a folder, `01_liver.nii.gz` for example.
    pub fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let file = |(label, name): &(usize, String)| folder.join(format!("{label:02}_{}.nii.gz", plain_name(name)));
        self.0.iter().map(file).collect()
    }
}

/// The results that the options ask for.
pub fn wanted(args: &Args) -> Wanted {
    let certainty = args.uncertainty.certainty;
    Wanted {
        probabilities: args.wants_probabilities(),
        entropy: args.uncertainty.save_entropy.is_some() || args.cohort.wants(FileKind::Entropy),
        spread: certainty,
        certainty,
    }
}

/// Files that are written beside the mask, where the classes are known.
pub fn files(args: &Args, classes: Option<&Classes>) -> Vec<PathBuf> {
    let folder = args.nnunet.save_probabilities.as_deref();
    let volumes = folder.zip(classes).map(|(folder, classes)| classes.files(folder)).unwrap_or_default();
    args.uncertainty.save_entropy.iter().cloned().chain(volumes).collect()
}

/// Refuses a file beside the mask that would replace the mask, the image, or a file of the model.
pub fn check(args: &Args, classes: Option<&Classes>, inputs: &[&Path]) -> Result<(), CliError> {
    if let Some(path) = &args.uncertainty.save_entropy {
        paths::check_volume_output(path)?;
    }
    if let Some(folder) = args.nnunet.save_probabilities.as_deref().filter(|_| args.image.is_dir()) {
        paths::refuse_folder_over_input(folder, &args.image)?;
    }
    for path in files(args, classes) {
        paths::refuse_output_over_input(&path, inputs)?;
        if path.exists() {
            paths::refuse_output_over_input(&path, &[&args.model])?;
        }
        if std::path::absolute(&path).ok() == std::path::absolute(&args.mask).ok() {
            return Err(CliError::Usage(format!("{} is the mask as well: nothing is written", path.display())));
        }
    }
    Ok(())
}

/// Makes the folder of probabilities, before hours are spent.
///
/// # Errors
/// The system's.
pub fn make_folder(folder: &Path) -> Result<(), CliError> {
    let made = std::fs::create_dir_all(folder);
    made.map_err(|error| CliError::Failed(format!("cannot write {}: {error}", folder.display())))
}

/// Writes probabilities, a file for each class.
pub fn write_classes(
    files: &[PathBuf],
    scores: &ClassScores,
    geometry: &Geometry,
    bits: ProbabilityBits,
) -> Result<(), CliError> {
    match scores {
        ClassScores::F16(scores) => each(files, scores, geometry, bits),
        ClassScores::F32(scores) => each(files, scores, geometry, bits),
    }
}

fn each<T: Copy + Into<f32>>(
    files: &[PathBuf],
    scores: &Array4<T>,
    geometry: &Geometry,
    bits: ProbabilityBits,
) -> Result<(), CliError> {
    for (path, values) in files.iter().zip(scores.outer_iter()) {
        write_probabilities(path, values, geometry, bits)?;
    }
    Ok(())
}

/// Prints how certain the prediction is, if it was asked for.
pub fn print(certainty: Option<Certainty>, console: &mut Console) {
    if let Some(certainty) = certainty {
        let (p, entropy) = (certainty.mean_probability, certainty.mean_entropy);
        console.message(&format!("mean probability of what was found {p:.4}, mean entropy {entropy:.4} nats"));
    }
}
