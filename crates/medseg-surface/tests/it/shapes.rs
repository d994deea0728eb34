//! Surfaces are closed, look outwards and have the shape of the mask.

use std::collections::BTreeMap;

use medseg_surface::{Surface, SurfaceError};
use medseg_volume::ndarray::{Array3, s};
use medseg_volume::{Dhw, Geometry, Volume};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub fn unit(data: Array3<bool>) -> Volume<bool> {
    Volume::new(data, Geometry::from_spacing(Dhw::splat(1.0)).unwrap())
}

pub fn ball(radius: f64) -> Volume<bool> {
    let side = 2 * radius.ceil() as usize + 3;
    let middle = (side as f64 - 1.0) / 2.0;
    unit(Array3::from_shape_fn((side, side, side), |(d, h, w)| {
        [d, h, w].into_iter().map(|at| (at as f64 - middle).powi(2)).sum::<f64>() <= radius * radius
    }))
}

fn voxels(mask: &Volume<bool>) -> f64 {
    mask.data.iter().filter(|inside| **inside).count() as f64
}

/// A turned grid with unequal spacings; its axes are left-handed if `mirrored`.
fn oblique(mirrored: bool) -> Geometry {
    let ((a, b), (c, d)) = (0.4_f64.sin_cos(), 0.9_f64.sin_cos());
    let sign = if mirrored { -1.0 } else { 1.0 };
    let (i, j, k) = ([b * d, a * d, -c], [-a, b, 0.0], [b * c, a * c, d]);
    let row = |r: usize| [0.7 * sign * i[r], 1.1 * j[r], 2.5 * k[r], [10.0, -20.0, 30.0][r]];
    Geometry::from_affine([row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]]).unwrap()
}

/// Each edge twice, in opposite directions; the triangles around each vertex form one ring.
fn assert_manifold(surface: &Surface) {
    let mut edges: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let mut around: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
    for &[a, b, c] in surface.triangles() {
        for (x, y, z) in [(a, b, c), (b, c, a), (c, a, b)] {
            *edges.entry((x, y)).or_insert(0) += 1;
            assert!(around.entry(x).or_default().insert(y, z).is_none());
        }
    }
    for ((a, b), count) in &edges {
        assert_eq!((*count, edges.get(&(*b, *a))), (1, Some(&1)), "edge {a} {b}");
    }
    for (vertex, ring) in &around {
        let start = *ring.keys().next().unwrap();
        let (mut at, mut length) = (ring[&start], 1);
        while at != start {
            (at, length) = (ring[&at], length + 1);
        }
        assert_eq!(length, ring.len(), "vertex {vertex}");
    }
    assert_eq!(around.len(), surface.vertices().len());
    assert!(surface.is_closed());
    let euler = surface.vertices().len() as i64 - edges.len() as i64 / 2 + surface.triangles().len() as i64;
    assert_eq!(surface.euler_characteristic(), euler);
}

#[test]
fn random_masks_have_closed_manifold_surfaces_of_their_voxels() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for round in 0..60 {
        let density = [0.03, 0.2, 0.5, 0.8, 0.97][round % 5];
        let shape = std::array::from_fn::<usize, 3, _>(|_| rng.random_range(1..12));
        let data = Array3::from_shape_fn(shape, |_| rng.random_bool(density));
        let any = data.iter().any(|inside| *inside);
        let mask = Volume::new(data, oblique(round % 2 == 0));
        let surface = Surface::of_label(&mask, &true);
        assert_eq!(surface.is_ok(), any);
        if let Ok(surface) = surface {
            assert_manifold(&surface);
            assert!(surface.volume_mm3() > 0.0);
        }
    }
}

#[test]
fn every_block_of_eight_voxels_has_a_closed_surface() {
    for case in 1..256_usize {
        let data = Array3::from_shape_fn((2, 2, 2), |(d, h, w)| case >> (4 * d + 2 * h + w) & 1 == 1);
        assert_manifold(&Surface::of_label(&unit(data), &true).unwrap());
    }
}

/// Voxels inside are on the inner side of every ray's crossings: each voxel centre is enclosed if and only if it is of the
/// label.
#[test]
fn surfaces_enclose_the_centres_of_their_voxels_alone() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..10 {
        let mask = unit(Array3::from_shape_fn((5, 6, 7), |_| rng.random_bool(0.4)));
        let surface = Surface::of_label(&mask, &true).unwrap();
        for ((d, h, w), inside) in mask.data.indexed_iter() {
            // A ray along x that misses all vertices and edges, for these lie on multiples of a half.
            let (y, z) = (h as f64 + 0.013, d as f64 + 0.0047);
            let mut turns = 0;
            for triangle in surface.triangles() {
                let [a, b, c] = triangle.map(|vertex| surface.vertices()[vertex as usize]);
                let side = |p: [f64; 3], q: [f64; 3]| (q[1] - p[1]) * (z - p[2]) - (q[2] - p[2]) * (y - p[1]);
                let sides = [side(b, c), side(c, a), side(a, b)];
                if sides.iter().all(|side| *side > 0.0) || sides.iter().all(|side| *side < 0.0) {
                    let sum: f64 = sides.iter().sum();
                    let x = (sides[0] * a[0] + sides[1] * b[0] + sides[2] * c[0]) / sum;
                    if x > w as f64 {
                        turns += if sum > 0.0 { 1 } else { -1 };
                    }
                }
            }
            assert_eq!(turns, i32::from(*inside), "{d} {h} {w}");
        }
    }
}

