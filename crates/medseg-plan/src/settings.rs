//! Settings of an experiment from facts, for a patch of a given number of voxels.

use medseg_bundle::NetworkConfig;
use medseg_inference::SlidingWindowConfig;
use medseg_train::{Cleaning, Experiment, ExperimentConfig, Preset, StageConfig, StageInput};
use medseg_transforms::Intensity;
use medseg_unet::UNetError;
use medseg_volume::{Dhw, Orientation};

use crate::decide::{clean, network::Topology, patch::patch, recipe};
use crate::fingerprint::Fingerprint;
use crate::options::PlanOptions;

/// Channels of the first stage.
pub(crate) const FIRST_CHANNELS: usize = 16;
/// Longest axis of a coarse stage's grid, voxels; and the multiple that its lengths are.
const COARSE_LENGTH: usize = 64;
const COARSE_STEP: usize = 16;
/// Channels of the coarse network, which draws no border exactly.
const COARSE_CHANNELS: [usize; 5] = [8, 16, 32, 64, 128];

/// Choices that do not depend on the time.
pub(crate) struct Choices {
    pub experiment: Experiment,
    pub spacing_mm: Option<Dhw<f64>>,
    pub intensity: Intensity,
    pub cleaning: Cleaning,
    pub mirror: Dhw<bool>,
    pub cases_a_step: usize,
}

/// The settings for patches of about `voxels` voxels, one epoch long, with the network's topology.
pub(crate) fn settings(
    found: &Fingerprint,
    choices: &Choices,
    options: &PlanOptions,
    voxels: usize,
) -> Result<(ExperimentConfig, Topology), UNetError> {
    let mut config = Preset::Quick.config(choices.experiment);
    config.seed = options.seed;
    config.data.folder = None;
    config.data.labels.clone_from(&found.labels);
    config.data.split = options.split.clone();
    config.data.groups.clone_from(&options.groups);
    config.data.preprocessing.orientation = Some(Orientation::RAS);
    config.data.preprocessing.spacing_mm = choices.spacing_mm;
    config.data.preprocessing.intensity = choices.intensity;
    config.data.cache_mib = usize::try_from((options.memory / 2) >> 20).unwrap_or(usize::MAX);
    config.cleaning = choices.cleaning;
    config.cascade.min_component_share = if clean::one_component(found) { 1.0 } else { 0.0 };
    let spacing = choices.spacing_mm.unwrap_or_else(|| found.spacing_mm(0.5));
    let median = found.median_shape(choices.spacing_mm);
    let (size, topology) = patch(median, spacing, voxels);
    let out_channels = if found.labels.len() > 1 { found.labels.len() + 1 } else { 1 };
    fine(&mut config.fine, topology.network(FIRST_CHANNELS, out_channels)?, size, choices);
    config.set_channels(found.channels);
    if let Some(stage) = &mut config.coarse {
        coarse(stage, median, choices);
    }
    Ok((config, topology))
}

fn fine(stage: &mut StageConfig, network: NetworkConfig, size: Dhw<usize>, choices: &Choices) {
    stage.network = network;
    stage.window = SlidingWindowConfig::new(size).with_batch(1);
    stage.set_size(size);
    recipe::train_by(stage, choices.mirror, choices.cases_a_step);
}

/// The whole image on a small grid: lengths in the ratio of the median case's.
fn coarse(stage: &mut StageConfig, median: Dhw<usize>, choices: &Choices) {
    let longest = median.to_array().into_iter().max().unwrap_or(1) as f64;
    let length = |n: usize| {
        let scaled = (n as f64 * (COARSE_LENGTH as f64 / longest).min(1.0)) as usize;
        scaled.next_multiple_of(COARSE_STEP).max(COARSE_STEP)
    };
    stage.input = StageInput::Whole;
    if let Some(unet) = stage.network.as_unet_mut() {
        (unet.channels, unet.dropout, unet.final_bias) = (COARSE_CHANNELS.to_vec(), 0.0, true);
    }
    stage.set_size(median.map(length));
    recipe::train_by(stage, choices.mirror, choices.cases_a_step);
    // The whole image is one window.
    stage.window = SlidingWindowConfig::whole(stage.size);
}
