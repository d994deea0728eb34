//! Images of several channels, in files of their own: nnU-Net's names, and what only looks like them.

use std::fs;
use std::path::Path;

use medseg_data::{Case, ChannelFault, DataError, Offline, check_case, check_case_within, discover};
use medseg_volume::{Dhw, Geometry, Volume, error_chain, write_image, write_label};
use ndarray::Array3;
use tempfile::tempdir;

use crate::support::{folder, ids, names, refusal};

#[test]
fn an_image_with_a_channel_s_number_belongs_to_the_label_without() {
    let dir = folder(&[
        "imagesTr/liver_001_0000.nii.gz",
        "imagesTr/liver_002_0000.nii.gz",
        "labelsTr/liver_001.nii.gz",
        "labelsTr/liver_002.nii.gz",
        "imagesTs/liver_003_0000.nii.gz",
    ]);
    let found: Vec<_> = discover(dir.path()).unwrap().iter().map(names).collect();
    let case = |id: &str, label: bool| {
        (id.to_string(), vec![format!("{id}_0000.nii.gz")], label.then(|| format!("{id}.nii.gz")))
    };
    assert_eq!(found, [case("liver_001", true), case("liver_002", true), case("liver_003", false)]);
}

#[test]
fn the_channels_of_a_case_are_in_order() {
    let dir = folder(&[
        "imagesTr/b_0002.nii.gz",
        "imagesTr/b_0000.nii.gz",
        "imagesTr/b_0001.nrrd",
        "imagesTr/a_0002.nii.gz",
        "imagesTr/a_0001.nii.gz",
        "imagesTr/a_0000.nii.gz",
        "labelsTr/a.nii.gz",
        "labelsTr/b.mha",
        "imagesTs/c_0000.nii",
        "imagesTs/c_0001.nii",
        "imagesTs/c_0002.nii",
    ]);
    let cases = discover(dir.path()).unwrap();
    assert_eq!(ids(dir.path()), ["a", "b", "c"]);
    assert_eq!(names(&cases[1]).1, ["b_0000.nii.gz", "b_0001.nrrd", "b_0002.nii.gz"]);
    assert_eq!(names(&cases[2]).1, ["c_0000.nii", "c_0001.nii", "c_0002.nii"]);
    // The other layouts have the same rule.
    let dir = folder(&["image/a_0000.nii", "image/a_0001.nii", "label/a.nii"]);
    assert_eq!(names(&discover(dir.path()).unwrap()[0]).1, ["a_0000.nii", "a_0001.nii"]);
}

#[test]
fn names_that_images_and_labels_share_stay_whole() {
    for (files, want) in [
        // Copies of the Decathlon with numbers on both.
        (
            vec!["imagesTr/a_0000.nii", "imagesTr/b_0000.nii", "labelsTr/a_0000.nii", "labelsTr/b_0000.nii"],
            vec!["a_0000", "b_0000"],
        ),
        (
            vec!["imagesTr/a_0000.nii", "imagesTr/a_0001.nii", "labelsTr/a_0000.nii", "labelsTr/a_0001.nii"],
            vec!["a_0000", "a_0001"],
        ),
        (vec!["image/scan_2019.nii", "label/scan_2019.nii"], vec!["scan_2019"]),
        // A scan and a later one of the same patient.
        (
            vec!["image/scan.nii", "image/scan_2019.nii", "label/scan.nii", "label/scan_2019.nii"],
            vec!["scan", "scan_2019"],
        ),
        (
            vec!["imagesTr/a_0000.nii", "labelsTr/a_0000.nii", "imagesTs/b_0000.nii", "imagesTs/b_0001.nii"],
            vec!["a_0000", "b_0000", "b_0001"],
        ),
        // Five digits and three are no channel.
        (
            vec!["image/a_00000.nii", "image/a_000.nii", "label/a_00000.nii", "label/a_000.nii"],
            vec!["a_000", "a_00000"],
        ),
        (vec!["image/volume-3_0000.nii", "label/segmentation-3.nii"], vec!["volume-3"]),
    ] {
        let dir = folder(&files);
        assert_eq!(ids(dir.path()), want);
        let two = r#"{"channel_names": {"0": "CT", "1": "PET"}}"#;
        if want != ["volume-3"] {
            fs::write(dir.path().join("dataset.json"), two).unwrap();
            assert_eq!(ids(dir.path()), want);
        }
        assert!(discover(dir.path()).unwrap().iter().all(|case| case.channels.is_empty()));
    }
}