#[test]
fn a_single_voxel_is_an_octahedron_wherever_it_lies() {
    for at in [[0, 0, 0], [2, 3, 1], [4, 3, 2]] {
        let mut data = Array3::from_elem((5, 4, 3), false);
        data[at] = true;
        for geometry in [oblique(false), oblique(true)] {
            let surface = Surface::of_label(&Volume::new(data.clone(), geometry.clone()), &true).unwrap();
            assert_eq!((surface.vertices().len(), surface.triangles().len()), (6, 8));
            assert!((surface.volume_mm3() - geometry.voxel_volume_mm3() / 6.0).abs() < 1e-9);
            let centre = geometry.voxel_to_world(Dhw::from(at.map(|v| v as f64)));
            let mean = |axis: usize| surface.vertices().iter().map(|vertex| vertex[axis]).sum::<f64>() / 6.0;
            assert!((0..3).all(|axis| (mean(axis) - centre[axis]).abs() < 1e-9));
        }
    }
}

#[test]
fn masks_that_fill_their_array_close_at_its_border() {
    let mask = Volume::new(Array3::from_elem((4, 5, 6), 1_u16), oblique(true));
    let surface = Surface::of_label(&mask, &1).unwrap();
    assert_manifold(&surface);
    // A box of 4 × 5 × 6 voxels whose edges and corners are bevelled by half a voxel.
    let voxel = mask.geometry.voxel_volume_mm3();
    let edges = 4.0 * ((3.0 + 4.0 + 5.0) / 8.0);
    let corners = 8.0 * (1.0 / 8.0 - 1.0 / 48.0);
    let wanted = (120.0 - edges - corners) * voxel;
    assert!((surface.volume_mm3() - wanted).abs() < 1e-9, "{} {wanted}", surface.volume_mm3());
}

#[test]
fn balls_have_the_volume_of_their_voxels_and_one_piece() {
    for (radius, part) in [(4.3, 0.04), (10.0, 0.006), (20.0, 0.002)] {
        let mask = ball(radius);
        let surface = Surface::of_label(&mask, &true).unwrap();
        assert_manifold(&surface);
        assert_eq!(surface.euler_characteristic(), 2);
        let off = surface.volume_mm3() / voxels(&mask) - 1.0;
        println!("radius {radius}: volume {off:+.5} of the voxels'");
        assert!(off.abs() < part, "{radius}: {off}");
    }
}

#[test]
fn shapes_are_counted_by_euler() {
    let torus = unit(Array3::from_shape_fn((11, 31, 31), |(d, h, w)| {
        let [z, y, x] = [d as f64 - 5.0, h as f64 - 15.0, w as f64 - 15.0];
        (x.hypot(y) - 10.0).hypot(z) <= 3.5
    }));
    assert_eq!(Surface::of_label(&torus, &true).unwrap().euler_characteristic(), 0);
    // A shell has a surface outside and one inside.
    let mut shell = ball(6.0);
    shell.data.slice_mut(s![6..9, 6..9, 6..9]).fill(false);
    let surface = Surface::of_label(&shell, &true).unwrap();
    assert_eq!(surface.euler_characteristic(), 4);
    assert!(surface.volume_mm3() < Surface::of_label(&ball(6.0), &true).unwrap().volume_mm3());
    // Voxels that touch at an edge or a corner are pieces of their own.
    let mut pair = Array3::from_elem((2, 2, 3), false);
    (pair[[0, 0, 0]], pair[[1, 1, 0]], pair[[0, 0, 1]]) = (true, true, true);
    assert_eq!(Surface::of_label(&unit(pair), &true).unwrap().euler_characteristic(), 4);
}

#[test]
fn each_label_has_its_own_surface_and_a_missing_one_is_an_error() {
    let mut data = Array3::<u8>::zeros((4, 4, 4));
    data.slice_mut(s![1..3, 1..3, ..2]).fill(2);
    data.slice_mut(s![1..3, 1..3, 2..]).fill(5);
    let mask = Volume::new(data, oblique(false));
    let [two, five] = [2, 5].map(|label| Surface::of_label(&mask, &label).unwrap());
    assert!((two.volume_mm3() - five.volume_mm3()).abs() < 1e-9);
    assert_ne!(two.vertices(), five.vertices());
    assert!(matches!(Surface::of_label(&mask, &3), Err(SurfaceError::Empty)));
    let none = Volume::new(Array3::<u8>::zeros((0, 4, 4)), oblique(false));
    assert!(matches!(Surface::of_label(&none, &0), Err(SurfaceError::Empty)));
}
