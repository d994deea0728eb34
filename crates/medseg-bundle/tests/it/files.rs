//! Bundles on the disk: written, read, damaged.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use medseg_bundle::{Bundle, BundleConfig, BundleError, CONFIG_FILE, Stages};
use medseg_inference::{CascadeConfig, Dhw, MaskRule, PostProcessing, RegionLabel, SlidingWindowConfig};
use medseg_unet::{UNet, UNetConfig};
use medseg_volume::Orientation;

fn network(out_channels: usize) -> UNetConfig {
    UNetConfig { channels: vec![2, 2, 4], out_channels, ..UNetConfig::default() }
}

fn init(config: &UNetConfig, seed: u64) -> UNet {
    config.init_seeded(seed, &Device::flex()).unwrap()
}

fn two_stage() -> Bundle {
    let stages = Stages::TwoStage {
        coarse: network(1).into(),
        fine: network(3).into(),
        coarse_size: Dhw::splat(8),
        cascade: CascadeConfig::safe(),
        window: SlidingWindowConfig::new(Dhw::splat(16)),
    };
    let mut config = BundleConfig::new("liver", stages).with_label(1, "liver").with_label(9, "tumour");
    config.label_values.insert(2, 9);
    config.preprocessing.orientation = Some(Orientation::RAS);
    config.preprocessing.spacing_mm = Some(Dhw { d: 3.0, h: 1.5, w: 1.5 });
    config.postprocessing = PostProcessing::default().keep_largest(1).fill_holes();
    config.provenance.insert("data".into(), "synthetic".into());
    Bundle::new(config, vec![init(&network(1), 1), init(&network(3), 2)], &Device::flex()).unwrap()
}

fn saved(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("bundle");
    two_stage().save(&path).unwrap();
    path
}

fn edit(path: &Path, from: &str, to: &str) {
    let file = path.join(CONFIG_FILE);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

fn refused(path: &Path) -> String {
    Bundle::open(path, &Device::flex()).unwrap_err().to_string()
}

#[test]
fn a_fine_network_beside_the_coarse_mask_has_two_channels() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    edit(&path, "\"fallback\"", "\"mask_channel\": true, \"fallback\"");
    let error = refused(&path);
    assert!(
        error.contains("stages.fine") && error.contains("1 channel(s) for the 2 of image and coarse mask"),
        "{error}"
    );
}

#[test]
fn what_is_saved_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    let mut names: Vec<_> =
        fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["bundle.json", "coarse.safetensors", "fine.safetensors"]);
    let opened = Bundle::open(&path, &Device::flex()).unwrap();
    let mut config = opened.config().clone();
    assert_eq!(config.weights.len(), 2);
    config.weights.clear();
    assert_eq!(config, *two_stage().config());
    // Nothing but the bundle lies in the folder, and a second one takes the place of the first.
    opened.save(&path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    Bundle::open(&path, &Device::flex()).unwrap();
}

#[test]
fn settings_of_another_kind_are_refused_by_name() {
    for (from, to, named) in [
        ("\"schema\": 2", "\"schema\": 3", "schema is 3; this version reads schema 2"),
        ("\"schema\": 2", "\"scheme\": 2", "schema"),
        ("\"name\"", "\"nmae\"", "nmae"),
        ("\"margin_mm\"", "\"margin\"", "margin"),
        ("\"margin_mm\": 10.0", "\"margin_mm\": -1.0", "margin_mm"),
        ("\"two_stage\"", "\"three_stage\"", "three_stage"),
        ("\"RAS\"", "\"RAR\"", "RAR"),
        ("\"count\": 1", "\"count\": 0", "count"),
        ("\"9\": \"tumour\"", "\"4\": \"tumour\"", "labels: 4"),
        ("\"9\": \"tumour\"", "\"2\": \"tumour\"", "labels: 2"),
        ("\"9\": \"tumour\"", "\"300\": \"tumour\"", "300"),
        ("\"2\": 9", "\"3\": 9", "label_values: a network of 3 output channel(s) has no class 3"),
        ("\"2\": 9", "\"2\": 0", "label_values: 0 is the background"),
        ("\"2\": 9", "\"2\": 1", "label_values: 1 is the value of two classes"),
        ("\"2\": 9", "\"2\": 256", "256"),
        ("1.5", "0.0", "spacing_mm"),
        ("\"low\": -300.0", "\"low\": 300.0", "window"),
        ("\"in_channels\": 1", "\"in_channels\": 2", "2 channel(s) for the 1 of the image"),
        ("{", "", CONFIG_FILE),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path());
        edit(&path, from, to);
        let error = refused(&path);
        assert!(error.contains(named) && error.contains(CONFIG_FILE), "{from} -> {to}: {error}");
    }
}

