//! Folders of models.

use std::path::Path;

use medseg_nnunet::{CHECKPOINT, Fold, ModelFolder, NetworkKeys, Norm, NormKind, Plans};

use crate::fixture;
use crate::written::{checkpoint_of, message, tensor, text, zip};

const NAME: &str = "nnUNetTrainer__nnUNetPlans__3d_fullres";

/// Copies a fixture into a folder, with these folds made of its first.
fn copy(fixture_name: &str, to: &Path, folds: &[&str]) {
    let from = fixture(fixture_name);
    std::fs::create_dir_all(to).unwrap();
    for file in ["plans.json", "dataset.json"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    for fold in folds {
        std::fs::create_dir_all(to.join(fold)).unwrap();
        std::fs::copy(from.join("fold_0").join(CHECKPOINT), to.join(fold).join(CHECKPOINT)).unwrap();
    }
}

#[test]
fn a_model_is_found_in_its_folder_and_above() {
    let root = tempfile::tempdir().unwrap();
    let dataset = root.path().join("Dataset777_T");
    copy("plain_regions", &dataset.join(NAME), &["fold_0", "fold_2", "fold_10", "fold_all", "fold_x"]);
    std::fs::create_dir_all(dataset.join("ensembles")).unwrap();
    for path in [root.path(), &dataset, &dataset.join(NAME)] {
        let model = ModelFolder::open(path).unwrap();
        assert_eq!(model.path, dataset.join(NAME));
        // By name, as nnU-Net sorts them.
        assert_eq!(model.folds, [Fold::Number(0), Fold::Number(10), Fold::Number(2)]);
        assert_eq!(model.mirroring_axes, Some(vec![0, 1, 2]));
        assert_eq!((model.in_channels(), model.out_channels()), (2, 2));
    }
    let all = ModelFolder::open_with(&dataset, Some(&[Fold::All]), CHECKPOINT).unwrap();
    assert_eq!(all.folds, [Fold::All]);
    let missing = message(ModelFolder::open_with(&dataset, Some(&[Fold::Number(1)]), CHECKPOINT));
    assert!(missing.ends_with("fold_1 has no checkpoint_final.pth"), "{missing}");
    let missing = message(ModelFolder::open_with(&dataset, None, "checkpoint_best.pth"));
    assert!(missing.ends_with("has no fold with a checkpoint_best.pth"), "{missing}");

    copy("plain_regions", &dataset.join("nnUNetTrainer__nnUNetPlans__2d"), &[]);
    let several = message(ModelFolder::open(&dataset));
    assert!(several.ends_with(&format!("name one of them: nnUNetTrainer__nnUNetPlans__2d, {NAME}")), "{several}");
}

#[test]
fn a_cascade_has_a_channel_for_each_previous_label() {
    let model = ModelFolder::open(fixture("cascade")).unwrap();
    assert_eq!(model.configuration.previous_stage.as_deref(), Some("3d_lowres"));
    assert_eq!((model.in_channels(), model.out_channels()), (5, 4));
}

#[test]
fn fold_all_is_taken_if_it_is_alone() {
    let root = tempfile::tempdir().unwrap();
    copy("plain_regions", root.path(), &["fold_all"]);
    assert_eq!(ModelFolder::open(root.path()).unwrap().folds, [Fold::All]);
}

#[test]
fn missing_files_are_named() {
    let root = tempfile::tempdir().unwrap();
    let ends = |expected: &str| {
        let message = message(ModelFolder::open(root.path()));
        assert!(message.ends_with(expected), "{message}");
        assert!(message.contains(&root.path().display().to_string()));
    };
    ends("no folder TRAINER__PLANS__CONFIGURATION with a plans.json in it");
    std::fs::create_dir(root.path().join("fold_0")).unwrap();
    ends("has no plans.json");
    copy("plain_regions", root.path(), &[]);
    ends("has no fold with a checkpoint_final.pth");
    std::fs::remove_file(root.path().join("dataset.json")).unwrap();
    ends("has no dataset.json");
    copy("plain_regions", root.path(), &["fold_0"]);
    std::fs::copy(fixture("plain_2d/fold_0").join(CHECKPOINT), root.path().join("fold_0").join(CHECKPOINT)).unwrap();
    ends("plans.json: there is no configuration 2d; there are 3d_fullres");

    let zip = root.path().join("model.zip");
    std::fs::write(&zip, "PK").unwrap();
    assert!(message(ModelFolder::open(zip)).ends_with("is a file, and no zip of an exported model"));
    assert!(message(ModelFolder::open(root.path().join("none"))).starts_with("cannot read"));
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let root = tempfile::tempdir().unwrap();
    copy("plain_regions", root.path(), &["fold_0"]);
    std::fs::copy(fixture("plain_aniso/fold_0").join(CHECKPOINT), root.path().join("fold_0").join(CHECKPOINT)).unwrap();
    let model = ModelFolder::open(root.path()).unwrap();
    let shape = message(model.checkpoint(Fold::Number(0)));
    let expected = "has shape [8, 2, 1, 3, 3], and the plans' network needs [8, 2, 3, 3, 3]";
    assert!(shape.ends_with(expected), "{shape}");

    let mut dataset = std::fs::read_to_string(root.path().join("dataset.json")).unwrap();
    dataset = dataset.replace(r#""1": "MR""#, r#""1": "MR", "2": "PET""#);
    std::fs::write(root.path().join("dataset.json"), dataset).unwrap();
    let channels = message(ModelFolder::open(root.path()));
    assert!(channels.ends_with("configuration 3d_fullres normalises 2 channels, and the data set has 3"), "{channels}");
}

#[test]
fn a_trainer_may_replace_the_normalisation() {
    let root = tempfile::tempdir().unwrap();
    copy("plain_2d", root.path(), &["fold_0"]);
    let plans = Plans::open(root.path().join("plans.json")).unwrap();
    let mut architecture = plans.configuration("2d").unwrap().architecture;
    architecture.norm = Norm { kind: NormKind::Batch, ..architecture.norm };
    let mut weights = b"}(".to_vec();
    for parameter in NetworkKeys::new(&architecture, 2, 4).parameters() {
        let shape: Vec<i64> = parameter.shape.iter().map(|size| *size as i64).collect();
        let strides: Vec<i64> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        weights.extend(text(&parameter.key));
        weights.extend(tensor("FloatStorage", 0, &shape, &strides));
    }
    weights.extend(text("encoder.stages.0.0.convs.0.norm.num_batches_tracked"));
    weights.extend(tensor("LongStorage", 0, &[], &[]));
    weights.push(b'u');
    let open = |trainer| {
        let pickle = checkpoint_of(trainer, &weights);
        let file = zip(&[("a/data.pkl", &pickle), ("a/data/0", &[0; 48 * 24 * 9 * 4])]);
        std::fs::write(root.path().join("fold_0").join(CHECKPOINT), file).unwrap();
        let model = ModelFolder::open(root.path()).unwrap();
        model.checkpoint(Fold::Number(0)).map(|_| model.configuration.architecture)
    };
    assert_eq!(open("nnUNetTrainerBN").unwrap(), architecture);
    // A class derived from it has another name; the weights tell.
    assert_eq!(open("MyTrainer").unwrap(), architecture);
}

#[test]
fn two_names_of_a_parameter_must_agree() {
    let root = tempfile::tempdir().unwrap();
    copy("plain_2d", root.path(), &["fold_0"]);
    let configuration = Plans::open(root.path().join("plans.json")).unwrap().configuration("2d").unwrap();
    let parameters = NetworkKeys::new(&configuration.architecture, 2, 4);
    let parameters = parameters.parameters();
    // Names of nnU-Net's modules: the encoder again within the decoder, and each block's parts as a list.
    let first = parameters.iter().find(|parameter| parameter.key.starts_with("encoder.")).unwrap();
    let again = [first.key.replace(".conv.", ".all_modules.0."), format!("decoder.{}", first.key)];
    let check = |key: &str, offset: i64| {
        let mut weights = b"}(".to_vec();
        let named = parameters.iter().map(|parameter| (parameter.key.as_str(), &parameter.shape, 0));
        for (key, shape, offset) in named.chain([(key, &first.shape, offset)]) {
            let shape: Vec<i64> = shape.iter().map(|size| *size as i64).collect();
            let strides: Vec<i64> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
            weights.extend(text(key));
            weights.extend(tensor("FloatStorage", offset, &shape, &strides));
        }
        weights.push(b'u');
        let values: Vec<u8> = (0..48 * 24 * 9 + 9).flat_map(|n| (n as f32).to_le_bytes()).collect();
        let file = zip(&[("a/data.pkl", &checkpoint_of("T", &weights)), ("a/data/0", &values)]);
        std::fs::write(root.path().join("fold_0").join(CHECKPOINT), file).unwrap();
        ModelFolder::open(root.path()).unwrap().checkpoint(Fold::Number(0)).map(drop)
    };
    for key in &again {
        assert!(check(key, 0).is_ok(), "{key}");
        let message = message(check(key, 1));
        assert!(message.contains(key) && message.contains("the same parameter"), "{message}");
    }
}
