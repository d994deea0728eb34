//! Smoothing takes the steps of voxels away and leaves the size.

use std::f64::consts::PI;

use medseg_surface::{Smoothing, Surface};
use medseg_volume::ndarray::Array3;
use medseg_volume::{Dhw, Geometry, Volume};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::shapes::ball;

/// The table of the README: `cargo test -p medseg-surface --test it smoothing -- --nocapture`.
#[test]
fn balls_keep_their_volume_and_get_the_area_of_a_sphere() {
    for radius in [5.0, 10.0, 20.0] {
        let mask = ball(radius);
        let surface = Surface::of_label(&mask, &true).unwrap();
        let (volume, area) = (4.0 / 3.0 * PI * radius.powi(3), 4.0 * PI * radius * radius);
        for iterations in [0, 10, 20, 50] {
            let smooth = surface.smoothed(&Smoothing::default().with_iterations(iterations));
            assert!(smooth.is_closed());
            let changed = smooth.volume_mm3() / surface.volume_mm3() - 1.0;
            let of_voxels = smooth.volume_mm3() / mask.data.iter().filter(|inside| **inside).count() as f64 - 1.0;
            let (volume, area) = (smooth.volume_mm3() / volume - 1.0, smooth.area_mm2() / area - 1.0);
            println!(
                "| {radius} voxels | {iterations} | {:+.2} % | {:+.2} % | {:+.2} % |",
                100.0 * of_voxels,
                100.0 * volume,
                100.0 * area
            );
            assert!(changed.abs() < 1e-9, "{radius} {iterations}: {changed}");
            assert!(iterations == 0 || area.abs() < 0.03, "{radius} {iterations}: {area}");
        }
    }
}

#[test]
fn smoothing_and_a_change_of_axes_can_be_exchanged() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let data = Array3::from_shape_fn((6, 7, 8), |_| rng.random_bool(0.5));
    let spacing = Geometry::from_spacing(Dhw { d: 3.0, h: -0.8, w: 0.6 }).unwrap();
    let unit = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    let smooth = |geometry: &Geometry| {
        let surface = Surface::of_label(&Volume::new(data.clone(), geometry.clone()), &true).unwrap();
        surface.smoothed(&Smoothing::default())
    };
    for (a, b) in smooth(&unit).vertices().iter().zip(smooth(&spacing).vertices()) {
        let scaled = [0.6 * a[0], -0.8 * a[1], 3.0 * a[2]];
        assert!((0..3).all(|axis| (scaled[axis] - b[axis]).abs() < 1e-9));
    }
}

#[test]
fn every_piece_and_every_void_keeps_its_volume() {
    let mut shell = ball(7.0).data;
    shell[[8, 8, 8]] = false;
    shell[[0, 0, 0]] = true;
    shell[[4, 8, 8]] = false;
    let geometry = Geometry::from_spacing(Dhw { d: 3.0, h: -0.8, w: 0.6 }).unwrap();
    let surface = Surface::of_label(&Volume::new(shell, geometry), &true).unwrap();
    assert_eq!(surface.euler_characteristic(), 2 * 4);
    let smooth = surface.smoothed(&Smoothing::default());
    assert!((smooth.volume_mm3() / surface.volume_mm3() - 1.0).abs() < 1e-9);
    // The voxel at the corner alone: its first six vertices.
    let size = |surface: &Surface| {
        let [low, high] = [f64::min, f64::max].map(|f| surface.vertices()[..6].iter().map(|v| v[0]).reduce(f).unwrap());
        high - low
    };
    assert!((size(&smooth) / size(&surface) - 1.0).abs() < 1e-9, "an octahedron stays as it is");
}

#[test]
fn no_iteration_changes_nothing() {
    let surface = Surface::of_label(&ball(3.0), &true).unwrap();
    assert_eq!(surface.smoothed(&Smoothing::default().with_iterations(0)), surface);
}
