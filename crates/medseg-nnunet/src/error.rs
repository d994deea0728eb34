//! Errors of nnU-Net's models.

use std::path::{Path, PathBuf};

use medseg_torch::TorchError;

use crate::checkpoint::CheckpointProblem;
use crate::plans::PlansProblem;

/// An error of this crate; its message is one sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NnUnetError {
    /// The system could not read a file or folder.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A checkpoint is damaged, in a format that is not read, or not of the network that the plans describe.
    #[error("{}: {problem}", path.display())]
    Checkpoint {
        /// The checkpoint.
        path: PathBuf,
        /// The problem.
        problem: Box<CheckpointProblem>,
    },
    /// `plans.json` or `dataset.json` lacks a setting, or has one that is not supported.
    #[error("{}: {problem}", path.display())]
    Plans {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: Box<PlansProblem>,
    },
    /// A text file is larger than any such file.
    #[error("{} has {bytes} bytes, more than the {limit} that such a file may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// The path is a file, and no zip of `nnUNetv2_export_model_to_zip`.
    #[error("{} is a file, and no zip of an exported model", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
    },
    /// An exported zip is damaged, or cannot be extracted to a temporary folder.
    #[error("cannot extract {}", path.display())]
    Zip {
        /// The zip.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The model in an exported zip cannot be opened; the cause names files of the temporary folder.
    #[error("{} was extracted to a temporary folder", path.display())]
    InZip {
        /// The zip.
        path: PathBuf,
        /// The cause.
        source: Box<NnUnetError>,
    },
    /// An exported zip expands to more than any model's weights would.
    #[error("{} expands to more than 100 times its size, so it is no exported model", path.display())]
    Expands {
        /// The zip.
        path: PathBuf,
    },
    /// Settings of a bundle are wrong, or something that is no bundle is in the way.
    #[error("{}: {reason}", path.display())]
    Bundle {
        /// The settings' file, or what is in the way.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file of a bundle is not the one that was written.
    #[error("{}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The difference.
        source: medseg_files::DigestError,
    },
    /// A list of models that contradicts itself or its models.
    #[error("{}: {reason}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The average of several models.
    #[error(transparent)]
    Ensemble(#[from] crate::EnsembleError),
    /// The system could not write a file or folder.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No `plans.json` lies in the folder, or one or two levels below it.
    #[error(
        "{} holds no model of nnU-Net v2: no folder TRAINER__PLANS__CONFIGURATION with a plans.json in it",
        path.display()
    )]
    NoModel {
        /// The folder.
        path: PathBuf,
    },
    /// More than one model lies in the folder.
    #[error("{} holds several models, so name one of them: {}", path.display(), models.join(", "))]
    SeveralModels {
        /// The folder.
        path: PathBuf,
        /// The models' folders, relative to it.
        models: Vec<String>,
    },
    /// A file that every model has is missing.
    #[error("{} has no {file}", path.display())]
    MissingFile {
        /// The model's folder, or that of a fold.
        path: PathBuf,
        /// The missing file's name.
        file: String,
    },
    /// A text that names no fold.
    #[error("{text}: a fold is a number or `all`")]
    Fold {
        /// The text.
        text: String,
    },
    /// The model has no fold with a checkpoint.
    #[error("{} has no fold with a {checkpoint}", path.display())]
    NoFold {
        /// The model's folder.
        path: PathBuf,
        /// The checkpoint's file name.
        checkpoint: String,
    },
    /// The plans name a reader of another kind of images.
    #[error("{}: the reader {class} is not supported: SimpleITKIO and NibabelIO are, and both with reorientation", path.display())]
    Reader {
        /// The model's folder.
        path: PathBuf,
        /// The class that the plans name.
        class: String,
    },
    /// An image of another number of channels.
    #[error("{}: the model takes {expected} channel(s), not {found}", path.display())]
    Channels {
        /// The model's folder.
        path: PathBuf,
        /// Channels of the model.
        expected: usize,
        /// Channels of the image.
        found: usize,
    },
    /// The second stage of a cascade without the mask of the first.
    #[error("{} is a cascade's stage: it needs the mask of the stage {stage}", path.display())]
    NoPrevious {
        /// The model's folder.
        path: PathBuf,
        /// The configuration of the stage before.
        stage: String,
    },
    /// A mask of a stage before for a model that has none.
    #[error("{} is no cascade's stage, and takes no mask of a stage before", path.display())]
    NoCascade {
        /// The model's folder.
        path: PathBuf,
    },
    /// A region of another shape than the image.
    #[error("{}: the region has shape {found:?}, and the image {expected:?}", path.display())]
    Region {
        /// The region's file.
        path: PathBuf,
        /// Its shape.
        found: [usize; 3],
        /// The image's shape.
        expected: [usize; 3],
    },
    /// A label value that masks cannot hold.
    #[error("{}: the label value {value} is too large for a mask", path.display())]
    Label {
        /// The model's folder.
        path: PathBuf,
        /// The value.
        value: u32,
    },
    /// Logits resampled by splines of another order than 1, or than 0 along a separate axis.
    #[error("{}: logits are resampled by order 1 and 0 along a separate axis, not by {order} and {order_z}", path.display())]
    LogitOrder {
        /// The model's folder.
        path: PathBuf,
        /// The plans' order.
        order: u8,
        /// The plans' order along a separate axis.
        order_z: u8,
    },
    /// Images of a case.
    #[error(transparent)]
    Image(#[from] crate::ImageError),
    /// Volumes.
    #[error(transparent)]
    Volume(#[from] medseg_volume::VolumeError),
    /// Preprocessing.
    #[error(transparent)]
    Preprocess(#[from] crate::preprocess::PreprocessError),
    /// The sliding window.
    #[error(transparent)]
    Window(#[from] crate::window::WindowError),
    /// From logits to labels.
    #[error(transparent)]
    Export(#[from] crate::export::ExportError),
    /// A file of PyTorch, for a reason that is none of those above.
    #[error(transparent)]
    Torch(TorchError),
    /// The network.
    #[error(transparent)]
    Network(#[from] medseg_unet::UNetError),
}

impl From<TorchError> for NnUnetError {
    fn from(error: TorchError) -> Self {
        match error {
            TorchError::Io { path, source } => Self::Io { path, source },
            TorchError::File { path, problem } => Self::checkpoint(&path, CheckpointProblem::File(*problem)),
            other => Self::Torch(other),
        }
    }
}

impl NnUnetError {
    /// Makes the error of a file that cannot be read.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// Makes the error of a checkpoint.
    pub(crate) fn checkpoint(path: &Path, problem: CheckpointProblem) -> Self {
        Self::Checkpoint { path: path.to_owned(), problem: Box::new(problem) }
    }

    /// Makes the error of `plans.json` or `dataset.json`.
    pub(crate) fn plans(path: &Path, problem: PlansProblem) -> Self {
        Self::Plans { path: path.to_owned(), problem: Box::new(problem) }
    }
}
