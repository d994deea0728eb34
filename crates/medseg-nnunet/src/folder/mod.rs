//! The folder of a trained model.

mod find;
mod fold;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use medseg_unet::{StagedUNet, StagedUNetConfig};
use tempfile::TempDir;

use crate::bundle::{BUNDLE, BundleFile, is_bundle, weights_name};
use crate::checkpoint::Checkpoint;
use crate::error::NnUnetError;
use crate::exported_zip::{extract, is_zip};
use crate::network::network;
use crate::network_keys::NetworkKeys;
use crate::plans::{Configuration, Dataset, Norm, NormKind, Plans, PlansProblem};

use find::{default_folds, find_model, required_file};

pub use fold::Fold;

/// Name of the checkpoint that predictions use.
pub const CHECKPOINT: &str = "checkpoint_final.pth";
/// File name of the plans.
pub(crate) const PLANS: &str = "plans.json";
/// File name of the data set's description.
pub(crate) const DATASET: &str = "dataset.json";
/// End of a key that batch normalisation alone has.
const RUNNING: &str = ".norm.running_mean";
/// A model of nnU-Net v2 on disk: settings, and the folds whose predictions are averaged.
///
/// ```
/// use medseg_nnunet::{Fold, ModelFolder};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/plain_aniso");
/// let model = ModelFolder::open(path)?;
/// assert_eq!(model.folds, [Fold::Number(0), Fold::Number(1)]);
/// assert_eq!(model.configuration.name, "3d_fullres");
/// assert_eq!((model.in_channels(), model.out_channels()), (2, 4));
///
/// let checkpoint = model.checkpoint(model.folds[0])?;
/// assert_eq!(checkpoint.trainer_name, model.trainer_name);
/// # Ok::<(), medseg_nnunet::NnUnetError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelFolder {
    /// The folder with `plans.json`.
    pub path: PathBuf,
    /// File name of the checkpoints.
    pub checkpoint_name: String,
    /// Folds, in the order in which their predictions are added.
    pub folds: Vec<Fold>,
    /// Plans.
    pub plans: Plans,
    /// Data set.
    pub dataset: Dataset,
    /// Configuration that the first fold's checkpoint names, with the layers that its trainer replaces.
    pub configuration: Configuration,
    /// Class of the trainer, from the first fold's checkpoint.
    pub trainer_name: String,
    /// Axes of mirroring, from the first fold's checkpoint; nothing if the training did not mirror.
    pub mirroring_axes: Option<Vec<usize>>,
    weights: WeightFiles,
    /// The folder to which a zip was extracted, for as long as it is needed.
    _extracted: Option<Arc<TempDir>>,
}

/// The files of a model's weights.
#[derive(Clone, Debug)]
pub(crate) enum WeightFiles {
    /// Checkpoints of nnU-Net.
    Checkpoints,
    /// Safetensors of a bundle.
    Bundle(BundleFile),
}

/// Settings that are in checkpoints only.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub trainer_name: String,
    pub configuration: String,
    pub mirroring_axes: Option<Vec<usize>>,
    /// The trainer, such as `nnUNetTrainerBN`, put batch norms in place of the plans' layers.
    pub batch_norm: bool,
}

