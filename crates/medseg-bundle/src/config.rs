//! `bundle.json`.

use std::collections::BTreeMap;
use std::path::Path;

use medseg_files::FileDigest;
use medseg_inference::{CascadeConfig, Dhw, MaskRule, PostProcessing, SlidingWindowConfig};
use medseg_transforms::{LabelInterpolation, LabelMap, OtherLabels, Preprocessing};
use medseg_volume::error_chain;
use serde::{Deserialize, Serialize};

use crate::error::BundleError;
use crate::stage::NetworkConfig;
use crate::upgrade;

/// Version of the layout that this crate writes. It reads older ones too.
pub const BUNDLE_SCHEMA: u32 = 2;

/// Most networks of a stage.
const MOST_FOLDS: usize = 64;

/// Name of the settings' file in a bundle.
pub const CONFIG_FILE: &str = "bundle.json";

/// Everything of a bundle but the weights' values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleConfig {
    /// Layout version, [`BUNDLE_SCHEMA`].
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// Its purpose, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// Names of the values of a mask; 0 is the background.
    pub labels: BTreeMap<u8, String>,
    /// The value in masks of each class of the network that draws them, 1 being the first class; a class that is not
    /// listed keeps its number. Everything else that speaks of labels, post-processing too, means these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub label_values: BTreeMap<u8, u8>,
    /// From an image to the networks' grid and range.
    pub preprocessing: Preprocessing,
    /// The networks, their windows and boxes.
    pub stages: Stages,
    /// Channels of an image, 1 for most; they share the preprocessing, each with intensities of its own.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub channels: usize,
    /// Networks of every stage whose logits are averaged, 1 to 64.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub folds: usize,
    /// Cleaning of the mask, on the networks' grid.
    #[serde(default)]
    pub postprocessing: PostProcessing,
    /// Labels on the image's grid where its voxels are not the networks'.
    #[serde(default = "linear")]
    pub restoring: LabelInterpolation,
    /// Its origin: versions, data, seed, scores; free text under free names.
    #[serde(default)]
    pub provenance: BTreeMap<String, String>,
    /// The stages' files; filled by [`Bundle::save`](crate::Bundle::save).
    #[serde(default)]
    pub weights: BTreeMap<String, FileDigest>,
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(count: &usize) -> bool {
    *count == 1
}

fn linear() -> LabelInterpolation {
    LabelInterpolation::Linear
}

/// The networks of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "there is one in a bundle")]
pub enum Stages {
    /// One network in a sliding window; its stage is called `network`.
    OneStage {
        /// The network.
        network: NetworkConfig,
        /// The sliding window over the image.
        window: SlidingWindowConfig,
        /// The rule that makes labels of its logits.
        rule: MaskRule,
    },
    /// A coarse network finds the organ and a fine one draws it; the stages are called `coarse` and `fine`.
    TwoStage {
        /// The coarse network.
        coarse: NetworkConfig,
        /// The fine network.
        fine: NetworkConfig,
        /// Grid to which the whole image is resized for the coarse network, voxels.
        coarse_size: Dhw<usize>,
        /// From the coarse mask to the fine network's box.
        cascade: CascadeConfig,
        /// The fine network's sliding window over that box.
        window: SlidingWindowConfig,
    },
}

impl Stages {
    /// The stages' names and networks in the order in which they run.
    #[must_use]
    pub fn networks(&self) -> Vec<(&'static str, &NetworkConfig)> {
        match self {
            Self::OneStage { network, .. } => vec![("network", network)],
            Self::TwoStage { coarse, fine, .. } => vec![("coarse", coarse), ("fine", fine)],
        }
    }

    /// The sliding window of the network that draws the mask.
    #[must_use]
    pub fn window(&self) -> &SlidingWindowConfig {
        match self {
            Self::OneStage { window, .. } | Self::TwoStage { window, .. } => window,
        }
    }

    pub(crate) fn window_mut(&mut self) -> &mut SlidingWindowConfig {
        match self {
            Self::OneStage { window, .. } | Self::TwoStage { window, .. } => window,
        }
    }

    /// Output channels of the network that draws the mask.
    #[must_use]
    pub fn out_channels(&self) -> usize {
        self.last_network().out_channels()
    }

    /// Channels that a stage's network gets: those of the image, and for the fine one the coarse mask where the cascade says so.
    pub(crate) fn in_channels(&self, stage: &str, channels: usize) -> usize {
        match self {
            Self::TwoStage { cascade, .. } if stage == "fine" => cascade.fine_channels(channels),
            _ => channels,
        }
    }

    /// The rule that makes labels of the last network's logits.
    pub(crate) fn rule(&self) -> &MaskRule {
        match self {
            Self::OneStage { rule, .. } => rule,
            Self::TwoStage { cascade, .. } => &cascade.rule,
        }
    }

    /// The network that draws the mask.
    pub(crate) fn last_network(&self) -> &NetworkConfig {
        match self {
            Self::OneStage { network, .. } => network,
            Self::TwoStage { fine, .. } => fine,
        }
    }
}