#[test]
fn a_name_that_could_mean_two_labels_is_refused() {
    for files in [
        vec!["image/a_0000.nii", "label/a.nii", "label/a_0000.nii"],
        vec!["image/a_0000.nii", "image/a_0001.nii", "label/a.nii", "label/a_0001.nii"],
    ] {
        let (error, message) = refusal(folder(&files).path());
        assert!(matches!(error, DataError::AmbiguousLabel { .. }), "{message}");
        assert!(message.contains("label/a.nii") && message.contains("label/a_000"), "{message}");
    }
    // The label of the second scan is missing; it is no channel of the first.
    for files in [
        vec!["image/scan.nii", "image/scan_2019.nii", "label/scan.nii"],
        vec!["image/a_0000.nii", "image/a_0001.nii", "label/a_0000.nii"],
        vec!["image/a_0000.nii", "image/b_0000.nii", "label/b.nii"],
    ] {
        let (error, message) = refusal(folder(&files).path());
        assert!(matches!(error, DataError::MissingPartner { .. }), "{message}");
        assert!(message.contains("no file of the same name, nor one of the name "), "{message}");
    }
    let files = ["imagesTr/a_0000.nii", "labelsTr/a.nii", "imagesTs/b_0000.nii", "imagesTs/b.nii"];
    assert!(matches!(refusal(folder(&files).path()).0, DataError::DuplicateCase { .. }));
    let files = ["imagesTr/a_0000.nii", "labelsTr/a.nii", "imagesTs/a_0000.nii"];
    assert!(matches!(refusal(folder(&files).path()).0, DataError::DuplicateCase { .. }));
    let files = ["image/a_0000.nii", "image/a_0000.nii.gz", "label/a.nii"];
    assert!(matches!(refusal(folder(&files).path()).0, DataError::DuplicateCase { .. }));
}

#[test]
fn a_missing_channel_is_named_with_its_case() {
    for (files, case, missing) in [
        (vec!["imagesTr/a_0000.nii.gz", "imagesTr/a_0002.nii.gz", "labelsTr/a.nii.gz"], "a", "a_0001.nii.gz"),
        (vec!["imagesTr/a_0001.nii", "labelsTr/a.nii"], "a", "a_0000.nii"),
        (
            vec!["image/a_0000.nii", "image/a_0001.nii", "image/b_0000.nii", "label/a.nii", "label/b.nii"],
            "b",
            "b_0001.nii",
        ),
        // A case whose image has no number has one channel.
        (vec!["image/a_0000.nii", "image/a_0001.nii", "image/b.mha", "label/a.nii", "label/b.nii"], "b", "b_0001.mha"),
        (vec!["image/scan_2019.nii", "label/scan.nii"], "scan", "scan_0000.nii"),
        (
            vec!["imagesTr/a_0000.nii", "imagesTr/a_0001.nii", "labelsTr/a.nii", "imagesTs/t_0000.nii"],
            "t",
            "imagesTs/t_0001.nii",
        ),
    ] {
        let (error, message) = refusal(folder(&files).path());
        let DataError::Channels { case: named, source: ChannelFault::Missing { path } } = error else {
            panic!("{message}")
        };
        assert!(named == case && path.ends_with(missing), "{message}");
        assert!(message.starts_with(&format!("case {case}: ")) && message.contains(missing), "{message}");
    }
    let files = ["imagesTr/a_0000.nii", "labelsTr/a.nii", "imagesTs/t_0000.nii", "imagesTs/t_0001.nii"];
    let (error, message) = refusal(folder(&files).path());
    assert!(
        matches!(error, DataError::Channels { source: ChannelFault::Surplus { channels: 1, .. }, .. }),
        "{message}"
    );
    assert!(message.contains("t_0001.nii"), "{message}");
}

