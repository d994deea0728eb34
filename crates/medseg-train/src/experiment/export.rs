//! Settings of the bundle of a run.

use medseg_bundle::{BundleConfig, Stages};
use medseg_inference::{MaskRule, PostProcessing};

use super::folder::RunRecord;
use crate::config::{Cleaning, ExperimentConfig};

/// The settings of a run's bundle; a cleaning that validation cases choose is not in it yet.
pub(super) fn bundle_config(record: &RunRecord) -> BundleConfig {
    let settings = &record.settings;
    let mut config = BundleConfig::new(settings.experiment.name(), stages(settings));
    config.preprocessing = settings.data.preprocessing;
    config.postprocessing = match settings.cleaning {
        Cleaning::None | Cleaning::ChosenByValidation => PostProcessing::default(),
        Cleaning::LargestOfEachLabel => PostProcessing::default().keep_largest(1),
        Cleaning::LargestOfUnion => PostProcessing::default().keep_largest_of_union(1),
    };
    if settings.fine.classes() == 1 {
        config.labels = [(1, "foreground".to_string())].into();
    } else {
        let values = &settings.data.labels;
        config.labels = values.iter().map(|value| (*value, format!("label {value}"))).collect();
        config.label_values = (1..=u8::MAX).zip(values.iter().copied()).collect();
    }
    config.channels = settings.data.channels;
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
        cascade: settings.cascade.clone(),
        window,
    }
}
