//! One model, or a list of several.

use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::Device;
use medseg_nnunet::{
    CaseImage, Combine, ImageReader, Model, ModelList, ModelPlan, Normalization, PreparedCase, Probabilities,
    Segmentation,
};
use medseg_train::Observer;

use super::{CaseMasks, NnUnetArgs};
use crate::CliError;
use crate::console::Console;
use crate::memory::check_host_memory;

/// The models that make a mask.
#[expect(clippy::large_enum_variant, reason = "there is one in a program")]
pub enum Segmenter {
    One(Model),
    List(ModelList),
}

/// The ending of a list of models.
pub fn is_list(model: &Path) -> bool {
    model.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) && model.is_file()
}

impl Segmenter {
    /// Opens a model or a list of models.
    pub fn open(path: &Path, args: &NnUnetArgs, device: &Device) -> Result<Self, CliError> {
        if !is_list(path) {
            let folds = (!args.folds.is_empty()).then_some(args.folds.as_slice());
            return Ok(Self::One(Model::open_with(path, folds, &args.checkpoint, device)?));
        }
        if !args.folds.is_empty() || args.probabilities || args.region.is_some() {
            let reason =
                "--folds, --region and --save-probabilities are for one model; a list has \"folds\" of its own";
            return Err(CliError::Usage(reason.into()));
        }
        Ok(Self::List(ModelList::open(path, device)?))
    }

    pub fn reader(&self) -> ImageReader {
        match self {
            Self::One(model) => model.reader(),
            Self::List(list) => list.reader(),
        }
    }

    pub fn channels(&self) -> usize {
        match self {
            Self::One(model) => model.channels(),
            Self::List(list) => list.channels(),
        }
    }

    /// Ending of the masks of a folder of cases.
    pub fn file_ending(&self) -> &str {
        let first = match self {
            Self::One(model) => Some(model),
            Self::List(list) => list.models().next(),
        };
        first.map_or(".nii.gz", |model| &model.folder().dataset.file_ending)
    }

    /// The least intensity of a CT that the first model tells from lower ones; nothing for images that are no CT.
    pub fn lower_bound(&self) -> Option<f32> {
        let first = match self {
            Self::One(model) => Some(model),
            Self::List(list) => list.models().next(),
        };
        first?.folder().configuration.normalization.iter().find_map(|normalization| match normalization {
            Normalization::Ct { lower, .. } => Some(*lower as f32),
            _ => None,
        })
    }

    /// Names of the classes of its probabilities; a list of models has none.
    pub fn class_names(&self) -> Option<Vec<String>> {
        match self {
            Self::One(model) => Some(model.folder().dataset.class_names()),
            Self::List(_) => None,
        }
    }

    pub fn label_name(&self, label: u16) -> Option<&str> {
        match self {
            Self::One(model) => model.label_name(label),
            Self::List(list) => list.label_name(label),
        }
    }

    /// Copies of all probabilities that a prediction takes.
    fn probabilities(&self, args: &NnUnetArgs) -> u64 {
        match self {
            Self::One(_) => u64::from(args.probabilities),
            // The sum, and a model's own.
            Self::List(list) if list.combine() == Combine::Mean => 2,
            Self::List(_) => 0,
        }
    }

    /// Plans of all models, for a dry run.
    pub fn plans(
        &self,
        image: CaseImage,
        args: &NnUnetArgs,
        masks: &CaseMasks,
        console: &mut Console,
    ) -> Result<Vec<ModelPlan>, CliError> {
        let settings = args.settings();
        let plans = match self {
            Self::One(model) => vec![model.plan(&prepared(model, image, masks)?, &settings)?],
            Self::List(list) => list.plans(&image, masks.previous.as_deref(), &settings)?,
        };
        plans.into_iter().map(|plan| announce(plan, self.probabilities(args), console)).collect()
    }

    /// Segments a case.
    pub fn segment(
        &self,
        image: CaseImage,
        args: &NnUnetArgs,
        masks: &CaseMasks,
        console: &mut Console,
    ) -> Result<Found, CliError> {
        let copies = self.probabilities(args);
        let found = match self {
            Self::One(model) => one(model, &prepared(model, image, masks)?, args, copies, console)?,
            Self::List(list) => several(list, image, args, masks, copies, console)?,
        };
        console.end();
        Ok(found)
    }
}

/// Brings a case to the network's grid, within the region if there is one.
fn prepared(model: &Model, image: CaseImage, masks: &CaseMasks) -> Result<PreparedCase, CliError> {
    let case = model.prepare(image, masks.previous.as_deref())?;
    Ok(match &masks.region {
        Some(region) => case.within(region)?,
        None => case,
    })
}

/// A segmented case.
pub struct Found {
    pub segmentation: Segmentation,
    pub probabilities: Option<Probabilities>,
    /// The plan of each model.
    pub plans: Vec<ModelPlan>,
}

fn one(
    model: &Model,
    case: &PreparedCase,
    args: &NnUnetArgs,
    copies: u64,
    console: &mut Console,
) -> Result<Found, CliError> {
    let settings = &args.settings();
    let plan = announce(model.plan(case, settings)?, copies, console)?;
    console.begin("windows", plan.windows);
    let mut progress = |done: usize, _| {
        console.advance(done, "");
        ControlFlow::Continue(())
    };
    let (segmentation, probabilities) = if args.probabilities {
        let (found, probabilities) = model.segment_with_probabilities(case, settings, &mut progress)?;
        (found, Some(probabilities))
    } else {
        (model.segment(case, settings, &mut progress)?, None)
    };
    Ok(Found { segmentation, probabilities, plans: vec![plan] })
}

fn several(
    list: &ModelList,
    image: CaseImage,
    args: &NnUnetArgs,
    masks: &CaseMasks,
    copies: u64,
    console: &mut Console,
) -> Result<Found, CliError> {
    let (mut plans, mut refused) = (Vec::new(), None);
    let segmentation = list.segment(image, masks.previous.as_deref(), &args.settings(), &mut |at| {
        if at.done == 0 {
            match announce(*at.plan, copies, console) {
                Ok(plan) => plans.push(plan),
                Err(error) => {
                    refused = Some(error);
                    return ControlFlow::Break(());
                }
            }
            console.begin(&format!("model {} of {}", at.model + 1, at.models), at.plan.windows);
        }
        console.advance(at.done, "");
        ControlFlow::Continue(())
    });
    match refused {
        Some(error) => Err(error),
        None => Ok(Found { segmentation: segmentation?, probabilities: None, plans }),
    }
}

/// Prints a plan, and refuses one that the computer's memory cannot hold with these copies of all probabilities.
fn announce(plan: ModelPlan, copies: u64, console: &mut Console) -> Result<ModelPlan, CliError> {
    console.message(&plan.to_string());
    let needed = plan.memory_bytes().saturating_add(plan.probability_bytes.saturating_mul(copies));
    check_host_memory("this prediction", needed, "other programs may have to give memory back", console)?;
    Ok(plan)
}
