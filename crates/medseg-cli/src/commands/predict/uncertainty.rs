//! Options for results beside the mask.

use std::path::PathBuf;

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

impl UncertaintyArgs {
    /// True if one of them was given.
    pub fn is_any(&self) -> bool {
        self.save_entropy.is_some() || self.certainty || self.temperature.is_some()
    }
}
