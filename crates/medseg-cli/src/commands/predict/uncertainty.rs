//! Options for results beside the mask.

use std::path::PathBuf;

use medseg_volume::ProbabilityBits;

/// Options for probabilities and how certain they are.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Probabilities")]
pub struct UncertaintyArgs {
    /// Bits of a stored probability: 8 (steps of 1/255) or 16 (1/65535), scaled to 0..1 by the file's header
    #[arg(long, value_name = "BITS", value_parser = ["8", "16"], default_value = "16")]
    probability_bits: String,
    /// Write the entropy of the class probabilities, in nats, as a volume on the image's grid
    #[arg(long, value_name = "FILE")]
    pub save_entropy: Option<PathBuf>,
    /// Report how certain the prediction is: mean probability, entropy, and spread over folds and mirror images, of the voxels
    /// found
    #[arg(long)]
    pub certainty: bool,
    /// Average the predictions of mirrored windows too, 8 times the work; with --certainty their spread counts
    #[arg(long)]
    pub mirror: bool,
    /// Divide logits by this number, found on validation cases, so that probabilities are honest
    #[arg(long, value_name = "NUMBER")]
    pub temperature: Option<f32>,
}

impl UncertaintyArgs {
    /// Size of stored probabilities.
    pub fn bits(&self) -> ProbabilityBits {
        if self.probability_bits == "8" { ProbabilityBits::Eight } else { ProbabilityBits::Sixteen }
    }

    /// True if one of them was given.
    pub fn is_any(&self) -> bool {
        self.save_entropy.is_some() || self.certainty || self.mirror || self.temperature.is_some()
    }
}
