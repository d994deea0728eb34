//! `dataset.json`: channels and labels.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::json_file;
use super::normalization::MOST_CHANNELS;
use super::ordered::Ordered;
use super::problem::PlansProblem;
use crate::NnUnetError;

/// Largest label value of a mask.
const LARGEST_LABEL: u64 = 65535;
/// Name of the label that marks voxels without annotation.
const IGNORE: &str = "ignore";

/// `dataset.json` of nnU-Net v2. Unknown settings are ignored.
///
/// ```
/// use medseg_nnunet::Dataset;
///
/// let dataset = Dataset::from_json(
///     r#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}, "file_ending": ".nii.gz"}"#,
/// ).unwrap();
/// assert_eq!(dataset.channels, ["CT"]);
/// assert_eq!(dataset.out_channels(), 2);
/// assert_eq!(dataset.regions(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Name of each input channel, in order.
    pub channels: Vec<String>,
    /// Labels in the order of the file, with the background and without the ignored one.
    pub labels: Vec<Label>,
    /// Value of the label `ignore`, which the network does not predict.
    pub ignore: Option<u32>,
    /// Value in the mask for each region, in the order of the network's channels. Later ones overwrite.
    pub regions_class_order: Option<Vec<u32>>,
    /// End of the images' file names, such as `.nii.gz`.
    pub file_ending: String,
}

/// A label, or a region made of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Name.
    pub name: String,
    /// Label values: one, or those of a region.
    pub values: Vec<u32>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    channel_names: Option<Ordered>,
    #[serde(default)]
    modality: Option<Ordered>,
    labels: Ordered,
    #[serde(default)]
    regions_class_order: Option<Vec<u32>>,
    file_ending: String,
}

impl Dataset {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or a setting is missing or has no meaning.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, NnUnetError> {
        let path = path.as_ref();
        let text = json_file::read(path)?;
        Self::from_json(&text).map_err(|problem| NnUnetError::plans(path, problem))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// If a setting is missing or has no meaning.
    pub fn from_json(text: &str) -> Result<Self, PlansProblem> {
        let raw: Raw = serde_json::from_str(text).map_err(PlansProblem::Json)?;
        // nnU-Net looks at the older name first.
        let channels = match (raw.modality, raw.channel_names) {
            (Some(channels), _) => channel_names("modality", &channels.0)?,
            (None, Some(channels)) => channel_names("channel_names", &channels.0)?,
            (None, None) => return Err(PlansProblem::Missing { setting: "channel_names".to_owned() }),
        };
        let mut labels = Vec::new();
        let mut ignore = None;
        for (name, value) in raw.labels.0 {
            if name == IGNORE {
                ignore = Some(label_value(&value).ok_or_else(|| wrong(IGNORE, "one label value"))?);
            } else {
                let values = label_values(&value).ok_or_else(|| wrong(&name, "a label value or a list of them"))?;
                labels.push(Label { name, values });
            }
        }
        let dataset = Self {
            channels,
            labels,
            ignore,
            regions_class_order: raw.regions_class_order,
            file_ending: raw.file_ending,
        };
        dataset.check()?;
        Ok(dataset)
    }

    /// True if the network predicts regions, which may overlap, and not labels.
    #[must_use]
    pub fn has_regions(&self) -> bool {
        self.labels.iter().any(|label| label.values.len() > 1)
    }

    /// Value in the mask for each channel of a network of regions, or nothing for one of labels.
    #[must_use]
    pub fn regions(&self) -> Option<&[u32]> {
        self.regions_class_order.as_deref().filter(|_| self.has_regions())
    }

    /// Label values over 0, ascending: the further channels of a cascade's second stage, one each.
    #[must_use]
    pub fn foreground_labels(&self) -> Vec<u32> {
        self.all_labels().into_iter().filter(|value| *value != 0).collect()
    }

    /// Output channels of the network: regions, or labels with the background.
    #[must_use]
    pub fn out_channels(&self) -> usize {
        if self.has_regions() { self.foreground().count() } else { self.all_labels().len() }
    }

    /// Name of each output channel: that of its label or region, or `label N`.
    #[must_use]
    pub fn class_names(&self) -> Vec<String> {
        if self.has_regions() {
            return self.foreground().map(|region| region.name.clone()).collect();
        }
        let name = |value: u32| {
            let label = self.labels.iter().find(|label| label.values == [value]);
            label.map_or_else(|| format!("label {value}"), |label| label.name.clone())
        };
        self.all_labels().into_iter().map(name).collect()
    }

    fn all_labels(&self) -> BTreeSet<u32> {
        self.labels.iter().flat_map(|label| label.values.iter().copied()).collect()
    }

    /// Labels and regions other than the background.
    fn foreground(&self) -> impl Iterator<Item = &Label> {
        self.labels.iter().filter(|label| label.values.iter().any(|value| *value != 0))
    }

    fn check(&self) -> Result<(), PlansProblem> {
        let background = self.labels.iter().find(|label| label.name == "background");
        if background.is_none_or(|label| label.values != [0]) {
            return Err(wrong("background", "0"));
        }
        let all = self.all_labels();
        let largest = all.last().copied().unwrap_or(0);
        if self.ignore.is_some_and(|ignore| ignore != largest + 1) {
            return Err(wrong(IGNORE, "the largest label value"));
        }
        if self.has_regions() {
            let regions = self.foreground().count();
            if self.regions_class_order.as_ref().is_none_or(|order| order.len() != regions) {
                return Err(setting("regions_class_order", format!("{regions} label values, one a region")));
            }
            if self.regions_class_order.iter().flatten().any(|value| u64::from(*value) > LARGEST_LABEL) {
                return Err(setting("regions_class_order", format!("label values up to {LARGEST_LABEL}")));
            }
        } else if all.len() as u64 != u64::from(largest) + 1 {
            return Err(setting("labels", "the values 0, 1, 2 and so on, without gaps".to_owned()));
        }
        Ok(())
    }
}

/// The names of channels 0, 1, 2 and so on.
fn channel_names(key: &str, pairs: &[(String, Value)]) -> Result<Vec<String>, PlansProblem> {
    let expected = || setting(key, format!("an object with the keys 0, 1, 2 and so on, at most {MOST_CHANNELS}"));
    if pairs.is_empty() || pairs.len() > MOST_CHANNELS {
        return Err(expected());
    }
    let name = |channel: usize| {
        let (_, name) = pairs.iter().find(|(key, _)| key.parse() == Ok(channel))?;
        Some(name.as_str().map_or_else(|| name.to_string(), str::to_owned))
    };
    (0..pairs.len()).map(name).collect::<Option<_>>().ok_or_else(expected)
}

/// The values of a label or region.
fn label_values(value: &Value) -> Option<Vec<u32>> {
    match value {
        Value::Array(values) if !values.is_empty() => values.iter().map(label_value).collect(),
        value => label_value(value).map(|value| vec![value]),
    }
}

fn label_value(value: &Value) -> Option<u32> {
    // Python's `int` takes a text and a whole f64 too.
    let whole = |value: f64| (value.fract() == 0.0 && value >= 0.0).then_some(value as u64);
    let value = match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_u64().or_else(|| value.as_f64().and_then(whole)),
    };
    value.filter(|value| *value <= LARGEST_LABEL)?.try_into().ok()
}

fn wrong(label: &str, expected: &str) -> PlansProblem {
    setting(&format!("labels.{label}"), expected.to_owned())
}

fn setting(name: &str, expected: String) -> PlansProblem {
    PlansProblem::Value { setting: name.to_owned(), expected }
}
