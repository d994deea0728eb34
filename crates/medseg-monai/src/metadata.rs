//! `metadata.json` of a bundle.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::BundleProblem;

/// Most channels of an image or a prediction.
const MOST_CHANNELS: u64 = 1 << 16;

/// The description of a bundle. Texts that are missing are empty.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metadata {
    /// Name.
    pub name: String,
    /// Version of the bundle.
    pub version: String,
    /// Version of MONAI that it was made with.
    pub monai_version: String,
    /// Task, in words.
    pub task: String,
    /// Description, in words.
    pub description: String,
    /// Authors.
    pub authors: String,
    /// Holder of the rights. The text of the licence is a file of its own, see
    /// [`MonaiBundle::license_file`](crate::MonaiBundle::license_file).
    pub copyright: String,
    /// Channels of the image.
    pub in_channels: Option<usize>,
    /// Names of the image's channels by number.
    pub channels: BTreeMap<usize, String>,
    /// Modality of the image, such as `CT`.
    pub modality: String,
    /// Names of the prediction's channels by number, such as 0 `background` and 1 `spleen`.
    pub labels: BTreeMap<usize, String>,
}

impl Metadata {
    /// Reads the text of `metadata.json`.
    ///
    /// ```
    /// use medseg_monai::Metadata;
    ///
    /// let text = r#"{"version": "0.5.9", "task": "Spleen segmentation",
    ///     "network_data_format": {"outputs": {"pred": {"channel_def": {"0": "background", "1": "spleen"}}}}}"#;
    /// let metadata = Metadata::from_json(text)?;
    /// assert_eq!(metadata.labels[&1], "spleen");
    /// # Ok::<(), medseg_monai::BundleProblem>(())
    /// ```
    ///
    /// # Errors
    /// Text that is no JSON, or channels that are not called by numbers.
    pub fn from_json(text: &str) -> Result<Self, BundleProblem> {
        let json: Json = serde_json::from_str(text).map_err(BundleProblem::Json)?;
        let word = |json: &Json, key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let format = |key: &str, name: &str| json.get("network_data_format")?.get(key)?.get(name);
        let (image, pred) = (format("inputs", "image"), format("outputs", "pred"));
        let in_channels = match image.and_then(|image| image.get("num_channels")) {
            None => None,
            Some(number) => match number.as_u64().filter(|number| (1..=MOST_CHANNELS).contains(number)) {
                Some(number) => Some(number as usize),
                None => {
                    return Err(BundleProblem::value(
                        "network_data_format#inputs#image#num_channels",
                        "a number of channels",
                    ));
                }
            },
        };
        Ok(Self {
            name: word(&json, "name"),
            version: word(&json, "version"),
            monai_version: word(&json, "monai_version"),
            task: word(&json, "task"),
            description: word(&json, "description"),
            authors: word(&json, "authors"),
            copyright: word(&json, "copyright"),
            in_channels,
            channels: channel_def(image, "network_data_format#inputs#image#channel_def")?,
            modality: image.map(|image| word(image, "modality")).unwrap_or_default(),
            labels: channel_def(pred, "network_data_format#outputs#pred#channel_def")?,
        })
    }
}

/// Names of channels by number.
fn channel_def(of: Option<&Json>, id: &str) -> Result<BTreeMap<usize, String>, BundleProblem> {
    let Some(names) = of.and_then(|of| of.get("channel_def")) else { return Ok(BTreeMap::new()) };
    let wrong = || BundleProblem::value(id, "names of channels by their numbers");
    let mut channels = BTreeMap::new();
    for (key, name) in names.as_object().ok_or_else(wrong)? {
        let number =
            key.parse().ok().filter(|number| (0..MOST_CHANNELS as usize).contains(number)).ok_or_else(wrong)?;
        channels.insert(number, name.as_str().ok_or_else(wrong)?.to_owned());
    }
    Ok(channels)
}