impl BundleConfig {
    /// A bundle of these stages without labels, post-processing or provenance, for CT: images as they are stored, -300 to
    /// 300 HU.
    #[must_use]
    pub fn new(name: impl Into<String>, stages: Stages) -> Self {
        Self {
            schema: BUNDLE_SCHEMA,
            name: name.into(),
            description: String::new(),
            labels: BTreeMap::new(),
            label_values: BTreeMap::new(),
            preprocessing: Preprocessing::default(),
            stages,
            channels: 1,
            folds: 1,
            postprocessing: PostProcessing::default(),
            restoring: linear(),
            provenance: BTreeMap::new(),
            weights: BTreeMap::new(),
        }
    }

    /// The same with a name for a label.
    #[must_use]
    pub fn with_label(mut self, value: u8, name: impl Into<String>) -> Self {
        self.labels.insert(value, name.into());
        self
    }

    /// Refuses settings without meaning.
    ///
    /// # Errors
    /// [`BundleError::Config`] naming the first one.
    pub fn validate(&self) -> Result<(), BundleError> {
        let fail = |what: String| Err(BundleError::Config(what));
        for (stage, network) in self.stages.networks() {
            network.validate().map_err(|e| BundleError::Config(format!("stages.{stage}: {e}")))?;
            let (has, gets) = (network.in_channels(), self.stages.in_channels(stage, self.channels));
            if has != gets {
                let of = if gets == self.channels { "of the image" } else { "of image and coarse mask" };
                return fail(format!("stages.{stage}: a network of {has} channel(s) for the {gets} {of}"));
            }
        }
        if !(1..=MOST_FOLDS).contains(&self.folds) {
            return fail(format!("folds: 1 to {MOST_FOLDS} networks, not {}", self.folds));
        }
        self.validate_labels()?;
        self.preprocessing.validate().map_err(|e| BundleError::Config(format!("preprocessing: {e}")))?;
        self.postprocessing.validate().map_err(|e| BundleError::Config(format!("postprocessing: {e}")))?;
        let stages = match &self.stages {
            Stages::OneStage { window, rule, .. } => window.validate().and_then(|()| rule.validate()),
            Stages::TwoStage { coarse_size, cascade, window, .. } => cascade.init(*coarse_size, window).map(|_| ()),
        };
        stages.map_err(|e| BundleError::Config(format!("stages: {e}")))?;
        if self.stages.rule().has_regions() {
            return fail("stages: rule: regions that overlap are for a bundle of the kind network".into());
        }
        Ok(())
    }

    /// Every class needs a value of its own, and only values of classes can have names.
    fn validate_labels(&self) -> Result<(), BundleError> {
        let fail = |what: String| Err(BundleError::Config(what));
        let channels = self.stages.last_network().out_channels();
        // One channel tells one class from the background; of several the first is the background.
        let classes = (channels.max(2) - 1).min(255);
        if let Some(class) = self.label_values.keys().find(|&&class| class == 0 || usize::from(class) > classes) {
            return fail(format!("label_values: a network of {channels} output channel(s) has no class {class}"));
        }
        let mut taken = [false; 256];
        for &value in &self.value_of_class()[1..=classes] {
            if value == 0 {
                return fail("label_values: 0 is the background and cannot be the value of a class".into());
            }
            if std::mem::replace(&mut taken[usize::from(value)], true) {
                return fail(format!("label_values: {value} is the value of two classes"));
            }
        }
        match self.labels.keys().find(|&&value| !taken[usize::from(value)]) {
            Some(value) => fail(format!("labels: {value} is not the value of a class")),
            None => Ok(()),
        }
    }

    /// The value in masks of every class number; 0 stays 0.
    pub(crate) fn value_of_class(&self) -> [u8; 256] {
        LabelMap { to: self.label_values.clone(), others: OtherLabels::Keep }.table()
    }

    /// Reads `bundle.json` of a folder; the schema before all else, so that a newer bundle is called that.
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
        let text = std::fs::read_to_string(&path).map_err(BundleError::io("read", &path))?;
        let bad = |e: serde_json::Error| BundleError::not_a_bundle(&path, e.to_string());
        let Head { schema, kind } = serde_json::from_str(&text).map_err(bad)?;
        if let Some(kind) = kind {
            let reason = format!("it is a bundle of the kind {kind}, which the crate medseg-{kind} opens");
            return Err(BundleError::not_a_bundle(&path, reason));
        }
        let config: Self = match schema {
            BUNDLE_SCHEMA => serde_json::from_str(&text),
            1 => upgrade::from_first(&text),
            newer => {
                let reason = format!("its schema is {newer}; this version reads schema {BUNDLE_SCHEMA} and older ones");
                return Err(BundleError::not_a_bundle(&path, reason));
            }
        }
        .map_err(bad)?;
        config.validate().map_err(|e| BundleError::not_a_bundle(&path, error_chain(&e)))?;
        Ok(config)
    }
}
