//! Models of nnU-Net, and lists of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;
use medseg_nnunet::{CHECKPOINT, Combine, Fold, Model, ModelList, ModelPlan, PredictOptions};
use pyo3::prelude::*;

use super::input::Input;
use super::prediction::{Found, Probabilities};
use crate::compute::check_memory;
use crate::errors::{bad_value, raised};

/// A model, or several that make one mask.
pub struct NnUnet {
    models: Models,
    options: PredictOptions,
}

#[expect(clippy::large_enum_variant, reason = "each is the whole content of a Python object")]
enum Models {
    One(Model),
    List(ModelList),
}

impl NnUnet {
    /// True for such a model.
    pub fn is_one(path: &Path) -> bool {
        is_list(path) || medseg_nnunet::is_model(path)
    }

    pub fn open(path: &Path, folds: Option<&[u32]>, mirroring: bool, device: &Device) -> PyResult<Self> {
        let options = PredictOptions::default().with_mirroring(mirroring);
        if is_list(path) {
            if folds.is_some() {
                return Err(bad_value("folds are for one model; a list has \"folds\" of its own"));
            }
            let list = ModelList::open(path, device).map_err(|error| raised(&error))?;
            return Ok(Self { models: Models::List(list), options });
        }
        let folds: Option<Vec<Fold>> = folds.map(|folds| folds.iter().map(|fold| Fold::Number(*fold)).collect());
        let model = Model::open_with(path, folds.as_deref(), CHECKPOINT, device).map_err(|error| raised(&error))?;
        Ok(Self { models: Models::One(model), options })
    }

    pub fn kind(&self) -> &'static str {
        match self.models {
            Models::One(_) => "nnunet",
            Models::List(_) => "nnunet_list",
        }
    }

    pub fn channels(&self) -> usize {
        match &self.models {
            Models::One(model) => model.channels(),
            Models::List(list) => list.channels(),
        }
    }

    pub fn label_names(&self) -> BTreeMap<u16, String> {
        let name = |label| match &self.models {
            Models::One(model) => model.label_name(label),
            Models::List(list) => list.label_name(label),
        };
        (1..=u16::MAX).filter_map(|label| Some((label, name(label)?.to_owned()))).collect()
    }

    pub fn predict(
        &self,
        input: Input,
        probabilities: bool,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> PyResult<Found> {
        let started = Instant::now();
        let (segmentation, probabilities) = match &self.models {
            Models::One(model) => {
                let image = input.read_case(model.reader())?;
                let case = model.prepare(image, None).map_err(|error| raised(&error))?;
                let plan = model.plan(&case, &self.options).map_err(|error| raised(&error))?;
                check_plan(&plan, u64::from(probabilities))?;
                if probabilities {
                    let found = model.segment_with_probabilities(&case, &self.options, progress);
                    let (found, probabilities) = found.map_err(|error| raised(&error))?;
                    (found, Some(Probabilities::F32(probabilities.values)))
                } else {
                    (model.segment(&case, &self.options, progress).map_err(|error| raised(&error))?, None)
                }
            }
            Models::List(_) if probabilities => return Err(bad_value("probabilities: a list of models gives none")),
            Models::List(list) => {
                let image = input.read_case(list.reader())?;
                let copies = if list.combine() == Combine::Mean { 2 } else { 0 };
                let mut refused = None;
                let found = list.segment(image, None, &self.options, &mut |at| {
                    if at.done == 0
                        && let Err(error) = check_plan(at.plan, copies)
                    {
                        refused = Some(error);
                        return ControlFlow::Break(());
                    }
                    progress(at.done, at.plan.windows)
                });
                match refused {
                    Some(error) => return Err(error),
                    None => (found.map_err(|error| raised(&error))?, None),
                }
            }
        };
        Ok(Found {
            volumes_ml: segmentation.volumes_ml(),
            mask: segmentation.mask,
            geometry: segmentation.geometry,
            probabilities,
            entropy: None,
            warnings: Vec::new(),
            seconds: started.elapsed().as_secs_f64(),
        })
    }
}

/// The ending of a list of models.
fn is_list(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) && path.is_file()
}

/// Refuses a prediction that the computer's memory cannot hold with these copies of all probabilities.
fn check_plan(plan: &ModelPlan, copies: u64) -> PyResult<()> {
    let needed = plan.memory_bytes().saturating_add(plan.probability_bytes.saturating_mul(copies));
    check_memory("this prediction", u128::from(needed))
}