#[test]
fn a_bundle_without_label_values_keeps_the_numbers_of_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    let text = fs::read_to_string(path.join(CONFIG_FILE)).unwrap();
    let mut old: serde_json::Value = serde_json::from_str(&text).unwrap();
    old.as_object_mut().unwrap().remove("label_values").unwrap();
    old["labels"] = serde_json::json!({ "1": "liver", "2": "tumour" });
    fs::write(path.join(CONFIG_FILE), old.to_string()).unwrap();
    let opened = Bundle::open(&path, &Device::flex()).unwrap();
    assert!(opened.config().label_values.is_empty());
    opened.save(&path).unwrap();
    assert!(!fs::read_to_string(path.join(CONFIG_FILE)).unwrap().contains("label_values"));
}

#[test]
fn missing_damaged_and_foreign_weights_are_refused_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let check = |what: &str, damage: &dyn Fn(&Path)| {
        let path = saved(folder.path());
        damage(&path);
        let error = Bundle::open(&path, &Device::flex()).unwrap_err();
        assert!(matches!(error, BundleError::Weights { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains("fine.safetensors") && error.contains(what), "{error}");
    };
    let file = |path: &Path| path.join("fine.safetensors");
    check("missing", &|path| fs::remove_file(file(path)).unwrap());
    check("damaged", &|path| {
        let bytes = fs::read(file(path)).unwrap();
        fs::write(file(path), &bytes[..bytes.len() - 1]).unwrap();
    });
    check("damaged", &|path| {
        let mut bytes = fs::read(file(path)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file(path), bytes).unwrap();
    });
    check("SHA-256", &|path| {
        fs::copy(path.join("coarse.safetensors"), file(path)).unwrap();
        // The right length for the foreign file, still the wrong sum.
        let length = fs::metadata(file(path)).unwrap().len();
        let text = fs::read_to_string(path.join(CONFIG_FILE)).unwrap();
        let mut config: BundleConfig = serde_json::from_str(&text).unwrap();
        config.weights.get_mut("fine").unwrap().bytes = length;
        fs::write(path.join(CONFIG_FILE), serde_json::to_string(&config).unwrap()).unwrap();
    });
    check("another network", &|path| {
        fs::copy(path.join("coarse.safetensors"), file(path)).unwrap();
        let text = fs::read_to_string(path.join(CONFIG_FILE)).unwrap();
        let mut config: BundleConfig = serde_json::from_str(&text).unwrap();
        let coarse = config.weights["coarse"].clone();
        config.weights.insert("fine".into(), coarse);
        fs::write(path.join(CONFIG_FILE), serde_json::to_string(&config).unwrap()).unwrap();
    });
    check("no checksum", &|path| {
        let text = fs::read_to_string(path.join(CONFIG_FILE)).unwrap();
        let mut config: BundleConfig = serde_json::from_str(&text).unwrap();
        config.weights.remove("fine");
        fs::write(path.join(CONFIG_FILE), serde_json::to_string(&config).unwrap()).unwrap();
    });
}

#[test]
fn a_folder_that_is_no_bundle_is_neither_opened_nor_replaced() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refused(&folder.path().join("none")).contains("none: it is no bundle"));
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let error = two_stage().save(folder.path()).unwrap_err().to_string();
    assert!(error.contains("not replaced"), "{error}");
    assert_eq!(fs::read_to_string(folder.path().join("thesis.txt")).unwrap(), "years of work");
    // No folder to put it in: an error that names the place, nothing left behind.
    let file = folder.path().join("thesis.txt").join("bundle");
    let error = two_stage().save(&file).unwrap_err().to_string();
    assert!(error.contains("thesis.txt"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn networks_that_are_not_those_of_the_settings_are_refused() {
    let window = SlidingWindowConfig::new(Dhw::splat(8));
    let config =
        BundleConfig::new("a", Stages::OneStage { network: network(1).into(), window, rule: MaskRule::default() });
    let device = Device::flex();
    assert!(Bundle::new(config.clone(), vec![init(&network(2), 1)], &device).is_err());
    assert!(Bundle::new(config.clone(), Vec::<medseg_bundle::StageNetwork>::new(), &device).is_err());
    assert!(Bundle::new(config, vec![init(&network(1), 1)], &device).is_ok());
    let rule = MaskRule::default().with_regions([RegionLabel::new(0, 1)]);
    let config = BundleConfig::new("a", Stages::OneStage { network: network(1).into(), window, rule });
    let error = Bundle::new(config, vec![init(&network(1), 1)], &device).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("regions that overlap"), "{error}");
}
