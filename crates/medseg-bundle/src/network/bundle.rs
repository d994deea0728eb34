//! The bundle: opened, made, saved.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use medseg_files::{FileDigest, write_atomic, write_folder};
use medseg_inference::{Dhw, mirror_images};
use medseg_network::{Network, Precision};
use medseg_volume::error_chain;

use super::config::{KIND, MOST_FOLDS, NetworkBundleConfig};
use crate::config::CONFIG_FILE;
use crate::error::BundleError;

/// A network of any architecture with everything around it, and the weights of one or more folds.
///
/// It is the form in which models of other programs are stored: settings as JSON, weights as safetensors with checksums, and
/// nothing that could be executed.
#[derive(Debug)]
pub struct NetworkBundle {
    pub(super) config: NetworkBundleConfig,
    pub(super) folds: Vec<Network>,
    pub(super) device: Device,
    /// Axes along which windows are mirrored too.
    pub(super) mirror: Dhw<bool>,
}

impl NetworkBundle {
    /// Puts settings and folds together.
    ///
    /// # Errors
    /// [`BundleError::Config`] for settings without meaning, no fold, more than 64, or one of another architecture.
    pub fn new(config: NetworkBundleConfig, folds: Vec<Network>, device: &Device) -> Result<Self, BundleError> {
        config.validate()?;
        if folds.is_empty() || folds.iter().any(|fold| *fold.architecture() != config.architecture) {
            return Err(BundleError::Config("the networks are not those of the settings' architecture".into()));
        }
        if folds.len() > MOST_FOLDS {
            return Err(BundleError::Config(format!("{} folds, more than {MOST_FOLDS}", folds.len())));
        }
        let mirror = config.window.map_or(Dhw::splat(false), |window| window.mirror);
        Ok(Self { config, folds, device: device.clone(), mirror })
    }

    /// True for a folder that holds such a bundle.
    #[must_use]
    pub fn is_one(folder: impl AsRef<Path>) -> bool {
        #[derive(serde::Deserialize)]
        struct Head {
            kind: Option<String>,
        }
        let path = folder.as_ref().join(CONFIG_FILE);
        let head = fs::File::open(path).ok().map(std::io::BufReader::new);
        let head = head.and_then(|file| serde_json::from_reader::<_, Head>(file).ok());
        head.is_some_and(|head| head.kind.as_deref() == Some(KIND))
    }

    /// Opens the bundle in a folder and brings its networks to a device.
    ///
    /// # Errors
    /// No such bundle, another schema, an unknown key, a setting without meaning; weights that are missing, damaged (their
    /// length and SHA-256 are checked) or of another network. The message names the file.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, BundleError> {
        Self::open_folds(folder, None, device)
    }

    /// As [`open`](Self::open), with some of its folds, by their numbers from 0 in the order of their files' names.
    ///
    /// # Errors
    /// As [`open`](Self::open), and a number that is no fold's.
    pub fn open_folds(
        folder: impl AsRef<Path>,
        numbers: Option<&[usize]>,
        device: &Device,
    ) -> Result<Self, BundleError> {
        let folder = folder.as_ref();
        let mut config = NetworkBundleConfig::read(folder)?;
        let files: Vec<(String, FileDigest)> = std::mem::take(&mut config.weights).into_iter().collect();
        let all: Vec<usize> = (0..files.len()).collect();
        let mut folds = Vec::new();
        for number in numbers.unwrap_or(&all) {
            let Some((name, digest)) = files.get(*number) else {
                let reason = format!("there is no fold {number}; it has {}", files.len());
                return Err(BundleError::not_a_bundle(folder, reason));
            };
            let path = folder.join(name);
            if !path.is_file() {
                return Err(BundleError::weights(&path, "the file is missing"));
            }
            digest.check(&path).map_err(|error| BundleError::weights(&path, error_chain(&error)))?;
            folds.push(Network::load_weights(&config.architecture, &path, device)?);
            config.weights.insert(name.clone(), digest.clone());
        }
        Self::new(config, folds, device)
    }

    /// Writes the bundle to a folder: under another name beside it, synchronised, and renamed. A bundle of this kind that is
    /// there already is replaced; anything else is left as it is.
    ///
    /// # Errors
    /// The system's, or something else in the way.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), BundleError> {
        let folder = folder.as_ref();
        if folder.exists() && !Self::is_one(folder) {
            let reason = "it exists and is no bundle of a network, so it is not replaced";
            return Err(BundleError::not_a_bundle(folder, reason));
        }
        write_folder(folder, |new| self.write(new), |error| BundleError::io("write", folder)(error))
    }

    fn write(&self, folder: &Path) -> Result<(), BundleError> {
        let mut config = self.config.clone();
        config.weights.clear();
        for (number, fold) in self.folds.iter().enumerate() {
            let name = format!("fold_{number:02}.safetensors");
            let path = folder.join(&name);
            fold.save(&path)?;
            config.weights.insert(name, FileDigest::of(&path).map_err(BundleError::io("read", &path))?);
        }
        let path = folder.join(CONFIG_FILE);
        let text = serde_json::to_string_pretty(&config).map_err(|e| BundleError::Config(e.to_string()))?;
        write_atomic(&path, text.as_bytes()).map_err(BundleError::io("write", &path))
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &NetworkBundleConfig {
        &self.config
    }

    /// The networks, in the order of the files' names.
    #[must_use]
    pub fn folds(&self) -> &[Network] {
        &self.folds
    }

    /// The same bundle with products in these numbers; see [`Precision`].
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        let folds = self.folds.into_iter().map(|fold| fold.with_precision(precision)).collect();
        Self { folds, ..self }
    }

    /// The same bundle with windows that are mirrored along these axes too, and probabilities averaged: `2^axes` times the work.
    #[must_use]
    pub fn with_mirror(self, mirror: Dhw<bool>) -> Self {
        Self { mirror, ..self }
    }

    /// Predictions that are averaged: folds times mirror images.
    #[must_use]
    pub fn members(&self) -> usize {
        self.folds.len() * mirror_images(self.mirror).len()
    }

    /// The same bundle with probabilities of another temperature.
    ///
    /// # Errors
    /// A number that is not above 0.
    pub fn with_temperature(mut self, temperature: f32) -> Result<Self, BundleError> {
        self.config.temperature = temperature;
        self.config.validate()?;
        Ok(self)
    }
}
