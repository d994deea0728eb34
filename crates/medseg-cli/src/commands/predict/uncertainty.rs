//! Options for results beside the mask.

use std::path::PathBuf;

use crate::CliError;

/// Options for probabilities and how certain they are.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Probabilities")]
pub struct UncertaintyArgs {
    /// Write the entropy of the class probabilities, in nats, as a volume on the image's grid
    #[arg(long, value_name = "FILE")]
    pub save_entropy: Option<PathBuf>,
    /// Report how certain the prediction is: mean probability, entropy and spread over folds of what was found
    #[arg(long)]
    pub certainty: bool,
    /// Divide logits by this number, found on validation cases, so that probabilities are honest
    #[arg(long, value_name = "NUMBER")]
    pub temperature: Option<f32>,
}

/// Refuses options that a kind of model does not have, instead of leaving them out.
pub fn refuse(options: &UncertaintyArgs, probabilities: bool) -> Result<(), CliError> {
    let given = [
        ("--save-entropy", options.save_entropy.is_some()),
        ("--certainty", options.certainty),
        ("--temperature", options.temperature.is_some()),
        ("--save-probabilities", probabilities),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(CliError::Usage(format!("{name} is not known for this kind of model"))),
        None => Ok(()),
    }
}
