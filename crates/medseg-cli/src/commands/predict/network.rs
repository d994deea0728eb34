//! `medseg predict` with bundles of any network.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use medseg_bundle::{BundleError, NetworkBundle, NetworkPlan, NetworkPrediction};
use medseg_nnunet::Fold;
use medseg_ops::Precision;
use medseg_train::Observer;
use medseg_volume::{Dhw, Geometry, Volume};
use ndarray::{Array4, Axis, concatenate};

use super::extras::{self, Classes};
use super::nnunet::channel_files;
use super::{Args, save};
use crate::console::Console;
use crate::memory::check_host_memory;
use crate::monai::open_monai;
use crate::{CliError, image, output, paths};

/// Segments one image.
///
/// # Errors
/// A bundle that cannot be opened, an image that does not fit it, and what prediction fails with.
pub fn predict(args: &Args, device: &Device, console: &mut Console) -> Result<(), CliError> {
    let mut bundle = open(args, device)?;
    if args.bf16 {
        bundle = bundle.with_precision(Precision::Bf16);
    }
    if args.uncertainty.mirror {
        bundle = bundle.with_mirror(Dhw::splat(true));
    }
    if let Some(temperature) = args.uncertainty.temperature {
        bundle = bundle.with_temperature(temperature)?;
    }
    let classes = Classes::new(
        bundle.folds()[0].graph().out_channels(),
        |class| class,
        |label| u8::try_from(label).map_or_else(|_| label.to_string(), |label| name_of(&bundle, label)),
    );
    extras::check(args, &classes)?;
    let (image, geometry) = read(args, &bundle, &extras::files(args, &classes), console)?;
    let wanted = extras::wanted(args);
    let (mut refused, mut planned) = (None, None);
    let windows = std::cell::RefCell::new(console);
    let mut announce = |plan: &NetworkPlan| {
        let console = &mut **windows.borrow_mut();
        console.message(&plan.to_string());
        let advice = "other programs may have to give memory back";
        planned = Some(*plan);
        refused = check_host_memory("this prediction", plan.memory_bytes, advice, console).err();
        if let Some(budget) = args.memory.map(|mib| mib.saturating_mul(1 << 20)).filter(|b| plan.memory_bytes > *b) {
            return Err(BundleError::Budget { shape: plan.image, needed: plan.memory_bytes, budget });
        }
        console.begin("windows", plan.windows);
        if refused.is_some() || args.dry_run { Err(BundleError::Stopped) } else { Ok(()) }
    };
    let mut progress = |done: usize, _: usize| {
        windows.borrow_mut().advance(done, "");
        ControlFlow::Continue(())
    };
    let found = bundle.predict(image, &geometry, wanted, &mut announce, &mut progress);
    let console = windows.into_inner();
    console.end();
    if let Some(refused) = refused {
        return Err(refused);
    }
    let found = match (found, planned) {
        (Err(BundleError::Stopped), Some(plan)) if args.dry_run => return report_plan(args, &plan),
        (found, _) => found?,
    };
    found.warnings.iter().for_each(|warning| console.warning(warning));
    save(&args.mask, &found.mask)?;
    extras::write(args, &classes, found.probabilities.as_ref(), found.entropy.as_ref(), &geometry)?;
    report(args, &bundle, &found, console)
}

/// The bundle, of this program or of MONAI.
fn open(args: &Args, device: &Device) -> Result<NetworkBundle, CliError> {
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
    folds.iter().map(number).collect::<Result<Vec<_>, _>>().map(Some)
}

/// The image with all channels that the network takes.
fn read(
    args: &Args,
    bundle: &NetworkBundle,
    extras: &[PathBuf],
    console: &mut Console,
) -> Result<(Array4<f32>, Geometry), CliError> {
    let channels = bundle.folds()[0].graph().in_channels();
    if image::is_series(&args.image) || channels == 1 {
        let Volume { data, geometry } = image::read_image(&args.image, &args.series, console)?;
        return Ok((data.insert_axis(Axis(0)), geometry));
    }
    let files = channel_files(&args.image, channels)?;
    let inputs: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    for output in std::iter::once(&args.mask).chain(extras) {
        paths::refuse_output_over_input(output, &inputs)?;
    }
    let volumes = files.iter().map(|file| image::read_image(file, &args.series, console));
    let volumes = volumes.collect::<Result<Vec<_>, _>>()?;
    let first = &volumes[0];
    let same = |other: &Volume<f32>| {
        other.shape() == first.shape() && other.geometry.same_grid(&first.geometry, first.shape(), 0.01)
    };
    if let Some(number) = volumes.iter().position(|volume| !same(volume)) {
        return Err(CliError::Failed(format!(
            "{} has another grid than {}",
            files[number].display(),
            files[0].display()
        )));
    }
    let views: Vec<_> = volumes.iter().map(|volume| volume.data.view().insert_axis(Axis(0))).collect();
    let image = concatenate(Axis(0), &views).map_err(|error| CliError::Failed(error.to_string()))?;
    Ok((image, first.geometry.clone()))
}

fn name_of(bundle: &NetworkBundle, label: u8) -> String {
    let name = bundle.config().labels.get(&label).cloned();
    name.unwrap_or_else(|| if label == 0 { "background".into() } else { format!("label {label}") })
}

/// Prints the plan as one JSON object, if asked for.
fn report_plan(args: &Args, plan: &NetworkPlan) -> Result<(), CliError> {
    if !args.json {
        return Ok(());
    }
    let image = args.image.display().to_string();
    output::result(serde_json::json!({ "image": image, "plan": json_of(plan) }))
}

fn json_of(plan: &NetworkPlan) -> serde_json::Value {
    serde_json::json!({
        "image": plan.image.to_array(), "grid": plan.grid.to_array(), "windows": plan.windows, "folds": plan.folds,
        "mirrors": plan.mirrors,        "flops": plan.flops, "memory_bytes": plan.memory_bytes,
    })
}

/// Prints the volumes, and one JSON object if asked for.
fn report(
    args: &Args,
    bundle: &NetworkBundle,
    found: &NetworkPrediction,
    console: &mut Console,
) -> Result<(), CliError> {
    let volumes = found.volumes_ml.iter().map(|(label, ml)| format!("{} {ml:.1} ml", name_of(bundle, *label)));
    let volumes: Vec<String> = volumes.collect();
    let shown = if volumes.is_empty() { "nothing".into() } else { volumes.join(", ") };
    console.message(&format!("found {shown} in {:.1} s, written to {}", found.seconds, args.mask.display()));
    extras::print(found.certainty, console);
    if !args.json {
        return Ok(());
    }
    let names = found.volumes_ml.keys().map(|label| (label.to_string(), name_of(bundle, *label).into()));
    output::result(serde_json::json!({
        "image": args.image.display().to_string(),
        "mask": args.mask.display().to_string(),
        "plan": json_of(&found.plan),
        "labels": names.collect::<serde_json::Map<_, _>>(),
        "volumes_ml": serde_json::to_value(&found.volumes_ml)?,
        "certainty": serde_json::to_value(found.certainty)?,
        "seconds": found.seconds,
    }))
}
