//! Models of nnU-Net.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;
use medseg_nnunet::{CaseImage, ModelPlan, Postprocessing};
use medseg_volume::error_chain;
use serde_json::{Map, Value};

use super::Predicted;
use crate::CliError;
use crate::commands::predict::Args;
use crate::commands::predict::extras::Classes;
use crate::commands::predict::found::{ClassScores, Found};
use crate::commands::predict::input::InputKind;
use crate::commands::predict::nnunet::{CaseMasks, NnUnetArgs, Segmenter};
use crate::commands::predict::small_image::small_image_warning;
use crate::console::Console;
use crate::mask::MaskVolume;

/// A model, or a list of several, with the steps that clean its masks.
pub struct NnUnetModel {
    segmenter: Segmenter,
    cleaning: Option<Postprocessing>,
}

impl NnUnetModel {
    pub fn open(args: &Args, device: &Device) -> Result<Self, CliError> {
        let cleaning = args.nnunet.postprocessing.as_deref().map(postprocessing).transpose()?;
        Ok(Self { segmenter: Segmenter::open(&args.model, &options(args), device)?, cleaning })
    }

    pub fn input(&self) -> InputKind {
        InputKind::NnUnet(self.segmenter.reader(), self.segmenter.channels())
    }

    /// Ending of the masks of a folder of cases.
    pub fn file_ending(&self) -> &str {
        self.segmenter.file_ending()
    }

    /// The classes of its probabilities; a list of models has none.
    pub fn classes(&self) -> Option<Classes> {
        let names = self.segmenter.class_names()?;
        Some(Classes(names.into_iter().enumerate().collect()))
    }

    pub fn lower_bound(&self) -> Option<f32> {
        self.segmenter.lower_bound()
    }

    pub fn label_names(&self) -> BTreeMap<u16, String> {
        let named = |label| self.segmenter.label_name(label).map(|name| (label, name.to_owned()));
        (1..=u16::MAX).filter_map(named).collect()
    }

    pub fn predict(
        &mut self,
        args: &Args,
        masks: &CaseMasks,
        image: CaseImage,
        console: &mut Console,
    ) -> Result<Predicted, CliError> {
        if args.dry_run {
            let plans = self.segmenter.plans(image, &options(args), masks, console)?;
            return Ok(Predicted::Planned(details(&plans)));
        }
        let started = Instant::now();
        let mut found = self.segmenter.segment(image, &options(args), masks, console)?;
        if let Some(steps) = &self.cleaning {
            steps.apply(&mut found.segmentation.mask);
        }
        let volumes_ml = found.segmentation.volumes_ml();
        let probabilities = found.probabilities.map(|of| {
            let classes = Classes(of.names.iter().cloned().enumerate().collect());
            (ClassScores::F32(of.values), classes)
        });
        // Spacing alone decides how far an image is stretched; the grid's axes are the network's.
        let small = |plan: &ModelPlan| small_image_warning(plan.grid.into(), plan.grid.into(), plan.patch.into());
        let warnings = Vec::from_iter(found.plans.iter().find_map(small));
        Ok(Predicted::Found(Found {
            mask: MaskVolume::from(found.segmentation),
            volumes_ml,
            probabilities,
            entropy: None,
            certainty: None,
            warnings,
            details: details(&found.plans),
            seconds: started.elapsed().as_secs_f64(),
        }))
    }
}

/// The options, with the wish for probabilities.
fn options(args: &Args) -> NnUnetArgs {
    args.nnunet.with_probabilities(args.wants_probabilities())
}

/// The steps of a `postprocessing.json`.
fn postprocessing(path: &Path) -> Result<Postprocessing, CliError> {
    /// Such a file has a few lines.
    const LONGEST: u64 = 1 << 20;
    let shown = path.display();
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    read.map_err(|error| CliError::Failed(format!("cannot read {shown}: {error}")))?;
    Postprocessing::from_json(&text).map_err(|error| CliError::Failed(format!("{shown}: {}", error_chain(&error))))
}

/// Entries of the JSON result.
fn details(plans: &[ModelPlan]) -> Map<String, Value> {
    let plan = |plan: &ModelPlan| {
        serde_json::json!({
            "grid": plan.grid, "patch": plan.patch, "folds": plan.folds, "windows": plan.windows, "passes": plan.passes,
            "flops": plan.flops, "memory_bytes": plan.memory_bytes(),
        })
    };
    Map::from_iter([("plans".to_owned(), plans.iter().map(plan).collect())])
}
