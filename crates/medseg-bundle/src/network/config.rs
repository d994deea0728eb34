//! `bundle.json` of a bundle of any network.

use std::collections::BTreeMap;
use std::path::Path;

use medseg_architecture::Architecture;
use medseg_files::FileDigest;
use medseg_inference::{BeyondMask, MaskRule, PostProcessing, SlidingWindowConfig};
use medseg_transforms::{LabelInterpolation, Pipeline, Probabilities};
use medseg_volume::error_chain;
use serde::{Deserialize, Serialize};

use crate::config::CONFIG_FILE;
use crate::error::BundleError;

/// Version of the layout that this crate writes and reads.
pub const NETWORK_BUNDLE_SCHEMA: u32 = 1;
/// Entry `kind` of such a bundle's `bundle.json`.
pub(crate) const KIND: &str = "network";
/// Largest `bundle.json`, in bytes.
const LONGEST: u64 = 64 << 20;
/// Most folds of a bundle.
pub(super) const MOST_FOLDS: usize = 64;

/// Everything of a bundle of any network but the weights' values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkBundleConfig {
    /// Layout version, [`NETWORK_BUNDLE_SCHEMA`].
    pub schema: u32,
    /// `network`, which tells these bundles from others.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its purpose, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// Names of the image's channels, in the network's order.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Names of the network's output channels where they are regions that overlap; none where channels are labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub region_names: Vec<String>,
    /// Names of the values of a mask; 0 is the background.
    #[serde(default)]
    pub labels: BTreeMap<u8, String>,
    /// From an image to the network's grid and range: steps without chance.
    pub preprocessing: Pipeline,
    /// The network, the same for all folds.
    pub architecture: Architecture,
    /// The sliding window; without, the network sees the whole image at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<SlidingWindowConfig>,
    /// From logits to probabilities.
    pub probabilities: Probabilities,
    /// The quantity that is averaged over folds.
    #[serde(default)]
    pub average: Average,
    /// Divisor of the logits that makes probabilities honest (Guo et al. 2017), found on validation cases; 1 changes nothing.
    /// It has no influence on masks of several classes where logits are averaged and labels are taken back.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub temperature: f32,
    /// The way back to the image's grid.
    pub restoring: Restoring,
    /// Labels beyond the network's grid.
    #[serde(default)]
    pub beyond: BeyondMask,
    /// The rule that makes labels of probabilities.
    #[serde(default)]
    pub rule: MaskRule,
    /// Cleaning of the mask on the network's grid; only where labels are restored.
    #[serde(default)]
    pub postprocessing_before: PostProcessing,
    /// Cleaning of the mask on the image's grid.
    #[serde(default)]
    pub postprocessing: PostProcessing,
    /// Its origin: source, licence, versions; free text under free names.
    #[serde(default)]
    pub provenance: BTreeMap<String, String>,
    /// Files of weights in the folder, by their names; filled by [`NetworkBundle::save`](crate::NetworkBundle::save).
    #[serde(default)]
    pub weights: BTreeMap<String, FileDigest>,
}

/// The quantity that is averaged over folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// Logits.
    #[default]
    Logits,
    /// Probabilities.
    Probabilities,
}

/// The way from the network's grid back to the image's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Restoring {
    /// Labels are made on the network's grid and taken back in one step, by the places of the voxels.
    Labels(LabelInterpolation),
    /// Labels are made on the network's grid and taken back by the steps' inverses, last to first, each to the nearest voxel:
    /// MONAI's `Invertd` with `nearest_interp`.
    Inverse,
    /// Probabilities are taken back by trilinear interpolation, plane after plane, and labels are made of them.
    Probabilities,
}

fn one() -> f32 {
    1.0
}

#[expect(clippy::float_cmp, reason = "the default is written as nothing, every other number as it is")]
fn is_one(value: &f32) -> bool {
    *value == 1.0
}

impl NetworkBundleConfig {
    /// Settings without labels, post-processing or provenance: softmax or sigmoid by the number of channels, and labels of
    /// the nearest voxel taken back.
    ///
    /// # Errors
    /// An impossible architecture.
    pub fn new(name: impl Into<String>, architecture: Architecture) -> Result<Self, BundleError> {
        let graph = architecture.graph().map_err(|e| BundleError::Config(format!("architecture: {e}")))?;
        Ok(Self {
            schema: NETWORK_BUNDLE_SCHEMA,
            kind: KIND.into(),
            name: name.into(),
            description: String::new(),
            channels: Vec::new(),
            region_names: Vec::new(),
            labels: BTreeMap::new(),
            preprocessing: Pipeline::new(),
            probabilities: Probabilities::usual(graph.out_channels()),
            architecture,
            window: None,
            average: Average::default(),
            temperature: 1.0,
            restoring: Restoring::Labels(LabelInterpolation::NearestExact),
            beyond: BeyondMask::default(),
            rule: MaskRule::default(),
            postprocessing_before: PostProcessing::default(),
            postprocessing: PostProcessing::default(),
            provenance: BTreeMap::new(),
            weights: BTreeMap::new(),
        })
    }

