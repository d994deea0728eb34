//! Images of several channels, in one stage and two.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use medseg_bundle::{Bundle, NoProgress, Wanted};
use medseg_report::RunFolder;
use medseg_train::{DiskCacheConfig, Experiment, ExperimentConfig, Fit, RunRequest, time_stages};
use medseg_transforms::nnunet_augmentation;
use medseg_volume::{WriteOptions, error_chain, read_image, read_label, write_channels, write_image};
use ndarray::{Axis, stack};

use crate::support::{alone, finished, history, request, run, tiny, write_cases};

/// The phantoms with a second channel, the image with its sign changed.
fn two_channels(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    write_cases(&data);
    let images = data.join("image");
    for entry in fs::read_dir(&images).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().replace(".nii.gz", "");
        let mut image = read_image(&path).unwrap();
        fs::rename(&path, images.join(format!("{name}_0000.nii.gz"))).unwrap();
        image.data.mapv_inplace(|value| -value);
        write_image(images.join(format!("{name}_0001.nii.gz")), &image).unwrap();
    }
    data
}

fn settings(experiment: Experiment) -> ExperimentConfig {
    let mut config = tiny(experiment);
    config.set_channels(2);
    config
}

#[test]
fn several_channels_train_resume_and_predict_as_they_were_measured() {
    for (experiment, masked) in
        [(Experiment::OneStage, false), (Experiment::TwoStage, false), (Experiment::TwoStage, true)]
    {
        let folder = tempfile::tempdir().unwrap();
        let (data, at) = (two_channels(folder.path()), |name: &str| folder.path().join(name));
        let config = |epochs: usize| {
            let mut config = settings(experiment);
            config.set(&format!("cascade.mask_channel={masked}")).unwrap();
            config.fine.augmentation = nnunet_augmentation().steps;
            config.data.disk_cache = Some(DiskCacheConfig::new(at("cache")));
            for stage in config.stages_mut() {
                stage.epochs = epochs;
            }
            assert_eq!(config.fine.network.in_channels(), 2 + usize::from(masked));
            config
        };
        let (whole, parts) = (at("whole"), at("parts"));
        run(&request(config(3), &data, &whole)).unwrap();
        // The second time cases come from the disk.
        run(&request(config(2), &data, &parts)).unwrap();
        let resumed = request(config(3), &data, &parts);
        run(&RunRequest { resume: true, force_config: true, ..resumed }).unwrap();
        for (stage, _) in config(3).stages() {
            assert_eq!(history(&parts.join(stage)), history(&whole.join(stage)), "{stage}");
        }
        let bundle = Bundle::open(RunFolder::new(&whole).bundle(), &Device::flex()).unwrap();
        assert_eq!(bundle.config().channels, 2);
        let read = |number: usize| read_image(data.join(format!("image/phantom_005_{number:04}.nii.gz"))).unwrap();
        let both = stack(Axis(0), &[read(0).data.view(), read(1).data.view()]).unwrap();
        let wanted = Wanted { probabilities: true, ..Wanted::default() };
        let bundle = bundle.with_wanted(wanted);
        let found = bundle.predict_channels(both, &read(0).geometry, &mut NoProgress).unwrap();
        let mask = read_label(whole.join("predictions/phantom_005.nii.gz")).unwrap();
        assert_eq!(found.mask.data, mask.data, "{experiment:?}, mask as a channel: {masked}");
        assert!(whole.join("overlays/phantom_005.png").is_file());
        // The channels' order matters, and one channel is not enough.
        let turned = stack(Axis(0), &[read(1).data.view(), read(0).data.view()]).unwrap();
        let other = bundle.predict_channels(turned, &read(0).geometry, &mut NoProgress).unwrap();
        assert!(other.probabilities != found.probabilities);
        let error = bundle.predict(&read(0), &mut NoProgress).unwrap_err().to_string();
        assert!(error.contains("1 channel(s)") && error.contains("take 2"), "{error}");
    }
}

