//! The offline steps: what is written, where it lies, resuming, and what cannot be made.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use medseg_data::{Case, Offline, OfflineOutcome, OfflineReport, OfflineStep, check_case, discover};
use medseg_transforms::LabelInterpolation;
use medseg_transforms::{Interpolation, resize, resize_nearest, resize_nearest_exact};
use medseg_volume::{
    Datatype, Dhw, Geometry, Volume, error_chain, read_image, read_info, read_label, write_image, write_label,
};
use ndarray::Array3;
use tempfile::{TempDir, tempdir};

/// Oblique, with one axis turned round.
fn grid() -> Geometry {
    let rows = [[-0.8, 0.1, 0.2, 10.0], [0.1, 0.7, -0.3, -20.0], [0.0, 0.2, 2.5, 30.0], [0.0, 0.0, 0.0, 1.0]];
    Geometry::from_affine(rows).unwrap()
}

/// Writes a case whose foreground is a block of 1 and 2; `offset` makes the intensities no whole numbers.
fn write_case(folder: &Path, id: &str, offset: f32, foreground: bool) {
    for kind in ["image", "label"] {
        fs::create_dir_all(folder.join(kind)).unwrap();
    }
    let image = Array3::from_shape_fn((12, 20, 24), |(z, y, x)| (z * 100 + y * 7) as f32 - 3.0 * x as f32 + offset);
    let inside = |z, y, x| foreground && (4..7).contains(&z) && (8..12).contains(&y) && (10..20).contains(&x);
    let label = Array3::from_shape_fn((12, 20, 24), |(z, y, x)| if inside(z, y, x) { 1 + (x > 15) as u8 } else { 0 });
    write_image(folder.join("image").join(format!("{id}.nii.gz")), &Volume::new(image, grid())).unwrap();
    write_label(folder.join("label").join(format!("{id}.nii")), &Volume::new(label, grid())).unwrap();
}

fn set(ids: &[&str]) -> (TempDir, Vec<Case>) {
    let folder = tempdir().unwrap();
    ids.iter().for_each(|id| write_case(&folder.path().join("origin"), id, 0.0, true));
    let cases = discover(folder.path().join("origin")).unwrap();
    (folder, cases)
}

fn run(offline: &Offline, cases: &[Case], out: &Path) -> OfflineReport {
    offline.run(cases, out, 2, &mut |_| ()).unwrap()
}

fn foreground(margin: usize) -> Offline {
    Offline { step: OfflineStep::Foreground { margin }, ..Offline::default() }
}

#[test]
fn the_foreground_step_crops_and_every_voxel_keeps_its_place() {
    let (folder, cases) = set(&["a", "b"]);
    let out = folder.path().join("foreground");
    let report = run(&foreground(3), &cases, &out);
    assert_eq!((report.written, report.is_complete()), (2, true));
    let made = discover(&out).unwrap();
    check_case(&made[1]).unwrap();
    let (image, label) = (read_image(&made[0].image).unwrap(), read_label(made[0].label.as_ref().unwrap()).unwrap());
    // 4..7, 8..12 and 10..20 with a margin of 3, cut at the width's end.
    assert_eq!(image.shape(), Dhw { d: 9, h: 10, w: 16 });
    let (origin, of) = (read_image(&cases[0].image).unwrap(), read_label(cases[0].label.as_ref().unwrap()).unwrap());
    for ((z, y, x), value) in image.data.indexed_iter() {
        let world = image.geometry.voxel_to_world(Dhw { d: z as f64, h: y as f64, w: x as f64 });
        let at = origin.geometry.world_to_voxel(world).map(|v| v.round() as usize);
        assert_eq!([z + 1, y + 5, x + 7], at.to_array());
        assert_eq!(origin.data[at.to_array()], *value);
        assert_eq!(of.data[at.to_array()], label.data[[z, y, x]]);
    }
    // Whole numbers are written as such; the label's values stay two.
    assert_eq!(read_info(&made[0].image).unwrap().datatype, Datatype::I16);
    assert_eq!(label.data.iter().max(), Some(&2));
}

#[test]
fn margins_are_cut_at_the_border_and_label_values_chosen() {
    let (folder, cases) = set(&["a"]);
    let out = folder.path().join("all");
    run(&foreground(1000), &cases, &out);
    assert_eq!(read_info(out.join("image/a.nii.gz")).unwrap().shape.to_array(), [12, 20, 24]);
    let two = Offline { foreground: vec![2], ..foreground(0) };
    run(&two, &cases, &folder.path().join("two"));
    assert_eq!(read_info(folder.path().join("two/label/a.nii.gz")).unwrap().shape.to_array(), [3, 4, 4]);
}

