//! `plans.json` and `dataset.json`: the settings of a model.

mod architecture;
mod configuration;
mod dataset;
mod fields;
mod flat;
mod intensities;
pub(crate) mod json_file;
mod network;
mod normalization;
mod ordered;
mod problem;
mod resampling;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

pub use architecture::{Architecture, Encoder, Nonlinearity, Norm, NormKind, ResidualBlock};
pub use configuration::Configuration;
pub use dataset::{Dataset, Label};
pub use problem::PlansProblem;
pub use resampling::ResamplingFunction;

use crate::NnUnetError;
use fields::Fields;
use intensities::IntensityProperties;

/// `plans.json` of nnU-Net v2, of all its versions. Unknown settings are ignored.
///
/// ```
/// use medseg_nnunet::{Encoder, Plans};
///
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/plain_aniso");
/// let plans = Plans::open(format!("{folder}/plans.json"))?;
/// assert_eq!(plans.transpose_forward, [0, 1, 2]);
///
/// let configuration = plans.configuration("3d_fullres").unwrap();
/// assert_eq!(configuration.patch_size, [8, 32, 24]);
/// assert_eq!(configuration.architecture.kernels[0], [1, 3, 3]);
/// assert!(matches!(configuration.architecture.encoder, Encoder::Plain { .. }));
/// # Ok::<(), medseg_nnunet::NnUnetError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Plans {
    /// Name of the data set, such as `Dataset017_AbdominalOrgans`.
    pub dataset_name: String,
    /// Name of the plans, such as `nnUNetPlans`.
    pub plans_name: String,
    /// Class that reads images, such as `SimpleITKIO`.
    pub image_reader_writer: String,
    /// Axes of an image (depth, height, width) in the order in which the network sees them.
    pub transpose_forward: [usize; 3],
    /// The inverse of `transpose_forward`.
    pub transpose_backward: [usize; 3],
    intensities: BTreeMap<usize, IntensityProperties>,
    configurations: Map<String, Value>,
}

impl Plans {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or its general settings are missing or not supported.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, NnUnetError> {
        let path = path.as_ref();
        let text = json_file::read(path)?;
        Self::from_json(&text).map_err(|problem| NnUnetError::plans(path, problem))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// If the general settings are missing or not supported. Configurations are read by [`Plans::configuration`].
    pub fn from_json(text: &str) -> Result<Self, PlansProblem> {
        let plans: Map<String, Value> = serde_json::from_str(text).map_err(PlansProblem::Json)?;
        let fields = Fields::new("", &plans);
        match fields.optional_text("label_manager")? {
            None | Some("LabelManager") => {}
            Some(other) => return Err(fields.unsupported("label_manager", other, "LabelManager")),
        }
        let transpose_forward = permutation(&fields, "transpose_forward")?;
        let transpose_backward = permutation(&fields, "transpose_backward")?;
        if transpose_forward.map(|axis| transpose_backward[axis]) != [0, 1, 2] {
            return Err(fields.expected("transpose_backward", "the inverse of transpose_forward"));
        }
        let configurations = fields.required("configurations")?.as_object();
        let configurations = configurations.ok_or_else(|| fields.expected("configurations", "an object"))?.clone();
        Ok(Self {
            dataset_name: fields.optional_text("dataset_name")?.unwrap_or_default().to_owned(),
            plans_name: fields.optional_text("plans_name")?.unwrap_or_default().to_owned(),
            image_reader_writer: fields.text("image_reader_writer")?.to_owned(),
            transpose_forward,
            transpose_backward,
            intensities: intensities::intensities(&fields)?,
            configurations,
        })
    }

    /// Names of the configurations.
    pub fn configuration_names(&self) -> impl Iterator<Item = &str> {
        self.configurations.keys().map(String::as_str)
    }

    /// Reads a configuration, with what it inherits from others. Flat settings, from before nnU-Net 2.4, become an
    /// [`Architecture`] too.
    ///
    /// # Errors
    /// If there is none of this name, it inherits from itself, or a setting is missing, out of range or not supported.
    pub fn configuration(&self, name: &str) -> Result<Configuration, PlansProblem> {
        let settings = self.resolve(name)?;
        configuration::configuration(
            name,
            &Fields::new(&format!("configurations.{name}"), &settings),
            &self.intensities,
        )
    }

    /// The settings of a configuration over those of its ancestors.
    fn resolve(&self, name: &str) -> Result<Map<String, Value>, PlansProblem> {
        let mut chain = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = Some(name);
        while let Some(name) = next {
            if !seen.insert(name) {
                return Err(PlansProblem::Circle { name: name.to_owned() });
            }
            let settings = self.configurations.get(name).ok_or_else(|| PlansProblem::NoConfiguration {
                name: name.to_owned(),
                available: self.configuration_names().map(str::to_owned).collect(),
            })?;
            let at = format!("configurations.{name}");
            let expected = || PlansProblem::Value { setting: at.clone(), expected: "an object".to_owned() };
            let settings = settings.as_object().ok_or_else(expected)?;
            chain.push(settings);
            next = Fields::new(&at, settings).optional_text("inherits_from")?;
        }
        let mut resolved = Map::new();
        for settings in chain.into_iter().rev() {
            resolved.extend(settings.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        Ok(resolved)
    }
}

/// The axes 0, 1 and 2 in some order.
fn permutation(fields: &Fields<'_>, key: &str) -> Result<[usize; 3], PlansProblem> {
    let axes = fields.whole_list(key, &(0..=2))?;
    let axes = <[usize; 3]>::try_from(axes).ok().filter(|axes| (0..3).all(|axis| axes.contains(&axis)));
    axes.ok_or_else(|| fields.expected(key, "the axes 0, 1 and 2 in some order"))
}
