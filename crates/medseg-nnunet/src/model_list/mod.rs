//! Several models that make one mask.

mod file;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::Device;
use ndarray::Array3;

pub use file::Combine;

use crate::export::{LabelRule, Mask};
use crate::{
    CHECKPOINT, CaseImage, Ensemble, ImageReader, Model, ModelPlan, NnUnetError, PredictOptions, PreparedCase,
    Segmentation,
};
use file::ListFile;

/// Several models of nnU-Net that make one mask: an ensemble of configurations, or models whose labels are merged.
///
/// The list is a JSON file. Its paths are relative to it, and lead to what [`Model::open`] opens.
///
/// ```json
/// {
///   "combine": "merge",
///   "names": {"1": "spleen", "2": "liver", "3": "aorta"},
///   "models": [
///     {"path": "Dataset001_Organs", "labels": {"1": 1, "2": 2}},
///     {"path": "Dataset002_Vessels", "labels": {"1": 3}, "folds": [0]}
///   ]
/// }
/// ```
///
/// With `"combine": "mean"` no model has a table of labels: all know the same ones, and their probabilities are averaged.
/// Labels that a table leaves out are not drawn.
///
/// ```
/// use burn::tensor::Device;
/// use medseg_nnunet::{ModelList, PredictOptions, read_case};
/// use std::ops::ControlFlow;
///
/// # let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/plain_2d");
/// # let images = ["case_0000.nii.gz", "case_0001.nii.gz"].map(|name| format!("{fixture}/{name}"));
/// let folder = tempfile::tempdir()?;
/// let list = folder.path().join("models.json");
/// std::fs::write(&list, format!(r#"{{"combine": "mean", "models": [{{"path": {fixture:?}}}, {{"path": {fixture:?}}}]}}"#))?;
/// let models = ModelList::open(&list, &Device::flex())?;
/// let image = read_case(&images, models.reader())?;
/// let found = models.segment(image, None, &PredictOptions::default(), &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(found.mask.shape(), [45, 9, 40]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ModelList {
    combine: Combine,
    names: BTreeMap<u16, String>,
    members: Vec<Member>,
}

/// A model of the list.
#[derive(Clone, Debug)]
struct Member {
    model: Model,
    /// Merged value of each of its labels.
    labels: BTreeMap<u16, u16>,
}

/// The point that the prediction of a list has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListProgress<'a> {
    /// Number of the model, from 0.
    pub model: usize,
    /// Number of models.
    pub models: usize,
    /// The model's windows, arithmetic and memory.
    pub plan: &'a ModelPlan,
    /// Windows done of [`ModelPlan::windows`]; 0 once before the first.
    pub done: usize,
}

impl ModelList {
    /// Opens a list and the settings of its models. Networks are loaded when they are needed.
    ///
    /// # Errors
    /// A list that cannot be read or contradicts itself; as [`Model::open`]; models of other channels or readers than the
    /// first, labels that a model does not have, and averaged models of other labels than the first.
    pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<Self, NnUnetError> {
        let path = path.as_ref();
        let ListFile { combine, names, models } = ListFile::open(path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut members = Vec::new();
        for entry in models {
            let folds = entry.folds();
            let model = Model::open_with(folder.join(&entry.path), folds.as_deref(), CHECKPOINT, device)?;
            members.push(Member { model, labels: entry.labels });
        }
        let list = Self { combine, names, members };
        list.check().map_err(|reason| NnUnetError::List { path: path.to_owned(), reason })?;
        Ok(list)
    }

    /// Compares the models with the first.
    fn check(&self) -> Result<(), String> {
        let first = self.first();
        let (rule, channels) = (first.rule().map_err(|error| error.to_string())?, first.channels());
        for Member { model, labels } in &self.members {
            let shown = model.folder().path.display();
            if model.reader() != first.reader() || model.channels() != channels {
                return Err(format!("{shown} reads other images than the first model"));
            }
            let own = model.rule().map_err(|error| error.to_string())?;
            if self.combine == Combine::Mean && own != rule {
                return Err(format!("{shown} has other labels than the first model, so they cannot be averaged"));
            }
            if let Some(label) = labels.keys().find(|label| !draws(&own, **label)) {
                return Err(format!("{shown} has no label {label}"));
            }
        }
        Ok(())
    }

    fn first(&self) -> &Model {
        &self.members[0].model
    }

    /// The reader of the models' images.
    #[must_use]
    pub fn reader(&self) -> ImageReader {
        self.first().reader()
    }

    /// Channels of the models' images.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.first().channels()
    }

