//! A run as a bundle: the part of it that predicts.

use std::path::Path;

use burn::tensor::Device;
use medseg_bundle::{Bundle, BundleConfig, CONFIG_FILE, Stages};
use medseg_inference::{MaskRule, PostProcessing};

use super::folder::{BUNDLE_FOLDER, RunRecord};
use super::trained::TrainedRun;
use crate::TrainError;
use crate::config::ExperimentConfig;

/// Opens what predicts: a bundle, or the output folder of a run, finished or not.
///
/// # Errors
/// [`TrainError::NotARun`] for a folder that is neither; otherwise what is wrong with the bundle or the run.
pub fn open_bundle(folder: &Path, device: &Device) -> Result<Bundle, TrainError> {
    let exported = folder.join(BUNDLE_FOLDER);
    match [folder, &exported].into_iter().find(|path| path.join(CONFIG_FILE).is_file()) {
        Some(bundle) => Ok(Bundle::open(bundle, device)?),
        None => Ok(TrainedRun::open(folder, device)?.into_bundle()),
    }
}

/// The settings of a run's bundle.
pub(super) fn bundle_config(record: &RunRecord) -> BundleConfig {
    let settings = &record.settings;
    let mut config = BundleConfig::new(settings.experiment.name(), stages(settings));
    config.preprocessing = settings.data.preprocessing;
    if settings.largest_component {
        config.postprocessing = PostProcessing::default().keep_largest(1);
    }
    if settings.fine.classes() == 1 {
        config.labels = [(1, "foreground".to_string())].into();
    } else {
        let values = &settings.data.labels;
        config.labels = values.iter().map(|value| (*value, format!("label {value}"))).collect();
        config.label_values = (1..=u8::MAX).zip(values.iter().copied()).collect();
    }
    config.provenance = [
        ("medseg", record.medseg.clone()),
        ("burn", record.burn.clone()),
        ("device", record.device.clone()),
        ("seed", settings.seed.to_string()),
        ("foreground", format!("{:?}", settings.data.labels)),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into();
    config
}

fn stages(settings: &ExperimentConfig) -> Stages {
    let (network, window) = (settings.fine.network.clone(), settings.fine.window);
    let Some(coarse) = &settings.coarse else {
        return Stages::OneStage { network, window, rule: MaskRule::default() };
    };
    Stages::TwoStage {
        coarse: coarse.network.clone(),
        fine: network,
        coarse_size: coarse.size,
        cascade: settings.cascade,
        window,
    }
}
