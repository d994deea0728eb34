//! Runs of `medseg train` and their bundles.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use medseg_bundle::{Bundle, Prediction, PredictionPlan};
use medseg_device::{Chosen, free_memory};
use medseg_ops::Precision;
use medseg_train::{Observer, WindowProgress, open_bundle};
use medseg_volume::{Dhw, Geometry, read_info};
use ndarray::Array4;
use serde_json::{Map, Value};

use super::Predicted;
use crate::commands::predict::Args;
use crate::commands::predict::extras::{self, Classes};
use crate::commands::predict::found::{ClassScores, Found};
use crate::commands::predict::input::InputKind;
use crate::commands::predict::small_image::small_image_warning;
use crate::console::Console;
use crate::mask::MaskVolume;
use crate::memory::check_host_memory;
use crate::{CliError, image};

/// A run's bundle on a device.
pub struct RunModel {
    bundle: Bundle,
    device: Chosen,
    /// The plan of the image whose header was looked at.
    plan: Option<PredictionPlan>,
}

impl RunModel {
    pub fn open(args: &Args, device: &Chosen) -> Result<Self, CliError> {
        let mut bundle = open_bundle(&args.model, &device.device)?;
        if args.bf16 {
            bundle = bundle.with_precision(Precision::Bf16);
        }
        if args.uncertainty.mirror {
            bundle = bundle.with_mirror(Dhw::splat(true));
        }
        Ok(Self { bundle: bundle.with_wanted(extras::wanted(args)), device: device.clone(), plan: None })
    }

    /// One channel, or as many as the bundle's images have.
    pub fn input(&self) -> InputKind {
        match self.bundle.config().channels {
            1 => InputKind::Volume,
            channels => InputKind::Channels(channels),
        }
    }

    pub fn lower_bound(&self) -> Option<f32> {
        self.bundle.config().preprocessing.intensity.lower_bound()
    }

    pub fn label_names(&self) -> BTreeMap<u16, String> {
        self.bundle.config().labels.iter().map(|(label, name)| (u16::from(*label), name.clone())).collect()
    }

    /// Classes of the network that draws the mask, by the mask's values.
    pub fn classes(&self) -> Classes {
        let config = self.bundle.config();
        let value = |class: usize| {
            let class = u8::try_from(class).unwrap_or(u8::MAX);
            usize::from(config.label_values.get(&class).copied().unwrap_or(class))
        };
        let names = self.label_names();
        let name = |label: usize| match u16::try_from(label) {
            Ok(0) | Err(_) => "background".into(),
            Ok(label) => super::name_of(&names, label),
        };
        Classes::new(config.stages.out_channels(), value, name)
    }

    pub fn check_header(
        &mut self,
        path: &Path,
        args: &Args,
        console: &mut Console,
    ) -> Result<Option<Map<String, Value>>, CliError> {
        if image::is_series(path) {
            return Ok(None);
        }
        let info = read_info(path)?;
        let plan = self.announced(info.shape, &info.geometry, args, console)?;
        self.plan = Some(plan);
        Ok(args.dry_run.then(|| details(&plan)))
    }

    pub fn predict(
        &mut self,
        args: &Args,
        image: Array4<f32>,
        geometry: &Geometry,
        console: &mut Console,
    ) -> Result<Predicted, CliError> {
        let (_, d, h, w) = image.dim();
        let plan = match self.plan.take() {
            Some(plan) => plan,
            None => self.announced(Dhw { d, h, w }, geometry, args, console)?,
        };
        let mut details = details(&plan);
        if args.dry_run {
            return Ok(Predicted::Planned(details));
        }
        let started = Instant::now();
        let mut progress = WindowProgress::new(console);
        let found = self.bundle.predict_channels(image, geometry, &mut progress);
        progress.end();
        let Prediction { mask, probabilities, entropy, certainty, report, .. } = found?;
        let mut warnings = Vec::from_iter(small_image_warning(plan.image, plan.grid, plan.window));
        if let Some(cascade) = &report.cascade {
            if cascade.roi_grown > 0 {
                let times = cascade.roi_grown;
                console.message(&format!("the mask reached the face of the coarse box, which grew {times} time(s)"));
            }
            if let Some(reason) = cascade.fallback {
                warnings.push(format!("the whole image was searched: {reason}"));
            }
        }
        details.insert("cascade".into(), serde_json::to_value(&report.cascade)?);
        Ok(Predicted::Found(Found {
            mask: MaskVolume::U8(mask),
            volumes_ml: report.volumes_ml.into_iter().map(|(label, ml)| (u16::from(label), ml)).collect(),
            probabilities: probabilities.map(|of| (ClassScores::F16(of), self.classes())),
            entropy,
            certainty,
            warnings,
            details,
            seconds: started.elapsed().as_secs_f64(),
        }))
    }

    /// The plan, within the budget if there is one; printed, with a warning where the memory that is free may not suffice.
    fn announced(
        &mut self,
        shape: Dhw<usize>,
        geometry: &Geometry,
        args: &Args,
        console: &mut Console,
    ) -> Result<PredictionPlan, CliError> {
        let plan = match args.memory {
            Some(mib) => self.bundle.fit_memory(shape, geometry, mib.saturating_mul(1 << 20))?,
            None => self.bundle.plan(shape, geometry)?,
        };
        console.message(&plan.to_string());
        check_host_memory("this prediction", plan.memory.on_host(), "--memory lowers the windows at once", console)?;
        let needed = plan.memory.network + plan.memory.stitching;
        if let Some(memory) = free_memory(&self.device.device).filter(|memory| memory.free < needed) {
            let (needed, free) = (needed >> 20, memory.free >> 20);
            console.warning(&format!(
                "about {needed} MiB are needed and {} has {free} MiB free; --memory lowers the windows at once, --bf16 \
                 halves the network's part",
                self.device.name,
            ));
        }
        Ok(plan)
    }
}

/// Entries of the JSON result.
fn details(plan: &PredictionPlan) -> Map<String, Value> {
    let plan = serde_json::json!({
        "image": plan.image.to_array(), "windows": plan.windows, "batch": plan.batch, "flops": plan.flops,
        "memory_bytes": plan.memory.total(),
    });
    Map::from_iter([("plan".to_owned(), plan)])
}