#[test]
fn the_list_states_the_number_of_channels() {
    let dir = folder(&["imagesTr/a_0000.nii", "imagesTr/a_0001.nii", "labelsTr/a.nii"]);
    for key in ["channel_names", "modality"] {
        let list =
            |names: &str| fs::write(dir.path().join("dataset.json"), format!(r#"{{"{key}": {names}}}"#)).unwrap();
        list(r#"{"0": "CT", "1": "PET"}"#);
        assert_eq!(ids(dir.path()), ["a"]);
        list(r#"{"0": "CT", "1": "PET", "2": "MR"}"#);
        let (_, message) = refusal(dir.path());
        assert!(message.contains("a_0002.nii is missing"), "{message}");
        list(r#"["CT"]"#);
        let (_, message) = refusal(dir.path());
        assert!(message.contains("a_0001.nii") && message.contains("has 1"), "{message}");
        for nothing in ["{}", "7", "null", "\"CT\""] {
            list(nothing);
            assert_eq!(ids(dir.path()), ["a"]);
        }
    }
}

/// A case of three channels whose third lies on the given grid, with the given shape.
fn written(dir: &Path, shape: (usize, usize, usize), origin: f64) -> Case {
    let grid = |origin: f64| {
        let mut affine = Geometry::from_spacing(Dhw { d: 3.0, h: 1.0, w: 1.0 }).unwrap().affine();
        affine[0][3] = origin;
        Geometry::from_affine(affine).unwrap()
    };
    for kind in ["imagesTr", "labelsTr"] {
        fs::create_dir_all(dir.join(kind)).unwrap();
    }
    for (channel, shape, origin) in [(0, (2, 3, 4), 0.0), (1, (2, 3, 4), 0.05), (2, shape, origin)] {
        let voxels = Array3::from_shape_fn(shape, |(d, h, w)| (channel * 1000 + d * 100 + h * 10 + w) as f32);
        write_image(dir.join(format!("imagesTr/a_{channel:04}.nii")), &Volume::new(voxels, grid(origin))).unwrap();
    }
    write_label(dir.join("labelsTr/a.nii"), &Volume::new(Array3::ones((2, 3, 4)), grid(0.0))).unwrap();
    discover(dir).unwrap().remove(0)
}

#[test]
fn channels_are_read_as_one_image() {
    let dir = tempdir().unwrap();
    let case = written(dir.path(), (2, 3, 4), 0.0);
    assert_eq!(check_case(&case).unwrap().shape, Dhw { d: 2, h: 3, w: 4 });
    let sample = case.read().unwrap();
    assert_eq!(sample.image.dim(), (3, 2, 3, 4));
    for (channel, want) in [(0, 123.0), (1, 1123.0), (2, 2123.0)] {
        assert_eq!(sample.image[[channel, 1, 2, 3]], want);
    }
    assert_eq!(sample.label, Some(Array3::ones((2, 3, 4))));
    sample.validate().unwrap();
    assert_eq!(Case { label: None, ..case }.read().unwrap().image.dim().0, 3);
}

#[test]
fn channels_of_two_grids_are_refused_with_both_files() {
    let dir = tempdir().unwrap();
    for (shape, origin, difference) in
        [((2, 3, 5), 0.0, "2x3x4 against 2x3x5 voxels"), ((2, 3, 4), 0.5, "first voxel lies at")]
    {
        let case = written(dir.path(), shape, origin);
        for error in [check_case(&case).map(drop).unwrap_err(), case.read().map(drop).unwrap_err()] {
            let message = error_chain(&error);
            assert!(message.starts_with("case a: channels "), "{message}");
            for part in ["a_0000.nii", "a_0002.nii", difference] {
                assert!(message.contains(part), "{message}");
            }
        }
        assert_eq!(check_case_within(&case, f64::INFINITY).is_ok(), shape == (2, 3, 4));
    }
    let case = written(dir.path(), (2, 3, 4), 0.0);
    fs::remove_file(&case.channels[1]).unwrap();
    for message in [check_case(&case).map(drop), case.read().map(drop)].map(|result| error_chain(&result.unwrap_err()))
    {
        assert!(message.starts_with("case a: ") && message.contains("a_0002.nii"), "{message}");
    }
}

#[test]
fn a_step_for_one_channel_refuses_several() {
    let dir = tempdir().unwrap();
    let case = written(dir.path(), (2, 3, 4), 0.0);
    let error = Offline::default().run(&[case], dir.path().join("out"), 0, &mut |_| ()).unwrap_err();
    assert!(matches!(error, DataError::Channels { source: ChannelFault::Several { channels: 3 }, .. }), "{error}");
    assert!(!dir.path().join("out").exists());
}