#[test]
fn the_resized_step_interpolates_and_covers_the_same_space() {
    let (folder, cases) = set(&["a"]);
    let (image, label) = (read_image(&cases[0].image).unwrap(), read_label(cases[0].label.as_ref().unwrap()).unwrap());
    let size = Dhw { d: 8, h: 8, w: 10 };
    for (name, sampling) in [("n", LabelInterpolation::Nearest), ("e", LabelInterpolation::NearestExact)] {
        let step = OfflineStep::Resized { size, label: sampling };
        let out = folder.path().join(name);
        run(&Offline { step, ..Offline::default() }, &cases, &out);
        let made = &discover(&out).unwrap()[0];
        let (small, mask) = (read_image(&made.image).unwrap(), read_label(made.label.as_ref().unwrap()).unwrap());
        let expected = resize(&image.data.view(), size, Interpolation::Trilinear { align_corners: false });
        assert_eq!(small.data, expected);
        let take = if name == "n" { resize_nearest } else { resize_nearest_exact };
        assert_eq!(mask.data, take(&label.data.view(), size));
        // The outer corners of both grids are the same points.
        let corners = |geometry: &Geometry, shape: Dhw<usize>| {
            [geometry.voxel_to_world(Dhw::splat(-0.5)), geometry.voxel_to_world(shape.map(|s| s as f64 - 0.5))].concat()
        };
        let (a, b) = (corners(&image.geometry, image.shape()), corners(&small.geometry, size));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4), "{a:?} {b:?}");
        // An image that is linear in space has the same value at a point before and after.
        let inner = Dhw { d: 4, h: 4, w: 5 };
        let at = image.geometry.world_to_voxel(small.geometry.voxel_to_world(inner.map(|v| v as f64)));
        let linear = (100.0 * at.d + 7.0 * at.h - 3.0 * at.w) as f32;
        assert!((small.data[inner.to_array()] - linear).abs() < 1e-2);
    }
}

#[test]
fn finished_cases_are_passed_over_and_changed_ones_made_anew() {
    let (folder, cases) = set(&["a", "b", "c"]);
    let out = folder.path().join("out");
    let step = foreground(2);
    assert_eq!(step.plan(&cases, &out).unwrap().finished, 0);
    assert!(!out.exists(), "a plan writes nothing");
    run(&step, &cases, &out);
    assert_eq!(step.plan(&cases, &out).unwrap().finished, 3);
    let again = run(&step, &cases, &out);
    assert_eq!((again.written, again.finished), (0, 3));

    fs::write(out.join("label/a.nii.gz"), b"half a file").unwrap();
    fs::remove_file(out.join("image/b.nii.gz")).unwrap();
    let source = fs::File::options().write(true).open(&cases[2].image).unwrap();
    source.set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
    let again = run(&step, &cases, &out);
    assert_eq!((again.written, again.finished), (3, 0));
    assert_eq!(read_label(out.join("label/a.nii.gz")).unwrap().shape().d, 7);

    let message = error_chain(&foreground(3).plan(&cases, &out).unwrap_err());
    assert!(message.contains("other settings") && message.contains("prepare.json"), "{message}");
}

#[test]
fn a_bad_case_is_named_and_the_others_are_made() {
    let (folder, mut cases) = set(&["a", "b", "c", "d"]);
    let origin = folder.path().join("origin");
    write_case(&origin, "b", 0.5, false);
    fs::write(&cases[2].image, b"no volume").unwrap();
    let other = Volume::new(Array3::from_elem((3, 3, 3), 1u8), grid());
    write_label(cases[3].label.as_ref().unwrap(), &other).unwrap();
    cases.push(Case { id: "u".into(), label: None, ..cases[0].clone() });
    let out = folder.path().join("out");
    let step = foreground(2);
    assert_eq!(step.plan(&cases, &out).unwrap().unlabelled, 1);
    let mut seen = Vec::new();
    let report = step
        .run(&cases, &out, 3, &mut |case| {
            seen.push((case.done, case.id.clone(), matches!(case.outcome, OfflineOutcome::Failed(_))));
        })
        .unwrap();
    let expected = [(1, "a", false), (2, "b", false), (3, "c", true), (4, "d", true)];
    assert_eq!(seen, expected.map(|(done, id, failed)| (done, id.to_string(), failed)));
    assert!(!report.is_complete() && report.written == 2);
    assert_eq!(report.warnings, ["case b: no voxel of the label counts as foreground"]);
    assert!(report.failed[0].1.starts_with("case c: ") && report.failed[1].1.contains("12x20x24 against 3x3x3"));
    // No foreground: the whole volume, its values as they were.
    let whole = read_image(out.join("image/b.nii.gz")).unwrap();
    assert_eq!(whole, read_image(&cases[1].image).unwrap());
    assert!(!out.join("label/c.nii.gz").exists() && !out.join("image/u.nii.gz").exists());
}

#[test]
fn impossible_requests_are_refused_before_anything_is_written() {
    let (folder, cases) = set(&["a"]);
    let out = folder.path().join("out");
    let empty = OfflineStep::Resized { size: Dhw { d: 128, h: 0, w: 128 }, label: LabelInterpolation::Nearest };
    let refused = |offline: &Offline, cases: &[Case], out: &Path| {
        error_chain(&offline.run(cases, out, 1, &mut |_| ()).unwrap_err())
    };
    assert!(refused(&Offline { step: empty, ..Offline::default() }, &cases, &out).contains("128x0x128"));
    assert!(refused(&foreground(1), &[], &out).contains("no case has a label"));
    // The originals are never written over.
    let message = refused(&foreground(1), &cases, &folder.path().join("origin"));
    assert!(message.contains("the cases themselves"), "{message}");
    assert!(!out.exists());
}
