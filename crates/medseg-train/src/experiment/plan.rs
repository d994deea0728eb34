//! The plan of a run in numbers, before it starts.

use std::fmt::Write;

use medseg_unet::Precision;

use super::RunRequest;
use super::dataset::Dataset;
use crate::TrainError;
use crate::config::{StageConfig, StageInput};

const MIB: f64 = (1u64 << 20) as f64;

/// The split, and steps, windows and memory of every stage.
pub(crate) fn plan_text(request: &RunRequest, data: &Dataset) -> Result<String, TrainError> {
    let mut lines = Vec::new();
    let mut line = |l: String| lines.push(l);
    line(format!("device: {}", request.device_name));
    let channels = match data.channels() {
        1 => String::new(),
        several => format!(" of {several} channels"),
    };
    line(format!("data: {}, {} labelled cases{channels}", data.folder.display(), data.cases.len()));
    for (name, ids) in
        [("train", &data.split.train), ("validation", &data.split.validation), ("left out", &data.split.unused)]
    {
        line(format!("  {name}: {} ({})", ids.len(), shortened(ids)));
    }
    for (name, stage) in request.config.stages() {
        line(stage_text(name, stage, data)?);
    }
    line(prediction_text(request, data)?);
    Ok(lines.join("\n"))
}

fn stage_text(name: &str, stage: &StageConfig, data: &Dataset) -> Result<String, TrainError> {
    let batch = if stage.input == StageInput::Whole { 1 } else { stage.crops.samples };
    let network = stage.network.cost(stage.size.to_array())?;
    let steps = data.split.train.len() * stage.epochs;
    let mut text = format!("stage {name}:");
    let _ = write!(
        text,
        "\n  network: {} parameters, {:.1} GFLOP and {:.0} MiB of activations a forward pass of {}",
        network.parameters,
        network.flops as f64 / 1e9,
        network.saved as f64 / MIB,
        stage.size
    );
    let _ = write!(
        text,
        "\n  training: {} epochs of {} steps of {batch} x {} = {steps} steps, about {:.0} MiB of activations a step in f32",
        stage.epochs,
        data.split.train.len(),
        stage.size,
        step_bytes(stage)? as f64 / MIB
    );
    let cached: u64 =
        data.split.train.iter().chain(&data.split.validation).map(|id| prepared_bytes(stage, data, id)).sum();
    let _ = write!(text, "\n  prepared cases: at most {:.0} MiB if all are kept in memory", cached as f64 / MIB);
    Ok(text)
}

/// A line for every stage whose training step saves more than `free` bytes for backward on the device.
pub(crate) fn memory_shortages(request: &RunRequest, free: u64) -> Result<Vec<String>, TrainError> {
    let mut shortages = Vec::new();
    for (name, stage) in request.config.stages() {
        let needed = step_bytes(stage)? / if request.config.precision == Precision::Bf16 { 2 } else { 1 };
        if needed > free {
            shortages.push(format!(
                "stage {name}: a training step keeps about {} MiB of activations and {} has {} MiB free: lower {name}.size or \
                 {name}.crops.samples, or set precision = \"bf16\" or {name}.gradient.checkpointing = true",
                needed >> 20,
                request.device_name,
                free >> 20
            ));
        }
    }
    Ok(shortages)
}

/// Bytes that one training step in f32 saves for backward on a GPU.
fn step_bytes(stage: &StageConfig) -> Result<u64, TrainError> {
    let batch = if stage.input == StageInput::Whole { 1 } else { stage.crops.samples };
    let network = stage.network.cost(stage.size.to_array())?;
    let all = network.saved.saturating_add(network.concatenated);
    let saved = if stage.gradient.checkpointing { network.checkpointed } else { all };
    Ok(saved.saturating_mul(batch as u64))
}

/// Upper bound of a prepared case: image f32, mask u8, crop index.
fn prepared_bytes(stage: &StageConfig, data: &Dataset, id: &str) -> u64 {
    let Some(shape) = data.shape_of(id) else { return 0 };
    let shape = if stage.input == StageInput::Whole { stage.size } else { shape };
    shape.voxels() as u64 * (4 * data.channels() as u64 + 5)
}

fn prediction_text(request: &RunRequest, data: &Dataset) -> Result<String, TrainError> {
    let cases = data.predicted();
    let named = if data.split.validation == cases { "validation" } else { "left-out" };
    let window = request.config.fine.window.init()?;
    let (mut windows, channels) = (0, data.channels());
    let mut largest = 0;
    for shape in cases.iter().filter_map(|id| data.shape_of(id)) {
        let plan = window.plan(shape)?;
        windows += plan.len();
        largest = largest.max(plan.memory(channels, 1).for_mask() + shape.voxels() as u64 * 8 * channels as u64);
    }
    let whole = if request.config.coarse.is_some() { "at most " } else { "" };
    Ok(format!(
        "prediction: {} {named} cases, {whole}{windows} windows of {}, {:.0} MiB for the largest image and its stitching",
        cases.len(),
        window.config().roi,
        largest as f64 / MIB
    ))
}

/// The first and last names of a list.
fn shortened(ids: &[String]) -> String {
    match ids {
        [] => "none".into(),
        [one] => one.clone(),
        [first, .., last] if ids.len() > 4 => format!("{first} ... {last}"),
        _ => ids.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Experiment, Preset};

    #[test]
    fn what_a_step_keeps_is_compared_with_the_devices_memory() {
        let mut config = Preset::Reference.config(Experiment::TwoStage);
        let request = |config: &_| RunRequest {
            device_name: "cuda:0".into(),
            ..RunRequest::new(Clone::clone(config), None, "out")
        };
        let fine = step_bytes(&config.fine).unwrap();
        let lines = memory_shortages(&request(&config), fine - 1).unwrap();
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert!(
            line.starts_with("stage fine: ") && line.contains("cuda:0 has") && line.contains("fine.size"),
            "{line}"
        );
        assert_eq!(memory_shortages(&request(&config), fine).unwrap(), Vec::<String>::new());
        assert_eq!(memory_shortages(&request(&config), 0).unwrap().len(), 2);
        config.precision = Precision::Bf16;
        assert_eq!(memory_shortages(&request(&config), fine - 1).unwrap(), Vec::<String>::new());
        config.precision = Precision::F32;
        config.fine.gradient.checkpointing = true;
        assert_eq!(memory_shortages(&request(&config), fine - 1).unwrap(), Vec::<String>::new());
        let again = step_bytes(&config.fine).unwrap();
        assert!(again > fine / 2 && again < fine * 4 / 5, "{again} of {fine}");
        assert_eq!(memory_shortages(&request(&config), again - 1).unwrap().len(), 1);
    }
}