    /// Refuses settings without meaning.
    ///
    /// # Errors
    /// [`BundleError::Config`] naming the first one.
    pub fn validate(&self) -> Result<(), BundleError> {
        let fail = |reason: String| Err(BundleError::Config(reason));
        let graph = self.architecture.graph().map_err(|e| BundleError::Config(format!("architecture: {e}")))?;
        self.preprocessing
            .validate()
            .map_err(|e| BundleError::Config(format!("preprocessing: {}", error_chain(&e))))?;
        if self.preprocessing.deterministic_steps() != self.preprocessing.steps.len() {
            return fail("preprocessing: a step is random".into());
        }
        let classes = graph.out_channels();
        if classes > 256 {
            return fail(format!("a network of {classes} classes; masks tell 256 values apart"));
        }
        self.rule.validate_for(classes).map_err(|e| BundleError::Config(format!("rule: {e}")))?;
        self.validate_regions(classes)?;
        if classes > 1 && !self.rule.has_regions() && self.probabilities == Probabilities::Sigmoid {
            return fail(format!(
                "{classes} classes that overlap make a mask by the regions of a rule; there are none"
            ));
        }
        if classes == 1 && self.probabilities == Probabilities::Softmax {
            return fail("a softmax of one channel is 1 everywhere".into());
        }
        if let Some(label) = self.labels.keys().find(|label| !self.has_label(**label, classes)) {
            return fail(format!("labels: a network of {classes} output channel(s) has no label {label}"));
        }
        if !self.channels.is_empty() && self.channels.len() != graph.in_channels() {
            let (names, channels) = (self.channels.len(), graph.in_channels());
            return fail(format!("channels: {names} names for {channels} channels of the image"));
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return fail(format!("temperature: it must be above 0, not {}", self.temperature));
        }
        if self.restoring == Restoring::Probabilities && !self.postprocessing_before.0.is_empty() {
            return fail("postprocessing_before: there are no labels on the network's grid".into());
        }
        if self.weights.len() > MOST_FOLDS {
            return fail(format!("weights: {} files", self.weights.len()));
        }
        for (part, steps) in
            [("postprocessing", &self.postprocessing), ("postprocessing_before", &self.postprocessing_before)]
        {
            steps.validate().map_err(|e| BundleError::Config(format!("{part}: {e}")))?;
        }
        if let Some(window) = &self.window {
            window.validate().map_err(|e| BundleError::Config(format!("window: {e}")))?;
        }
        Ok(())
    }

    fn validate_regions(&self, classes: usize) -> Result<(), BundleError> {
        let names = self.region_names.len();
        if self.rule.has_regions() && self.probabilities == Probabilities::Softmax {
            return Err(BundleError::Config("rule: regions that overlap need the sigmoid".into()));
        }
        if names > 0 && !self.rule.has_regions() {
            return Err(BundleError::Config("region_names: the rule has no regions".into()));
        }
        if names > 0 && names != classes {
            return Err(BundleError::Config(format!("region_names: {names} names for {classes} output channels")));
        }
        Ok(())
    }

    /// True for the background and for each value that the rule gives.
    fn has_label(&self, label: u8, classes: usize) -> bool {
        if !self.rule.has_regions() {
            return usize::from(label) < classes.max(2);
        }
        label == 0 || self.rule.regions.iter().any(|region| region.label == label)
    }

    /// Reads `bundle.json` of a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
            kind: Option<String>,
        }
        let path = folder.join(CONFIG_FILE);
        if !path.is_file() {
            return Err(BundleError::not_a_bundle(folder, format!("it is no bundle: there is no {CONFIG_FILE} in it")));
        }
        let length = path.metadata().map_err(BundleError::io("read", &path))?.len();
        if length > LONGEST {
            return Err(BundleError::not_a_bundle(&path, format!("it has {length} bytes, more than {LONGEST}")));
        }
        let text = std::fs::read_to_string(&path).map_err(BundleError::io("read", &path))?;
        let bad = |e: serde_json::Error| BundleError::not_a_bundle(&path, e.to_string());
        let head: Head = serde_json::from_str(&text).map_err(bad)?;
        if head.kind.as_deref() != Some(KIND) {
            return Err(BundleError::not_a_bundle(&path, "it is a bundle of another kind"));
        }
        if head.schema != NETWORK_BUNDLE_SCHEMA {
            let reason = format!("its schema is {}; this version reads schema {NETWORK_BUNDLE_SCHEMA}", head.schema);
            return Err(BundleError::not_a_bundle(&path, reason));
        }
        let config: Self = serde_json::from_str(&text).map_err(bad)?;
        if let Some(name) = config.weights.keys().find(|name| !is_plain(name)) {
            return Err(BundleError::not_a_bundle(
                &path,
                format!("weights: {name:?} is no name of a file in the folder"),
            ));
        }
        config.validate().map_err(|e| BundleError::not_a_bundle(&path, error_chain(&e)))?;
        Ok(config)
    }
}

/// True for the name of a file that cannot lead out of its folder.
fn is_plain(name: &str) -> bool {
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    letters && !name.starts_with('.') && name.ends_with(".safetensors")
}
