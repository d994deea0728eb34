//! Stages with networks that an architecture describes.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use medseg_architecture::networks::{UNetPlusPlusConfig, VNetConfig};
use medseg_bundle::{Bundle, NetworkConfig, NoProgress};
use medseg_report::RunFolder;
use medseg_train::{Experiment, RunRequest};
use medseg_volume::{Dhw, read_image, read_label};

use crate::support::{history, request, run, tiny, write_cases};

/// UNet++ with all its outputs, and V-Net with batch norms and PReLU.
fn described() -> [NetworkConfig; 2] {
    let channels = vec![2, 2, 4];
    let nested =
        UNetPlusPlusConfig { channels: channels.clone(), deep_supervision: true, ..UNetPlusPlusConfig::default() };
    let v_net = VNetConfig { channels, convs: vec![1, 1, 2], kernel: 3, ..VNetConfig::default() };
    [nested.architecture().unwrap().into(), v_net.architecture().unwrap().into()]
}

#[test]
fn described_networks_train_go_on_where_they_stopped_and_predict_as_they_were_measured() {
    for network in described() {
        let folder = tempfile::tempdir().unwrap();
        let settings = |epochs: usize| {
            let mut config = tiny(Experiment::TwoStage);
            for stage in config.stages_mut() {
                stage.network = network.clone();
                stage.epochs = epochs;
            }
            config
        };
        let data = folder.path().join("data");
        write_cases(&data);
        let at = |name: &str| folder.path().join(name);
        let (whole, parts) = (at("whole"), at("parts"));
        run(&request(settings(3), &data, &whole)).unwrap();
        run(&request(settings(2), &data, &parts)).unwrap();
        let resumed = request(settings(3), &data, &parts);
        run(&RunRequest { resume: true, force_config: true, ..resumed }).unwrap();
        for stage in ["coarse", "fine"] {
            assert_eq!(history(&parts.join(stage)), history(&whole.join(stage)), "{stage}");
            let weights = |run: &Path| fs::read(RunFolder::new(run).stage(stage).best_weights()).unwrap();
            assert!(weights(&parts) == weights(&whole), "{stage}");
        }
        // The bundle alone draws the mask that the run measured.
        let bundle = Bundle::open(RunFolder::new(&whole).bundle(), &Device::flex()).unwrap();
        let networks: Vec<_> = bundle.named_networks().map(|(_, of)| of.config()).collect();
        assert_eq!(networks, [network.clone(), network]);
        let mask = fs::read_dir(whole.join("predictions")).unwrap().next().unwrap().unwrap().path();
        let image = read_image(data.join("image").join(mask.file_name().unwrap())).unwrap();
        assert_eq!(bundle.predict(&image, &mut NoProgress).unwrap().mask.data, read_label(&mask).unwrap().data);
    }
}

#[test]
fn settings_that_a_described_network_cannot_meet_are_refused() {
    let [nested, v_net] = described();
    let mut config = tiny(Experiment::OneStage);
    config.fine.network = nested;
    config.fine.set_size(Dhw::splat(18));
    assert!(config.validate().unwrap_err().to_string().contains("multiples of [4, 4, 4]"));
    config.fine.network = v_net;
    config.validate().unwrap();
    config.data.labels = vec![1, 2];
    config.separate_classes();
    assert!(config.validate().is_err(), "the loss is for three classes, the network has one channel");
    let two = VNetConfig { out_channels: 2, in_channels: 1, ..VNetConfig::default() };
    let mut config = tiny(Experiment::OneStage);
    config.fine.network = two.architecture().unwrap().into();
    assert!(config.validate().unwrap_err().to_string().contains("out_channels"));
    config.fine.network = VNetConfig { in_channels: 3, ..two }.architecture().unwrap().into();
    assert!(config.validate().unwrap_err().to_string().contains("in_channels"));
}
