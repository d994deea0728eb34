//! The bundle: opened, made, saved.

use std::path::Path;

use burn::tensor::Device;
use medseg_files::{write_atomic, write_folder};
use medseg_inference::{Dhw, PostProcessing};
use medseg_unet::Precision;

use crate::config::{BundleConfig, CONFIG_FILE};
use crate::error::BundleError;
use crate::network::Wanted;
use crate::stage::StageNetwork;
use crate::weights;

/// Networks on a device with everything around them; made by training, opened to predict.
#[derive(Debug)]
pub struct Bundle {
    pub(crate) config: BundleConfig,
    /// In the order of the stages, each with its folds.
    pub(crate) networks: Vec<Vec<StageNetwork>>,
    pub(crate) device: Device,
    /// Results beside the mask.
    pub(crate) wanted: Wanted,
}

impl Bundle {
    /// Puts settings and networks together; `networks` in the order of [`Stages::networks`](crate::Stages::networks).
    ///
    /// # Errors
    /// [`BundleError::Config`] for settings without meaning, or networks that are not those of the settings.
    pub fn new<N: Into<StageNetwork>>(
        config: BundleConfig,
        networks: impl IntoIterator<Item = N>,
        device: &Device,
    ) -> Result<Self, BundleError> {
        let networks: Vec<StageNetwork> = networks.into_iter().map(Into::into).collect();
        config.validate()?;
        let wanted = config.stages.networks();
        if wanted.len() != networks.len() || wanted.iter().zip(&networks).any(|((_, c), n)| n.config() != **c) {
            return Err(BundleError::Config("the networks are not those of the stages' settings".into()));
        }
        if config.folds != 1 {
            return Err(BundleError::Config(format!(
                "folds: one network for each stage are not {} folds",
                config.folds
            )));
        }
        let networks = networks.into_iter().map(|network| vec![network]).collect();
        Ok(Self { config, networks, device: device.clone(), wanted: Wanted::default() })
    }

    /// Puts bundles of the same settings together, such as those of a cross-validation: each stage averages its folds'
    /// logits, as nnU-Net does. Name, provenance and post-processing are those of the first.
    ///
    /// # Errors
    /// [`BundleError::Config`] for no bundle, more than 64 networks of a stage, or bundles that differ in networks,
    /// preprocessing or labels.
    pub fn ensemble(bundles: Vec<Self>) -> Result<Self, BundleError> {
        let mut bundles = bundles.into_iter();
        let Some(mut all) = bundles.next() else {
            return Err(BundleError::Config("an ensemble needs a bundle".into()));
        };
        for other in bundles {
            let (ours, theirs) = (&all.config, &other.config);
            let same = ours.stages == theirs.stages
                && ours.preprocessing == theirs.preprocessing
                && ours.label_values == theirs.label_values
                && ours.restoring == theirs.restoring;
            if !same {
                let names = format!("{} and {}", ours.name, theirs.name);
                return Err(BundleError::Config(format!("{names} differ in networks, preprocessing or labels")));
            }
            all.config.folds += theirs.folds;
            all.networks.iter_mut().zip(other.networks).for_each(|(ours, theirs)| ours.extend(theirs));
        }
        all.config.weights.clear();
        all.config.validate()?;
        Ok(all)
    }

    /// The same bundle with another cleaning of its masks.
    ///
    /// # Errors
    /// [`BundleError::Config`] for steps without meaning.
    pub fn with_postprocessing(mut self, steps: PostProcessing) -> Result<Self, BundleError> {
        self.config.postprocessing = steps;
        self.config.validate()?;
        Ok(self)
    }

    /// Opens the bundle in a folder and brings its networks to a device.
    ///
    /// # Errors
    /// No bundle, another schema, an unknown key, a setting without meaning; weights that are missing, damaged (their
    /// length and SHA-256 are checked) or of another network. The message names the file.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, BundleError> {
        let folder = folder.as_ref();
        let config = BundleConfig::read(folder)?;
        let read = |(stage, network): (&str, _)| {
            let fold = |fold| {
                let name = weights::name(stage, fold, config.folds);
                weights::read(folder, &name, config.weights.get(&name), network, device)
            };
            (0..config.folds).map(fold).collect::<Result<Vec<_>, _>>()
        };
        let networks = config.stages.networks().into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { config, networks, device: device.clone(), wanted: Wanted::default() })
    }

    /// Writes the bundle to a folder: under another name beside it, synchronised, and renamed. A bundle that is there already
    /// is replaced; any other folder is left as it is.
    ///
    /// # Errors
    /// The system's, or a folder that is no bundle in the way.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), BundleError> {
        let folder = folder.as_ref();
        if folder.exists() && !folder.join(CONFIG_FILE).is_file() {
            return Err(BundleError::not_a_bundle(folder, "it exists and is no bundle, so it is not replaced"));
        }
        write_folder(folder, |new| self.write(new), |error| BundleError::io("write", folder)(error))
    }

    fn write(&self, folder: &Path) -> Result<(), BundleError> {
        let mut config = self.config.clone();
        config.weights.clear();
        for ((stage, _), folds) in self.config.stages.networks().into_iter().zip(&self.networks) {
            for (number, network) in folds.iter().enumerate() {
                let name = weights::name(stage, number, config.folds);
                let digest = weights::write(folder, &name, network)?;
                config.weights.insert(name, digest);
            }
        }
        let path = folder.join(CONFIG_FILE);
        let text = serde_json::to_string_pretty(&config).map_err(|e| BundleError::Config(e.to_string()))?;
        write_atomic(&path, text.as_bytes()).map_err(BundleError::io("write", &path))
    }

    /// The same bundle making these results beside the mask. Probabilities are those of the network that draws the mask, outside
    /// its box those of the background; a spread there is none of a single network.
    #[must_use]
    pub fn with_wanted(self, wanted: Wanted) -> Self {
        Self { wanted, ..self }
    }

    /// The same bundle with windows that are mirrored along these axes too, and probabilities averaged: `2^axes` times the work.
    #[must_use]
    pub fn with_mirror(mut self, mirror: Dhw<bool>) -> Self {
        self.config.stages.window_mut().mirror = mirror;
        self
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &BundleConfig {
        &self.config
    }

    /// The names and networks of the stages in the order in which they run: those of a stage's folds one after another,
    /// numbered as their files are.
    pub fn named_networks(&self) -> impl Iterator<Item = (String, &StageNetwork)> {
        let stages = self.config.stages.networks().into_iter().map(|(stage, _)| stage).zip(&self.networks);
        stages.flat_map(|(stage, folds)| {
            folds.iter().enumerate().map(move |(fold, network)| (weights::name(stage, fold, folds.len()), network))
        })
    }

    /// The same bundle with the networks' products made in this precision; see [`Precision`].
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        let change = |folds: Vec<StageNetwork>| folds.into_iter().map(|fold| fold.with_precision(precision)).collect();
        Self { networks: self.networks.into_iter().map(change).collect(), ..self }
    }
}
