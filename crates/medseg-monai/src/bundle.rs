//! A bundle as a whole.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::config::Config;
use crate::folder::Folder;
use crate::transforms::well_known;
use crate::{BundleProblem, Checkpoint, Inferer, Metadata, MonaiError, MonaiNetwork, Postprocess, Preprocess};
use crate::{checkpoint, inferer, postprocessing, preprocessing, zipped};

/// Settings of the inference; the first that exists is read.
const INFERENCE: [&str; 3] = ["configs/inference.json", "configs/inference.yaml", "configs/inference.yml"];
/// Description of the bundle.
const METADATA: &str = "configs/metadata.json";

/// A MONAI bundle: everything that decides its mask, as checked data. Nothing of it is run.
#[derive(Debug)]
#[non_exhaustive]
pub struct MonaiBundle {
    /// Network, with the names of its state dict.
    pub network: MonaiNetwork,
    /// Steps from the file to the network's input.
    pub preprocessing: Vec<Preprocess>,
    /// Way from the input to the network's output.
    pub inferer: Inferer,
    /// Steps from the output to the mask.
    pub postprocessing: Vec<Postprocess>,
    /// Weights.
    pub checkpoint: Checkpoint,
    /// Description; empty if the bundle has none.
    pub metadata: Metadata,
    folder: Folder,
    /// Extract of a zip, removed with the bundle.
    _extract: Option<TempDir>,
}

impl MonaiBundle {
    /// True for a folder or zip that looks like a bundle: one with a configuration of the inference.
    #[must_use]
    pub fn is_one(path: impl AsRef<Path>) -> bool {
        let path = path.as_ref();
        let folder = INFERENCE.iter().any(|name| path.join(name).is_file());
        folder || (zipped::is_zip(path) && zipped::holds(path, &INFERENCE))
    }

    /// Opens a bundle: its folder, or a zip of it.
    ///
    /// Weights need not be there; see [`checkpoint_file`](Self::checkpoint_file).
    ///
    /// # Errors
    /// Files that cannot be read, a setting that is missing, and every class, argument or expression that is not supported, by
    /// its name.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, MonaiError> {
        Self::open_first(path.as_ref(), &INFERENCE)
    }

    /// Opens a bundle with another configuration than `inference.json`, such as `configs/inference_segresnet.yaml`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, config: &str) -> Result<Self, MonaiError> {
        Self::open_first(path.as_ref(), &[config])
    }

    /// Opens a bundle by the first of these configurations that exists.
    fn open_first(path: &Path, configs: &[&str]) -> Result<Self, MonaiError> {
        if !zipped::is_zip(path) {
            return Self::of_folder(path, configs, None);
        }
        let extract = zipped::extract(path)?;
        let folder = zipped::bundle_folder(extract.path());
        let in_zip = |source| match source {
            MonaiError::NotABundle { config, .. } => MonaiError::NotABundle { path: path.to_owned(), config },
            source => MonaiError::InZip { path: path.to_owned(), source: Box::new(source) },
        };
        Self::of_folder(&folder, configs, Some(extract)).map_err(in_zip)
    }

    /// The folder, or that of the zip's extract.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.root()
    }

    /// The file of the weights.
    ///
    /// # Errors
    /// If it is missing, is TorchScript, or leads out of the bundle.
    pub fn checkpoint_file(&self) -> Result<PathBuf, MonaiError> {
        let path = self.folder.path(&self.checkpoint.path)?;
        let script = Path::new(&self.checkpoint.path).with_extension("ts");
        if path.extension().is_some_and(|ending| ending == "ts") {
            return Err(MonaiError::TorchScript { path: path.with_extension("pt"), script: path });
        }
        if path.is_file() {
            return Ok(path);
        }
        match self.folder.has(&script.to_string_lossy()) {
            true => Err(MonaiError::TorchScript { script: path.with_extension("ts"), path }),
            false => Err(MonaiError::NoCheckpoint { path }),
        }
    }

    /// The file with the licence's text, if the bundle has one.
    #[must_use]
    pub fn license_file(&self) -> Option<PathBuf> {
        let names = ["LICENSE", "LICENSE.txt", "LICENSE.md", "docs/LICENSE", "docs/license.txt"];
        names.into_iter().filter(|name| self.folder.has(name)).find_map(|name| self.folder.path(name).ok())
    }

    fn of_folder(path: &Path, configs: &[&str], extract: Option<TempDir>) -> Result<Self, MonaiError> {
        let folder = Folder::open(path)?;
        let name = configs.iter().find(|name| folder.root().join(name).exists());
        let missing = || MonaiError::NotABundle { path: path.to_owned(), config: configs.join(" or ") };
        let name = name.ok_or_else(missing)?;
        let text = folder.text(name)?;
        let metadata = match folder.root().join(METADATA).exists() {
            true => {
                let text = folder.text(METADATA)?;
                Metadata::from_json(&text).map_err(|problem| MonaiError::config(&path.join(METADATA), problem))?
            }
            false => Metadata::default(),
        };
        let failed = |problem| MonaiError::config(&path.join(name), problem);
        let config = Config::new(name, &text, Some(&folder)).map_err(failed)?;
        evaluator(&config).map_err(failed)?;
        Ok(Self {
            network: network(&config).map_err(failed)?,
            preprocessing: preprocessing::read(&config).map_err(failed)?,
            inferer: inferer::read(&config).map_err(failed)?,
            postprocessing: postprocessing::read(&config).map_err(failed)?,
            checkpoint: checkpoint::read(&config).map_err(failed)?,
            metadata,
            folder,
            _extract: extract,
        })
    }
}

/// The network, which bundles call `network_def`, or `network` if nothing is around it.
fn network(config: &Config) -> Result<MonaiNetwork, BundleProblem> {
    let value = match config.raw("network_def") {
        Some(_) => config.by_id("network_def")?,
        None => well_known(config, "network", "evaluator", "network")?,
    };
    match value {
        crate::config::Value::Object(node) => MonaiNetwork::read(config, &node),
        _ => Err(BundleProblem::value("network_def", "a component with a _target_")),
    }
}

/// Refuses evaluators that do something else than one network and its transforms.
fn evaluator(config: &Config) -> Result<(), BundleProblem> {
    let Some(evaluator) = config.raw("evaluator") else { return Ok(()) };
    let Some(target) = evaluator.target() else { return Ok(()) };
    let class = target.as_str().unwrap_or_default();
    let short = class.strip_prefix("monai.").unwrap_or(class).rsplit('.').next().unwrap_or_default();
    let foreign = class.contains('.') && !class.starts_with("monai.");
    match short == "SupervisedEvaluator" && !foreign {
        true => Ok(()),
        false => Err(BundleProblem::Class {
            id: evaluator.id,
            class: crate::problem::shortened(class),
            supported: "SupervisedEvaluator".to_owned(),
        }),
    }
}