    /// The rule that makes one mask of the models.
    #[must_use]
    pub fn combine(&self) -> Combine {
        self.combine
    }

    /// The models.
    pub fn models(&self) -> impl ExactSizeIterator<Item = &Model> {
        self.members.iter().map(|member| &member.model)
    }

    /// Name of a label of the mask, if it has one.
    #[must_use]
    pub fn label_name(&self, label: u16) -> Option<&str> {
        match self.combine {
            Combine::Mean => self.first().label_name(label),
            Combine::Merge => self.names.get(&label).map(String::as_str),
        }
    }

    /// Windows, arithmetic and memory of each model's prediction.
    ///
    /// # Errors
    /// Those of [`Model::prepare`] and [`Model::plan`].
    pub fn plans(
        &self,
        image: &CaseImage,
        previous: Option<&Path>,
        options: &PredictOptions,
    ) -> Result<Vec<ModelPlan>, NnUnetError> {
        let plan = |model: &Model| model.plan(&prepared(model, image.clone(), previous)?, options);
        self.models().map(plan).collect()
    }

    /// Segments a case. `previous` is the mask of a cascade's stage before, for the models that take one.
    ///
    /// # Errors
    /// Those of [`Model::prepare`] and [`Model::segment`], or a wish of `progress` to stop.
    pub fn segment(
        &self,
        image: CaseImage,
        previous: Option<&Path>,
        options: &PredictOptions,
        progress: &mut dyn FnMut(ListProgress<'_>) -> ControlFlow<()>,
    ) -> Result<Segmentation, NnUnetError> {
        let (mut ensemble, mut merged) = (Ensemble::default(), None::<Array3<u16>>);
        let (geometry, back) = (image.geometry.clone(), image.axes.inverse());
        let (models, mut image) = (self.members.len(), Some(image));
        for (number, Member { model, labels }) in self.members.iter().enumerate() {
            let last = number + 1 == models;
            let Some(image) = (if last { image.take() } else { image.clone() }) else { break };
            let case = prepared(model, image, previous)?;
            let plan = model.plan(&case, options)?;
            let mut windows = |done, _| progress(ListProgress { model: number, models, plan: &plan, done });
            match self.combine {
                Combine::Mean => ensemble.add(model.class_probabilities(&case, options, &mut windows)?)?,
                Combine::Merge => {
                    let mask = model.segment(&case, options, &mut windows)?.mask.to_u16();
                    let merged = merged.get_or_insert_with(|| Array3::zeros(mask.dim()));
                    merged.zip_mut_with(&mask, |merged, label| {
                        if let Some(value) = labels.get(label) {
                            *merged = *value;
                        }
                    });
                }
            }
        }
        let mask = match merged {
            Some(merged) => self.narrow(merged),
            None => ensemble.finish(&self.first().rule()?)?.with_axes(back),
        };
        Ok(Segmentation { mask, geometry })
    }

    /// Merged labels in 8 bits where all values of the tables fit.
    fn narrow(&self, merged: Array3<u16>) -> Mask {
        let largest = self.members.iter().flat_map(|member| member.labels.values()).max();
        let small = largest.is_none_or(|largest| *largest < 255);
        if small { Mask::U8(merged.mapv(|label| label as u8)) } else { Mask::U16(merged) }
    }
}

/// Brings a case to a model's grid, with the mask of the stage before only where the model takes one.
fn prepared(model: &Model, image: CaseImage, previous: Option<&Path>) -> Result<PreparedCase, NnUnetError> {
    model.prepare(image, previous.filter(|_| model.folder().configuration.previous_stage.is_some()))
}

/// True if a model's masks can have this label.
fn draws(rule: &LabelRule, label: u16) -> bool {
    match rule {
        LabelRule::Argmax { classes } => usize::from(label) < *classes,
        LabelRule::Regions { values } => values.contains(&label),
    }
}
