//! Turning axes: every voxel stays where it is in the patient, and comes back exactly.

use crate::support::codes;
use medseg_volume::{Axes, Dhw, Geometry, Orientation, Volume, c_order};
use ndarray::{Array3, Array4, Axis};

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

#[test]
fn a_copy_in_c_order_has_each_voxel_in_its_place_whatever_the_order_it_comes_from() {
    // Shapes around the edges of the cubes, an axis of one voxel, and an empty one.
    for shape in [[33, 31, 65], [1, 64, 32], [70, 1, 3], [40, 0, 2]] {
        let mut numbers = 0..;
        let array = Array3::from_shape_simple_fn(shape, || numbers.next().unwrap_or(0_i32));
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for backwards in 0..8 {
                let mut view = array.view().permuted_axes(order);
                (0..3).filter(|axis| backwards >> axis & 1 == 1).for_each(|axis| view.invert_axis(Axis(axis)));
                let copy = c_order(view, |value| f64::from(*value) / 2.0);
                assert!(copy.is_standard_layout());
                assert_eq!(copy, view.mapv(|value| f64::from(value) / 2.0), "{shape:?} {order:?} {backwards}");
            }
        }
    }
    let channels = Array4::from_shape_fn((35, 3, 40, 2), |(d, h, w, c)| d * 1000 + h * 100 + w * 2 + c);
    let first = c_order(channels.view().permuted_axes([3, 0, 1, 2]), usize::clone);
    assert_eq!((first.is_standard_layout(), first[[1, 34, 2, 39]]), (true, channels[[34, 2, 39, 1]]));
    assert_eq!(first, channels.view().permuted_axes([3, 0, 1, 2]));
}
