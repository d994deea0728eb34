//! Files beside the mask: probabilities and entropy.

use std::path::{Path, PathBuf};

use half::f16;
use medseg_bundle::Wanted;
use medseg_files::plain_name;
use medseg_inference::Certainty;
use medseg_train::Observer;
use medseg_volume::{Geometry, Volume, write_image, write_probabilities};
use ndarray::Array4;

use super::Args;
use crate::console::Console;
use crate::{CliError, paths};

/// The classes of a network's probabilities: label and name of each, in order.
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
        probabilities: args.nnunet.save_probabilities.is_some(),
        entropy: args.uncertainty.save_entropy.is_some(),
        spread: certainty,
        certainty,
    }
}

/// Files that are written beside the mask.
pub fn files(args: &Args, classes: &Classes) -> Vec<PathBuf> {
    let volumes = args.nnunet.save_probabilities.iter().flat_map(|folder| classes.files(folder));
    args.uncertainty.save_entropy.iter().cloned().chain(volumes).collect()
}

/// Refuses a file beside the mask that would replace the mask, the image, or a file of the model.
pub fn check(args: &Args, classes: &Classes) -> Result<(), CliError> {
    if let Some(path) = &args.uncertainty.save_entropy {
        paths::check_volume_output(path)?;
    }
    for path in files(args, classes) {
        paths::refuse_output_over_input(&path, &[&args.image])?;
        if path.exists() {
            paths::refuse_output_over_input(&path, &[&args.model])?;
        }
        if std::path::absolute(&path).ok() == std::path::absolute(&args.mask).ok() {
            return Err(CliError::Usage(format!("{} is the mask as well: nothing is written", path.display())));
        }
    }
    Ok(())
}

/// Writes the files that were asked for.
pub fn write(
    args: &Args,
    classes: &Classes,
    probabilities: Option<&Array4<f16>>,
    entropy: Option<&Volume<f32>>,
    geometry: &Geometry,
) -> Result<(), CliError> {
    if let (Some(path), Some(entropy)) = (&args.uncertainty.save_entropy, entropy) {
        write_image(path, entropy)?;
    }
    if let (Some(folder), Some(probabilities)) = (&args.nnunet.save_probabilities, probabilities) {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|error| CliError::Failed(format!("cannot write {}: {error}", folder.display())))?;
        for (path, values) in classes.files(folder).into_iter().zip(probabilities.outer_iter()) {
            write_probabilities(path, values, geometry, args.uncertainty.bits())?;
        }
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
