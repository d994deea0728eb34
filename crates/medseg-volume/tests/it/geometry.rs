//! Voxels and millimetres on grids of any rotation, shear and spacing.

use medseg_volume::{Axes, Dhw, Geometry, Orientation};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The linear part's axis code as nibabel 5.4.2 gives it, on grids far from any axis.
const NIBABEL: [(&str, [[f64; 3]; 3]); 12] = [
    ("ILA", [[-1.57, -1.03, -0.77], [-0.44, -1.14, 0.84], [-2.1, 0.82, 0.43]]),
    ("LPS", [[-1.28, -0.87, -1.24], [1.56, -1.08, 0.23], [-1.02, -0.62, 1.46]]),
    ("LPS", [[-0.46, -0.94, -0.74], [0.42, -0.88, -0.76], [-0.25, -1.13, 1.11]]),
    ("LSA", [[-1.17, 0.41, -1.26], [-1.24, 0.17, 2.13], [0.78, 0.56, 1.24]]),
    ("LPS", [[-2.45, 0.76, 0.24], [-1.48, -1.21, -0.57], [0.46, -1.44, 0.71]]),
    ("LSA", [[-1.07, 1.54, -1.67], [-1.24, -0.14, 2.18], [0.95, 2.18, 0.81]]),
    ("ALS", [[-0.71, -0.67, 0.63], [1.55, -0.53, -0.74], [1.6, 0.04, 1.0]]),
    ("ALS", [[-0.43, -1.35, 0.88], [0.73, -1.13, 0.44], [0.13, 1.77, 1.17]]),
    ("LSA", [[-1.01, 1.61, -1.31], [-1.22, 0.05, 1.94], [0.89, 2.04, 1.07]]),
    ("SLP", [[-0.3, -0.58, 0.44], [0.57, -0.13, -0.96], [0.85, -0.07, 1.23]]),
    ("PRS", [[-0.44, 0.58, -0.48], [-0.58, -0.18, 0.28], [-0.05, 0.69, 0.96]]),
    ("ALS", [[-0.19, -0.79, -0.34], [0.56, -0.33, 0.57], [-0.37, -0.12, 0.82]]),
];

fn geometry(linear: [[f64; 3]; 3], origin: [f64; 3]) -> Geometry {
    let row = |r: usize| [linear[r][0], linear[r][1], linear[r][2], origin[r]];
    Geometry::from_affine([row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]]).unwrap()
}

/// A grid of random direction, spacing and origin.
fn random(rng: &mut ChaCha8Rng) -> Geometry {
    // A unit quaternion's rotation.
    let [a, b, c, d]: [f64; 4] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
    let n = 2.0 / (a * a + b * b + c * c + d * d);
    let rotation = [
        [1.0 - n * (c * c + d * d), n * (b * c - a * d), n * (b * d + a * c)],
        [n * (b * c + a * d), 1.0 - n * (b * b + d * d), n * (c * d - a * b)],
        [n * (b * d - a * c), n * (c * d + a * b), 1.0 - n * (b * b + c * c)],
    ];
    let spacing: [f64; 3] = std::array::from_fn(|_| rng.random_range(0.3..6.0));
    let origin = std::array::from_fn(|_| rng.random_range(-300.0..300.0));
    geometry(rotation.map(|row| std::array::from_fn(|c| row[c] * spacing[c])), origin)
}

fn near(a: [f64; 3], b: [f64; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
}

#[test]
fn the_orientation_of_a_strongly_oblique_grid_is_nibabels() {
    for (code, linear) in NIBABEL {
        assert_eq!(geometry(linear, [0.0; 3]).orientation().to_string(), code, "{linear:?}");
    }
}

#[test]
fn any_grid_turned_to_an_orientation_has_it() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..500 {
        let grid = random(&mut rng);
        for code in ["RAS", "LPS", "SLP", "AIR"] {
            let to: Orientation = code.parse().unwrap();
            let turned = grid.reoriented(Dhw::from([4, 5, 6]), &Axes::between(grid.orientation(), to));
            assert_eq!(turned.orientation(), to, "{:?}", grid.affine());
        }
    }
}

#[test]
fn voxels_and_millimetres_are_inverse() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..500 {
        let grid = random(&mut rng);
        let voxel: Dhw<f64> = Dhw::from(std::array::from_fn(|_| rng.random_range(-600.0..600.0)));
        let world = grid.voxel_to_world(voxel);
        assert!(near(grid.world_to_voxel(world).to_array(), voxel.to_array()), "{:?}", grid.affine());
        assert!(near(grid.voxel_to_world(grid.world_to_voxel(world)), world), "{:?}", grid.affine());
    }
}

#[test]
fn a_part_and_another_resolution_keep_the_places() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..500 {
        let grid = random(&mut rng);
        let start: Dhw<isize> = Dhw::from(std::array::from_fn(|_| rng.random_range(-20i16..20).into()));
        let part = grid.cropped(start);
        assert!(near(part.voxel_to_world(Dhw::splat(0.0)), grid.voxel_to_world(start.map(|v| v as f64))));
        assert!(near(
            part.cropped(start.map(|v| -v)).voxel_to_world(Dhw::splat(7.0)),
            grid.voxel_to_world(Dhw::splat(7.0))
        ));
        let mut shape = || Dhw::from(std::array::from_fn(|_| rng.random_range(1usize..200)));
        let (from, to) = (shape(), shape());
        let resized = grid.resized(from, to);
        // Both outer corners stay: half a voxel before the first centre and half a voxel after the last.
        let far = |shape: Dhw<usize>| shape.map(|n| n as f64 - 0.5);
        assert!(near(resized.voxel_to_world(Dhw::splat(-0.5)), grid.voxel_to_world(Dhw::splat(-0.5))));
        assert!(near(resized.voxel_to_world(far(to)), grid.voxel_to_world(far(from))));
        assert!(near(resized.world_to_voxel(grid.voxel_to_world(far(from))).to_array(), far(to).to_array()));
    }
}

#[test]
fn a_shape_without_voxels_gives_no_broken_geometry() {
    let grid = Geometry::from_spacing(Dhw::splat(2.0)).unwrap();
    for (from, to) in [(0, 4), (4, 0), (0, 0)] {
        let resized = grid.resized(Dhw::splat(from), Dhw::splat(to));
        assert!(Geometry::from_affine(resized.affine()).is_ok(), "{from} to {to}");
    }
}

#[test]
fn the_number_of_voxels_saturates() {
    assert_eq!(Dhw::from([2, 3, 4]).voxels(), 24);
    for huge in [[usize::MAX, 2, 1], [1, usize::MAX, 2], [usize::MAX, usize::MAX, usize::MAX]] {
        assert_eq!(Dhw::from(huge).voxels(), usize::MAX);
    }
}
