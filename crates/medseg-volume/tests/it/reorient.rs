//! Turning axes: every voxel stays where it is in the patient, and comes back exactly.

use crate::support::codes;
use medseg_volume::{Axes, Dhw, Geometry, Orientation, Volume};
use ndarray::Array3;

/// A volume of numbered voxels on a slightly oblique grid.
fn numbered() -> Volume<u32> {
    let affine = [[-0.8, 0.02, 0.1, 10.0], [0.03, 0.9, -0.2, -20.0], [0.05, 0.1, 2.5, 30.0], [0.0, 0.0, 0.0, 1.0]];
    let data = Array3::from_shape_fn((3, 4, 5), |(d, h, w)| (d * 100 + h * 10 + w) as u32);
    Volume::new(data, Geometry::from_affine(affine).unwrap())
}

#[test]
fn all_48_codes_are_read_shown_and_reached() {
    let volume = numbered();
    let mut seen = std::collections::HashSet::new();
    for code in codes() {
        assert_eq!(code.to_string().to_lowercase().parse::<Orientation>().unwrap(), code);
        assert_eq!(volume.reoriented(code).geometry.orientation(), code);
        seen.insert(code);
    }
    assert_eq!(seen.len(), 48);
}

#[test]
fn what_is_no_axis_code_is_refused_by_name() {
    for code in ["", "RA", "RASS", "RLS", "XYZ", "R S", "RAR", "ΩAS"] {
        let error = code.parse::<Orientation>().unwrap_err().to_string();
        assert!(error.contains(&format!("{code:?}")), "{error}");
    }
}

#[test]
fn every_voxel_stays_at_its_place_in_the_patient() {
    let volume = numbered();
    for code in codes() {
        let turned = volume.reoriented(code);
        for ((d, h, w), value) in turned.data.indexed_iter() {
            let world = turned.geometry.voxel_to_world(Dhw { d: d as f64, h: h as f64, w: w as f64 });
            let Dhw { d, h, w } = volume.geometry.world_to_voxel(world).map(|v| v.round() as usize);
            assert_eq!(volume.data[[d, h, w]], *value, "{code}");
        }
    }
}

#[test]
fn turning_back_gives_the_same_voxels_and_the_same_grid() {
    let volume = numbered();
    for code in codes() {
        let turned = volume.reoriented(code);
        let change = Axes::between(volume.geometry.orientation(), code);
        assert_eq!(change.permuted(volume.shape()), turned.shape());
        assert_eq!(change.inverse().apply(&turned.data.view()), volume.data);
        let back = turned.reoriented(volume.geometry.orientation());
        assert_eq!(back.data, volume.data);
        assert!(back.geometry.same_grid(&volume.geometry, volume.shape(), 1e-10), "{code}");
    }
}

#[test]
fn a_part_is_found_again() {
    let volume = numbered();
    let (start, size) = (Dhw::from([1, 0, 2]), Dhw::from([2, 3, 1]));
    let part = |data: &Array3<u32>, start: Dhw<isize>, size: Dhw<usize>| {
        let from = start.map(|v| v as usize);
        data.slice(ndarray::s![from.d..from.d + size.d, from.h..from.h + size.h, from.w..from.w + size.w]).to_owned()
    };
    for code in codes() {
        let change = Axes::between(volume.geometry.orientation(), code);
        let turned = change.apply(&volume.data.view());
        let new_start = change.start(start, size, volume.shape());
        let expected = change.apply(&part(&volume.data, start, size).view());
        assert_eq!(part(&turned, new_start, change.permuted(size)), expected, "{code}");
    }
}

#[test]
fn a_volume_that_points_there_already_keeps_its_geometry() {
    let volume = numbered();
    let same = volume.reoriented(volume.geometry.orientation());
    assert_eq!(same, volume);
}

#[test]
fn a_code_is_stored_as_text() {
    for code in codes() {
        let text = serde_json::to_string(&code).unwrap();
        assert_eq!(text, format!("\"{code}\""));
        assert_eq!(serde_json::from_str::<Orientation>(&text).unwrap(), code);
    }
    assert!(serde_json::from_str::<Orientation>("\"XYZ\"").is_err());
}
