//! Bundles that MONAI's runner runs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use medseg_monai::{Activation, Blend, Inferer, MonaiBundle, MonaiError, Padding, Postprocess, Preprocess};

fn bundle(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bundles").join(name)
}

fn window(bundle: &MonaiBundle) -> &medseg_monai::SlidingWindow {
    match &bundle.inferer {
        Inferer::SlidingWindow(window) => window,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bundle_as_the_spleen_one_is_read() {
    let bundle = MonaiBundle::open(bundle("spleen")).unwrap();
    assert_eq!(bundle.network.class, "UNet");
    let [load, channels, orientation, spacing, range, cast] = &bundle.preprocessing[..] else { panic!("six steps") };
    assert!(matches!(load, Preprocess::LoadImage(load) if load.reader.is_none() && !load.ensure_channel_first));
    assert!(matches!(channels, Preprocess::EnsureChannelFirst(medseg_monai::ChannelDim::FromFile)));
    assert!(matches!(orientation, Preprocess::Orientation(of) if of.axcodes == "RAS"));
    let Preprocess::Spacing(spacing) = spacing else { panic!("{spacing:?}") };
    // MONAI's order is x, y, z.
    assert_eq!(spacing.spacing, [Some(2.0), Some(1.5), Some(1.5)]);
    assert!(!spacing.nearest && !spacing.align_corners && !spacing.diagonal && spacing.padding == Padding::Edge);
    let Preprocess::ScaleIntensityRange(range) = range else { panic!("{range:?}") };
    assert_eq!((range.from, range.to, range.clip), ([-57.0, 164.0], [Some(0.0), Some(1.0)], true));
    assert_eq!(*cast, Preprocess::Cast(None));
    let window = window(&bundle);
    assert_eq!((window.roi_size, window.batch_size), ([Some(16); 3], 2));
    assert_eq!((window.overlap, window.blend, window.padding), ([0.5; 3], Blend::Constant, Padding::Constant(0.0)));
    let [activation, invert, discrete, save] = &bundle.postprocessing[..] else { panic!("four steps") };
    assert_eq!(*activation, Postprocess::Activation(Activation::Softmax));
    assert!(matches!(invert, Postprocess::Invert(invert) if !invert.nearest));
    assert!(matches!(discrete, Postprocess::Discrete(of) if of.argmax && of.threshold.is_none()));
    assert!(matches!(save, Postprocess::Save { dtype, resample: false, .. } if dtype == "float32"));
    assert_eq!((bundle.checkpoint.path.as_str(), bundle.checkpoint.key.as_str()), ("models/model.pt", "model"));
    assert!(bundle.checkpoint_file().unwrap().is_file());
    assert_eq!(bundle.metadata.labels[&1], "spleen");
    assert_eq!((bundle.metadata.in_channels, bundle.metadata.channels[&0].as_str()), (Some(1), "image"));
    assert_eq!((bundle.metadata.version.as_str(), bundle.metadata.modality.as_str()), ("0.1.0", "CT"));
    assert_eq!(bundle.license_file(), None);
}

#[test]
fn bundles_of_regions_and_of_masks_taken_back_are_read() {
    let regions = MonaiBundle::open(bundle("regions")).unwrap();
    assert!(matches!(window(&regions).blend, Blend::Gaussian { sigma_scale } if sigma_scale == [0.125; 3]));
    assert!(matches!(&regions.preprocessing[4], Preprocess::NormalizeIntensity(of) if of.nonzero && of.channel_wise));
    assert_eq!(regions.postprocessing[0], Postprocess::Activation(Activation::Sigmoid));
    assert!(matches!(regions.postprocessing[2], Postprocess::Discrete(of) if !of.argmax && of.threshold == Some(0.5)));

    let nearest = MonaiBundle::open(bundle("nearest")).unwrap();
    assert_eq!(nearest.network.class, "DynUNet");
    assert_eq!(window(&nearest).roi_size, [Some(12), Some(16), Some(16)]);
    assert_eq!(nearest.preprocessing[3], Preprocess::Cast(Some("float32".into())));
    assert!(matches!(nearest.postprocessing[1], Postprocess::Discrete(_)));
    assert!(matches!(nearest.postprocessing[2], Postprocess::Invert(invert) if invert.nearest));
    assert_eq!(nearest.metadata.labels.len(), 3);
}

/// Writes the files of a folder to a zip, below another folder.
fn zipped(folder: &Path, top: &str, target: &Path) {
    let mut zip = zip::ZipWriter::new(fs::File::create(target).unwrap());
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = format!("{top}{}", path.strip_prefix(folder).unwrap().to_str().unwrap());
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(&fs::read(path).unwrap()).unwrap();
        }
    }
    zip.finish().unwrap();
}