#[test]
fn channels_in_one_file_train_as_those_in_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = two_channels(folder.path());
    let train = |data: &Path, name: &str| {
        let out = folder.path().join(name);
        let fit = Fit { channels: true, ..Fit::default() };
        let request = RunRequest { fit, ..request(tiny(Experiment::OneStage), data, &out) };
        finished(&request, &mut medseg_train::Silent);
        (history(&out.join("one_stage")), fs::read(out.join("predictions/phantom_005.nii.gz")).unwrap())
    };
    let apart = train(&data, "apart");
    let together = folder.path().join("together");
    fs::create_dir_all(together.join("image")).unwrap();
    fs::rename(data.join("label"), together.join("label")).unwrap();
    for number in 0..6 {
        let read =
            |channel: usize| read_image(data.join(format!("image/phantom_{number:03}_{channel:04}.nii.gz"))).unwrap();
        let both = stack(Axis(0), &[read(0).data.view(), read(1).data.view()]).unwrap();
        let path = together.join(format!("image/phantom_{number:03}.nii.gz"));
        write_channels(path, &both, &read(0).geometry, &WriteOptions::default()).unwrap();
    }
    assert!(train(&together, "in_one") == apart);
}

#[test]
fn both_channels_reach_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let data = two_channels(folder.path());
    let train = |name: &str| {
        let out = folder.path().join(name);
        finished(&request(settings(Experiment::OneStage), &data, &out), &mut medseg_train::Silent);
        history(&out.join("one_stage"))
    };
    let before = train("before");
    assert_eq!(train("again"), before);
    // Another second channel of one training case is another training.
    let path = data.join("image/phantom_001_0001.nii.gz");
    let mut image = read_image(&path).unwrap();
    image.data.mapv_inplace(|value| value * 0.5 - 40.0);
    write_image(&path, &image).unwrap();
    assert_ne!(train("changed"), before);
}

#[test]
fn the_number_of_channels_is_fitted_or_must_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (two_channels(folder.path()), folder.path().join("out"));
    let error = run(&request(tiny(Experiment::OneStage), &data, &out)).unwrap_err();
    let text = error_chain(&error);
    assert!(text.contains("2 channel(s), and data.channels is 1"), "{text}");
    // The second channel of one case is no CT.
    let path = data.join("image/phantom_001_0001.nii.gz");
    let mut image = read_image(&path).unwrap();
    image.data += 5000.0;
    write_image(&path, &image).unwrap();
    let fitted = RunRequest {
        fit: Fit { channels: true, intensity: true, ..Fit::default() },
        ..request(tiny(Experiment::TwoStage), &data, &out)
    };
    run(&fitted).unwrap();
    let config = ExperimentConfig::read(&out.join("config.json")).unwrap();
    assert_eq!((config.data.channels, config.fine.network.in_channels()), (2, 2));
    assert!(matches!(config.data.preprocessing.intensity, medseg_transforms::Intensity::ZScore { .. }));
    // Settings whose parts disagree.
    let mut config = settings(Experiment::OneStage);
    config.fine.network.set_in_channels(3);
    assert!(config.validate().unwrap_err().to_string().contains("network.in_channels must be 2"));
    for channels in [0, 257] {
        let mut config = tiny(Experiment::OneStage);
        config.set_channels(channels);
        assert!(config.validate().unwrap_err().to_string().contains("data.channels"), "{channels}");
    }
    let mut config = tiny(Experiment::TwoStage);
    config.set("data.channels=4").unwrap();
    assert_eq!([config.coarse.as_ref().unwrap(), &config.fine].map(|stage| stage.network.in_channels()), [4, 4]);
    // A channel that is missing is named.
    fs::remove_file(data.join("image/phantom_003_0001.nii.gz")).unwrap();
    let error = error_chain(&run(&request(settings(Experiment::OneStage), &data, &out)).unwrap_err());
    assert!(error.contains("phantom_003_0001"), "{error}");
}

#[test]
fn stages_are_timed_with_all_channels() {
    let folder = tempfile::tempdir().unwrap();
    let data = two_channels(folder.path());
    let cases = medseg_data::discover(&data).unwrap();
    let config = settings(Experiment::TwoStage);
    let least = std::time::Duration::from_millis(1);
    let timings = alone(|| time_stages(&config, &cases, &[Device::flex()], least)).unwrap();
    assert_eq!(timings.len(), 2);
    assert!(timings.iter().all(|timing| timing.training > 0.0));
}
