//! Models of nnU-Net: their options, and the masks that a case brings along.

mod segmenter;

use std::path::{Path, PathBuf};

use medseg_nnunet::window::Sums;
use medseg_nnunet::{CHECKPOINT, Fold, PredictOptions};

pub use segmenter::{Segmenter, is_list};

/// Options for models of nnU-Net.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Models of nnU-Net")]
pub struct NnUnetArgs {
    /// Folds to average: numbers or `all` (default: every numbered fold that is there)
    #[arg(long, value_name = "0,1", value_delimiter = ',', help_heading = "Options")]
    pub folds: Vec<Fold>,
    /// Leave mirrored windows out: a mask of less care, up to 8 times as fast
    #[arg(long)]
    disable_tta: bool,
    /// Largest distance of neighbouring windows as a part of the patch
    #[arg(long, value_name = "PART", default_value_t = 0.5)]
    step_size: f64,
    /// Add windows in f32: a mask that differs from nnU-Net's in a few voxels where two labels are equally likely
    #[arg(long)]
    fast: bool,
    /// File name of the checkpoints
    #[arg(long, value_name = "NAME", default_value = CHECKPOINT)]
    checkpoint: String,
    /// Steps of a `postprocessing.json` that clean the mask; nnU-Net applies them by a command of its own
    #[arg(long, value_name = "FILE")]
    pub postprocessing: Option<PathBuf>,
    /// Mask of a cascade's stage before; for a folder of cases the folder with NAME.nii.gz of each
    #[arg(long, value_name = "MASK")]
    pub previous: Option<PathBuf>,
    /// Leave out the windows that do not touch this mask's voxels other than 0: faster, and labels within it stay the same; for
    /// a folder of cases the folder with NAME.nii.gz of each
    #[arg(long, value_name = "MASK")]
    pub region: Option<PathBuf>,
    /// Write a volume of probabilities for each class to this folder
    #[arg(long, value_name = "FOLDER", help_heading = "Probabilities")]
    pub save_probabilities: Option<PathBuf>,
    /// Probabilities are wanted, by this option or another.
    #[arg(skip)]
    pub probabilities: bool,
}

impl NnUnetArgs {
    /// The same options, with probabilities or without.
    pub fn with_probabilities(&self, wanted: bool) -> Self {
        Self { probabilities: wanted, ..self.clone() }
    }

    /// The options that change a mask, as text.
    pub fn describe(&self) -> String {
        let Self { folds, disable_tta, step_size, fast, checkpoint, .. } = self;
        format!("{folds:?} {disable_tta} {step_size} {fast} {checkpoint}")
    }

    fn settings(&self) -> PredictOptions {
        PredictOptions::default()
            .with_mirroring(!self.disable_tta)
            .with_step_size(self.step_size)
            .with_sums(if self.fast { Sums::Fast } else { Sums::Half })
    }
}

/// True for a model of nnU-Net, and for a list of them.
pub fn is_model(model: &Path) -> bool {
    is_list(model) || medseg_nnunet::is_model(model)
}

/// Masks that belong to one case.
#[derive(Clone, Debug, Default)]
pub struct CaseMasks {
    /// Mask of a cascade's stage before.
    pub previous: Option<PathBuf>,
    /// Mask whose windows alone are predicted.
    pub region: Option<PathBuf>,
}

impl CaseMasks {
    /// Those of the options, for a single case.
    pub fn of(args: &NnUnetArgs) -> Self {
        Self { previous: args.previous.clone(), region: args.region.clone() }
    }

    /// Those of a case in the folders of the options.
    pub fn in_folders(args: &NnUnetArgs, case: &str, ending: &str) -> Self {
        let of = |folder: &Option<PathBuf>| folder.as_ref().map(|folder| folder.join(format!("{case}{ending}")));
        Self { previous: of(&args.previous), region: of(&args.region) }
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.previous.iter().chain(&self.region)
    }
}
