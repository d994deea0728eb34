//! Label values that u8 does not hold.

use std::path::Path;

use medseg_data::{Case, Offline, OfflineStep, discover};
use medseg_volume::{Dhw, Geometry, LabelChoice, Volume, WriteOptions, error_chain, write_image, write_volume};
use ndarray::{Array3, array};
use tempfile::tempdir;

fn case(dir: &Path, label: &Array3<f32>) -> Case {
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    for kind in ["image", "label"] {
        std::fs::create_dir_all(dir.join(kind)).unwrap();
    }
    write_image(dir.join("image/a.nii"), &Volume::new(Array3::zeros(label.dim()), geometry.clone())).unwrap();
    write_volume(dir.join("label/a.nii"), &Volume::new(label.clone(), geometry), &WriteOptions::default()).unwrap();
    discover(dir).unwrap().remove(0)
}

#[test]
fn values_matter_only_if_they_are_wanted() {
    let dir = tempdir().unwrap();
    let case = case(dir.path(), &array![[[0.0, 1.0, 2.0, 257.0, 1000.0, -1.0]]]);
    let label = |labels: &LabelChoice| case.read_with(labels).unwrap().label.unwrap();
    assert_eq!(label(&LabelChoice::only_or_foreground(&[1, 2])), array![[[0, 1, 2, 0, 0, 0]]]);
    assert_eq!(label(&LabelChoice::only_or_foreground(&[])), array![[[0, 1, 1, 1, 1, 0]]]);
    let message = error_chain(&case.read().unwrap_err());
    for part in ["case a: ", "a.nii", "257 is not a label", "voxel [0, 0, 3]"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_value_that_is_not_whole_is_refused_whatever_is_wanted() {
    let dir = tempdir().unwrap();
    let case = case(dir.path(), &array![[[0.0, 1.0, 1000.0], [0.0, 0.5, 1.0]]]);
    for labels in [LabelChoice::only(&[1]), LabelChoice::Foreground] {
        let message = error_chain(&case.read_with(&labels).unwrap_err());
        assert!(message.contains("0.5 is not a label") && message.contains("voxel [0, 1, 1]"), "{message}");
    }
}

#[test]
fn an_offline_step_warns_of_values_that_it_cannot_store() {
    let dir = tempdir().unwrap();
    let case = case(&dir.path().join("data"), &array![[[0.0, 1.0, 7.0, 1000.0]]]);
    let step = OfflineStep::Foreground { margin: 9 };
    let run = |foreground: Vec<u8>| {
        let offline = Offline { step: step.clone(), foreground, ..Offline::default() };
        let out = dir.path().join(format!("out{}", offline.foreground.len()));
        (offline.run(std::slice::from_ref(&case), &out, 0, &mut |_| ()).unwrap(), out)
    };
    let (report, out) = run(vec![1]);
    assert!(report.is_complete());
    assert!(report.warnings[0].starts_with("case a: ") && report.warnings[0].contains("1000"), "{:?}", report.warnings);
    assert_eq!(discover(out).unwrap()[0].read().unwrap().label.unwrap(), array![[[0, 1, 7, 0]]]);
    // Every value counts as foreground, so that none may be lost.
    let (report, _) = run(vec![]);
    assert!(report.failed[0].1.contains("1000 is not a label"), "{:?}", report.failed);
}
