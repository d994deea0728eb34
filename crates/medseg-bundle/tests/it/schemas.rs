//! Bundles of older layouts. The fixtures are `bundle.json` of runs, as version 0.1.0 wrote them, with small networks.

use std::fs;

use burn::tensor::Device;
use medseg_bundle::{BUNDLE_SCHEMA, Bundle, BundleConfig, CONFIG_FILE, Stages};
use medseg_inference::{Blend, CascadeConfig, Dhw, Growth, MaskRule, SlidingWindowConfig};
use medseg_unet::UNetConfig;
use medseg_volume::Orientation;
use serde_json::{Value, json};

const ONE_STAGE: &str = include_str!("../fixtures/schema-1-one-stage.json");
const TWO_STAGE: &str = include_str!("../fixtures/schema-1-two-stage.json");

fn network() -> UNetConfig {
    UNetConfig { channels: vec![2, 2, 4], dropout: 0.1, ..UNetConfig::default() }
}

fn window() -> SlidingWindowConfig {
    SlidingWindowConfig::new(Dhw::splat(48)).with_blend(Blend::gaussian())
}

/// Opens settings of schema 1 with weights of these stages.
fn opened(stages: Stages, mut old: Value) -> BundleConfig {
    let (folder, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let networks: Vec<_> =
        stages.networks().iter().map(|(_, config)| config.init_seeded(1, &device).unwrap()).collect();
    let path = folder.path().join("bundle");
    Bundle::new(BundleConfig::new("weights", stages), networks, &device).unwrap().save(&path).unwrap();
    let file = path.join(CONFIG_FILE);
    let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    old["weights"] = written["weights"].clone();
    fs::write(&file, old.to_string()).unwrap();
    let bundle = Bundle::open(&path, &device).unwrap();
    // Saved again it has the new layout.
    bundle.save(&path).unwrap();
    assert_eq!(Bundle::open(&path, &device).unwrap().config(), bundle.config());
    bundle.config().clone()
}

fn two_stages(cascade: CascadeConfig) -> Stages {
    Stages::TwoStage {
        coarse: network().into(),
        fine: network().into(),
        coarse_size: Dhw::splat(48),
        cascade,
        window: window(),
    }
}

#[test]
fn a_bundle_of_one_stage_of_schema_1_opens() {
    let stages = Stages::OneStage { network: network().into(), window: window(), rule: MaskRule::default() };
    let config = opened(stages.clone(), serde_json::from_str(ONE_STAGE).unwrap());
    assert_eq!((config.schema, config.stages), (BUNDLE_SCHEMA, stages));
    assert_eq!(config.preprocessing.orientation, Some(Orientation::RAS));
}

#[test]
fn a_bundle_of_two_stages_of_schema_1_opens() {
    let cascade = CascadeConfig::reference().with_coarse_margin(Dhw::splat(4)).with_min_component_share(1.0);
    let stages = two_stages(cascade.clone());
    let config = opened(stages.clone(), serde_json::from_str(TWO_STAGE).unwrap());
    assert_eq!((config.schema, config.stages), (BUNDLE_SCHEMA, stages));

    let mut grows: Value = serde_json::from_str(TWO_STAGE).unwrap();
    grows["stages"]["two_stage"]["cascade"]["growth"] = json!({ "rounds": 2, "step_mm": 15.0 });
    let stages = two_stages(cascade.with_growth(Some(Growth { rounds: 2, step_mm: 15.0 })));
    assert_eq!(opened(stages.clone(), grows).stages, stages);
}
