//! Bundles of any network, of this program or of MONAI.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use burn::tensor::Device;
use medseg_bundle::{BundleError, NetworkBundle, NetworkPlan};
use medseg_nnunet::Fold;
use medseg_ops::Precision;
use medseg_train::Observer;
use medseg_volume::{Dhw, Geometry};
use ndarray::Array4;
use serde_json::{Map, Value};

use super::Predicted;
use crate::CliError;
use crate::commands::predict::Args;
use crate::commands::predict::extras::{self, Classes};
use crate::commands::predict::found::{ClassScores, Found};
use crate::commands::predict::small_image::small_image_warning;
use crate::console::Console;
use crate::mask::MaskVolume;
use crate::memory::check_host_memory;
use crate::monai::open_monai;

/// A bundle on a device.
pub struct NetworkModel(NetworkBundle);

impl NetworkModel {
    pub fn open(args: &Args, device: &Device) -> Result<Self, CliError> {
        let mut bundle = bundle(args, device)?;
        if args.bf16 {
            bundle = bundle.with_precision(Precision::Bf16);
        }
        if args.uncertainty.mirror {
            bundle = bundle.with_mirror(Dhw::splat(true));
        }
        if let Some(temperature) = args.uncertainty.temperature {
            bundle = bundle.with_temperature(temperature)?;
        }
        Ok(Self(bundle))
    }

    pub fn channels(&self) -> usize {
        self.0.folds()[0].graph().in_channels()
    }

    pub fn lower_bound(&self) -> Option<f32> {
        self.0.config().preprocessing.lower_bound()
    }

    pub fn label_names(&self) -> BTreeMap<u16, String> {
        let names = self.0.config().labels.iter().filter(|(label, _)| **label > 0);
        names.map(|(label, name)| (u16::from(*label), name.clone())).collect()
    }

    /// Labels, or regions that overlap, of the output channels.
    pub fn classes(&self) -> Classes {
        let (names, regions) = (&self.0.config().labels, &self.0.config().region_names);
        let channels = self.0.folds()[0].graph().out_channels();
        if self.0.config().rule.has_regions() {
            let name = |channel: usize| regions.get(channel).cloned().unwrap_or_else(|| format!("region {channel}"));
            return Classes((0..channels).map(|channel| (channel, name(channel))).collect());
        }
        let name = |label: usize| {
            let name = u8::try_from(label).ok().and_then(|label| names.get(&label)).cloned();
            name.unwrap_or_else(|| if label == 0 { "background".into() } else { format!("label {label}") })
        };
        Classes::new(channels, |class| class, name)
    }

    pub fn predict(
        &mut self,
        args: &Args,
        image: Array4<f32>,
        geometry: &Geometry,
        console: &mut Console,
    ) -> Result<Predicted, CliError> {
        let (mut refused, mut planned) = (None, None);
        let windows = RefCell::new(console);
        let mut announce = |plan: &NetworkPlan| {
            let console = &mut **windows.borrow_mut();
            console.message(&plan.to_string());
            let advice = "other programs may have to give memory back";
            planned = Some(*plan);
            refused = check_host_memory("this prediction", plan.memory_bytes, advice, console).err();
            if let Some(budget) = args.memory.map(|mib| mib.saturating_mul(1 << 20)).filter(|b| plan.memory_bytes > *b)
            {
                return Err(BundleError::Budget { shape: plan.image, needed: plan.memory_bytes, budget });
            }
            console.begin("windows", plan.windows);
            if refused.is_some() || args.dry_run { Err(BundleError::Stopped) } else { Ok(()) }
        };
        let mut progress = |done: usize, _: usize| {
            windows.borrow_mut().advance(done, "");
            ControlFlow::Continue(())
        };
        let found = self.0.predict(image, geometry, extras::wanted(args), &mut announce, &mut progress);
        windows.into_inner().end();
        if let Some(refused) = refused {
            return Err(refused);
        }
        let found = match (found, planned) {
            (Err(BundleError::Stopped), Some(plan)) if args.dry_run => return Ok(Predicted::Planned(details(&plan))),
            (found, _) => found?,
        };
        let small = small_image_warning(found.plan.image, found.plan.grid, found.plan.window);
        Ok(Predicted::Found(Found {
            mask: MaskVolume::U8(found.mask),
            volumes_ml: found.volumes_ml.into_iter().map(|(label, ml)| (u16::from(label), ml)).collect(),
            probabilities: found.probabilities.map(|of| (ClassScores::F16(of), self.classes())),
            entropy: found.entropy,
            certainty: found.certainty,
            warnings: found.warnings.into_iter().chain(small).collect(),
            details: details(&found.plan),
            seconds: found.seconds,
        }))
    }
}

/// The bundle, of this program or of MONAI.
fn bundle(args: &Args, device: &Device) -> Result<NetworkBundle, CliError> {
    let folds = numbers(&args.nnunet.folds)?;
    if NetworkBundle::is_one(&args.model) {
        return Ok(NetworkBundle::open_folds(&args.model, folds.as_deref(), device)?);
    }
    if folds.is_some() {
        return Err(CliError::Usage("--folds: a MONAI bundle has one set of weights".into()));
    }
    let opened = open_monai(&args.model, None)?;
    opened.import(device).map_err(|error| CliError::failed(&error))
}

/// Numbers of the folds to take; nothing for all.
fn numbers(folds: &[Fold]) -> Result<Option<Vec<usize>>, CliError> {
    if folds.is_empty() {
        return Ok(None);
    }
    let number = |fold: &Fold| match fold {
        Fold::Number(number) => Ok(*number as usize),
        Fold::All => Err(CliError::Usage("folds of such a bundle have numbers; without --folds all are taken".into())),
    };
    let numbers = folds.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    match numbers.iter().enumerate().find(|(at, number)| numbers[..*at].contains(number)) {
        Some((_, twice)) => Err(CliError::Usage(format!("--folds names {twice} twice"))),
        None => Ok(Some(numbers)),
    }
}

/// Entries of the JSON result.
fn details(plan: &NetworkPlan) -> Map<String, Value> {
    let plan = serde_json::json!({
        "image": plan.image.to_array(), "grid": plan.grid.to_array(), "windows": plan.windows, "folds": plan.folds,
        "mirrors": plan.mirrors, "flops": plan.flops, "memory_bytes": plan.memory_bytes,
    });
    Map::from_iter([("plan".to_owned(), plan)])
}