#[test]
fn a_zip_is_read_as_its_folder() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("bundle.zip");
    for top in ["", "spleen/"] {
        zipped(&bundle("spleen"), top, &path);
        let opened = MonaiBundle::open(&path).unwrap();
        let file = opened.checkpoint_file().unwrap();
        assert_eq!(fs::read(&file).unwrap(), fs::read(bundle("spleen/models/model.pt")).unwrap());
        let folder = opened.folder().to_owned();
        drop(opened);
        assert!(!folder.exists());
    }
}

#[test]
fn hostile_zips_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("inner/bundle.zip");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file("../escaped.json", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"{}").unwrap();
    zip.finish().unwrap();
    assert!(matches!(MonaiBundle::open(&path), Err(MonaiError::NotABundle { .. })));
    assert!(!scratch.path().join("escaped.json").exists());

    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file("models/model.pt", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&vec![0; 16 << 20]).unwrap();
    zip.finish().unwrap();
    assert!(matches!(MonaiBundle::open(&path), Err(MonaiError::Expands { .. })));

    fs::write(&path, b"PK\x03\x04 and then nothing").unwrap();
    assert!(matches!(MonaiBundle::open(&path), Err(MonaiError::Zip { .. })));
}

#[test]
fn what_is_missing_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = &scratch.path().join("bundle");
    fs::create_dir(folder).unwrap();
    assert!(matches!(MonaiBundle::open(folder.join("none")), Err(MonaiError::Io { .. })));
    assert!(matches!(MonaiBundle::open(folder), Err(MonaiError::NotABundle { .. })));
    fs::create_dir_all(folder.join("configs")).unwrap();
    fs::copy(bundle("nearest/configs/inference.json"), folder.join("configs/inference_dynunet.json")).unwrap();
    assert_eq!(MonaiBundle::open_with(folder, "configs/inference_dynunet.json").unwrap().network.class, "DynUNet");
    let error = MonaiBundle::open_with(folder, "configs/inference_unet.json").unwrap_err().to_string();
    assert!(error.ends_with("is no MONAI bundle: it has no configs/inference_unet.json"), "{error}");
    fs::copy(bundle("nearest/configs/inference.json"), folder.join("configs/../../escaped.json")).unwrap();
    assert!(matches!(MonaiBundle::open_with(folder, "../escaped.json"), Err(MonaiError::Outside { .. })));
    fs::copy(bundle("spleen/configs/inference.json"), folder.join("configs/inference.json")).unwrap();
    let opened = MonaiBundle::open(folder).unwrap();
    assert!(opened.metadata.labels.is_empty());
    assert!(matches!(opened.checkpoint_file(), Err(MonaiError::NoCheckpoint { .. })));
    fs::create_dir_all(folder.join("models")).unwrap();
    fs::write(folder.join("models/model.ts"), "").unwrap();
    assert!(matches!(opened.checkpoint_file(), Err(MonaiError::TorchScript { .. })));
    fs::write(folder.join("LICENSE"), "Apache-2.0").unwrap();
    assert!(opened.license_file().is_some());
    fs::write(folder.join("configs/inference.json"), vec![b' '; 5 << 20]).unwrap();
    assert!(matches!(MonaiBundle::open(folder), Err(MonaiError::TooLarge { .. })));
}