impl ModelFolder {
    /// Opens a folder `TRAINER__PLANS__CONFIGURATION`, or one that holds exactly one such folder at most two levels
    /// below; the zip of `nnUNetv2_export_model_to_zip`; or a bundle of [`Model::save_bundle`](crate::Model::save_bundle).
    /// Takes every numbered fold with a `checkpoint_final.pth`, ordered by name; `fold_all` only if it is alone.
    ///
    /// A zip is extracted to a temporary folder, which is removed with the last clone of this value.
    ///
    /// # Errors
    /// If there is no model or more than one, a file is missing or damaged, or a setting is not supported.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, NnUnetError> {
        Self::open_with(path, None, CHECKPOINT)
    }

    /// Opens these folds with checkpoints of this file name, such as `checkpoint_best.pth`; `None` takes the default
    /// folds. A bundle has weights of one kind of checkpoint, and this name is not looked at.
    ///
    /// # Errors
    /// As [`ModelFolder::open`], and if one of the folds has no such checkpoint.
    pub fn open_with(
        path: impl AsRef<Path>,
        folds: Option<&[Fold]>,
        checkpoint_name: &str,
    ) -> Result<Self, NnUnetError> {
        let path = path.as_ref();
        if is_zip(path) {
            let extracted = extract(path, checkpoint_name)?;
            return match Self::open_checkpoints(extracted.path(), folds, checkpoint_name) {
                Ok(model) => Ok(Self { _extracted: Some(extracted), ..model }),
                Err(source) => Err(NnUnetError::InZip { path: path.to_owned(), source: Box::new(source) }),
            };
        }
        if is_bundle(path) {
            Self::open_bundle(path, folds)
        } else {
            Self::open_checkpoints(path, folds, checkpoint_name)
        }
    }

    fn open_checkpoints(path: &Path, folds: Option<&[Fold]>, checkpoint_name: &str) -> Result<Self, NnUnetError> {
        let path = find_model(path)?;
        let settings = [PLANS, DATASET].map(|name| required_file(&path, name));
        let [plans, dataset] = settings;
        let (plans, dataset) = (Plans::open(plans?)?, Dataset::open(dataset?)?);
        let folds = match folds {
            Some(folds) => folds.to_vec(),
            None => default_folds(&path, checkpoint_name)?,
        };
        for fold in &folds {
            required_file(&path.join(fold.to_string()), checkpoint_name)?;
        }
        let Some(first) = folds.first() else {
            return Err(NnUnetError::NoFold { path, checkpoint: checkpoint_name.to_owned() });
        };
        let first = Checkpoint::open(path.join(first.to_string()).join(checkpoint_name))?;
        let batch_norm = first.weights.keys().any(|key| key.ends_with(RUNNING));
        let Checkpoint { trainer_name, configuration, mirroring_axes, .. } = first;
        let facts = Facts { trainer_name, configuration, mirroring_axes, batch_norm };
        let model = Self::new(path, plans, dataset, facts, WeightFiles::Checkpoints)?;
        Ok(Self { checkpoint_name: checkpoint_name.to_owned(), folds, ..model })
    }

    fn open_bundle(path: &Path, folds: Option<&[Fold]>) -> Result<Self, NnUnetError> {
        let bundle = BundleFile::open(path)?;
        let (plans, dataset) = (Plans::open(path.join(PLANS))?, Dataset::open(path.join(DATASET))?);
        let folds = folds.map_or_else(|| bundle.folds(), <[Fold]>::to_vec);
        if folds.is_empty() {
            return Err(NnUnetError::MissingFile { path: path.to_owned(), file: weights_name(Fold::Number(0)) });
        }
        if let Some(missing) = folds.iter().find(|fold| !bundle.folds().contains(fold)) {
            return Err(NnUnetError::MissingFile { path: path.to_owned(), file: weights_name(*missing) });
        }
        let facts = bundle.facts();
        let checkpoint_name = bundle.checkpoint_name().to_owned();
        let model = Self::new(path.to_owned(), plans, dataset, facts, WeightFiles::Bundle(bundle))?;
        Ok(Self { checkpoint_name, folds, ..model })
    }

    /// Puts the settings together; name and folds of checkpoints are still missing.
    fn new(
        path: PathBuf,
        plans: Plans,
        dataset: Dataset,
        facts: Facts,
        weights: WeightFiles,
    ) -> Result<Self, NnUnetError> {
        let plans_error = |problem| NnUnetError::plans(&path.join(PLANS), problem);
        let mut configuration = plans.configuration(&facts.configuration).map_err(plans_error)?;
        if facts.batch_norm && configuration.architecture.norm.kind == NormKind::Instance {
            configuration.architecture.norm = Norm { kind: NormKind::Batch, eps: 1e-5, affine: true };
        }
        if configuration.normalization.len() != dataset.channels.len() {
            return Err(plans_error(PlansProblem::Channels {
                configuration: configuration.name,
                normalised: configuration.normalization.len(),
                channels: dataset.channels.len(),
            }));
        }
        Ok(Self {
            checkpoint_name: String::new(),
            folds: Vec::new(),
            plans,
            dataset,
            configuration,
            trainer_name: facts.trainer_name,
            mirroring_axes: facts.mirroring_axes,
            path,
            weights,
            _extracted: None,
        })
    }

    /// Input channels of the network: those of the image, and one for each foreground label of a previous stage.
    #[must_use]
    pub fn in_channels(&self) -> usize {
        let previous = self.configuration.previous_stage.as_ref();
        self.dataset.channels.len() + previous.map_or(0, |_| self.dataset.foreground_labels().len())
    }

    /// Output channels of the network.
    #[must_use]
    pub fn out_channels(&self) -> usize {
        self.dataset.out_channels()
    }

    /// Names and shapes of the network's parameters.
    #[must_use]
    pub fn network_keys(&self) -> NetworkKeys {
        NetworkKeys::new(&self.configuration.architecture, self.in_channels(), self.out_channels())
    }

    /// Path of a fold's weights: a checkpoint, or a safetensors file of a bundle.
    #[must_use]
    pub fn weights_path(&self, fold: Fold) -> PathBuf {
        match &self.weights {
            WeightFiles::Checkpoints => self.path.join(fold.to_string()).join(&self.checkpoint_name),
            WeightFiles::Bundle(_) => self.path.join(weights_name(fold)),
        }
    }

    /// Opens a fold's checkpoint and checks that its parameters are those of the network.
    ///
    /// # Errors
    /// If it cannot be read, or a parameter is missing, has another shape or is not one of the network. A bundle has no
    /// checkpoints.
    pub fn checkpoint(&self, fold: Fold) -> Result<Checkpoint, NnUnetError> {
        let checkpoint = Checkpoint::open(self.weights_path(fold))?;
        self.network_keys().check(&checkpoint)?;
        Ok(checkpoint)
    }

    /// Makes a fold's network.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint); in a bundle a file that is missing, damaged or of another network.
    pub(crate) fn load(
        &self,
        fold: Fold,
        config: &StagedUNetConfig,
        keys: &NetworkKeys,
        device: &Device,
    ) -> Result<StagedUNet, NnUnetError> {
        let bundle = match &self.weights {
            WeightFiles::Checkpoints => return network(config, keys, &self.checkpoint(fold)?, device),
            WeightFiles::Bundle(bundle) => bundle,
        };
        bundle.check(&self.path, &weights_name(fold))?;
        let path = self.weights_path(fold);
        let network = StagedUNet::load(&path, device)?;
        if network.config() != config {
            let reason = "it holds another network than the plans describe".to_owned();
            return Err(NnUnetError::Bundle { path, reason });
        }
        Ok(network)
    }
}

/// True for what [`ModelFolder::open`] would look into: a zip; a bundle of a model of nnU-Net; a folder with `plans.json` or
/// folds, or with such folders at most two levels below. No more is read than the beginning of a file or a bundle's settings.
#[must_use]
pub fn is_model(path: impl AsRef<Path>) -> bool {
    let path = path.as_ref();
    let models = || matches!(find_model(path), Ok(_) | Err(NnUnetError::SeveralModels { .. }));
    if path.join(BUNDLE).is_file() { is_bundle(path) } else { is_zip(path) || models() }
}
