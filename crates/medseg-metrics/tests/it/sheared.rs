//! Grids whose axes are not perpendicular, against the definition.

use medseg_metrics::{
    CaseMetrics, Dhw, DistanceMetric, MetricsError, SurfaceDistances, VoxelGrid, confusion, distance_transform,
    mask_surface,
};
use medseg_volume::Geometry;
use ndarray::{Array3, s};
use proptest::prelude::*;

use crate::oracle::{mask, naive_scores, pair, sorted, voxels};

type Vectors = [[f64; 3]; 3];

/// Slices 3 mm apart along z, shifted by a gantry tilt of 25 degrees; voxels of 2 × 2 mm in the slice.
const TILTED: Vectors = [[0.0, 3.0 * 0.466_307_658_154_998_6, 3.0], [0.0, 2.0, 0.0], [2.0, 0.0, 0.0]];

fn sheared() -> impl Strategy<Value = Vectors> {
    let vector = || prop::array::uniform3(-4.0..4.0_f64);
    let any = prop::array::uniform3(vector());
    // A gantry tilt, also of many voxels a slice.
    let tilt = (0.5..5.0_f64, -9.0..9.0_f64, 0.3..2.0_f64, 0.3..2.0_f64)
        .prop_map(|(slice, shift, h, w)| [[0.0, shift, slice], [0.0, h, 0.0], [w, 0.0, 0.0]]);
    prop_oneof![any, tilt].prop_filter("axes at an angle", |vectors| {
        VoxelGrid::from_vectors(*vectors).is_ok_and(|grid| {
            let box_volume: f64 = <[f64; 3]>::from(grid.spacing()).iter().product();
            !grid.is_perpendicular() && grid.voxel_volume_mm3() > 1e-3 * box_volume
        })
    })
}

/// A rotation about a random axis (quaternion).
fn rotation() -> impl Strategy<Value = Vectors> {
    prop::array::uniform4(-1.0..1.0_f64).prop_filter("a direction", |q| q.iter().any(|x| x.abs() > 0.1)).prop_map(|q| {
        let norm = q.iter().map(|x| x * x).sum::<f64>().sqrt();
        let [w, x, y, z] = q.map(|v| v / norm);
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ]
    })
}

fn rotated(vectors: Vectors, rotation: Vectors) -> VoxelGrid {
    let turn = |v: [f64; 3]| rotation.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);
    VoxelGrid::from_vectors(vectors.map(turn)).unwrap()
}

/// Length in mm of the step between two voxels: the sum of the vectors, each as often as its index differs.
fn distance(a: [usize; 3], b: [usize; 3], vectors: Vectors) -> f64 {
    let mm = |i: usize| (0..3).map(|axis| (a[axis] as f64 - b[axis] as f64) * vectors[axis][i]).sum::<f64>();
    (0..3).map(|i| mm(i).powi(2)).sum::<f64>().sqrt()
}

fn nearest(from: [usize; 3], to: &[[usize; 3]], vectors: Vectors) -> f64 {
    to.iter().map(|b| distance(from, *b, vectors)).fold(f64::INFINITY, f64::min)
}

fn close(got: f64, want: f64) -> bool {
    got == want || (got - want).abs() <= 1e-11 * want.abs().max(1.0)
}

fn all_close(got: &[f64], want: &[f64]) -> bool {
    got.len() == want.len() && got.iter().zip(want).all(|(g, w)| close(*g, *w))
}

fn bits(distances: &SurfaceDistances) -> Vec<u64> {
    let both = distances.predicted_to_reference().iter().chain(distances.reference_to_predicted());
    both.map(|d| d.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn distance_transform_is_exact((features, _) in pair(), vectors in sheared()) {
        let grid = VoxelGrid::from_vectors(vectors).unwrap();
        let places = voxels(features.view());
        for ((d, h, w), &got) in distance_transform(features.view(), grid).unwrap().indexed_iter() {
            let want = nearest([d, h, w], &places, vectors);
            prop_assert!(close(got, want), "at {:?}: {} instead of {}", (d, h, w), got, want);
        }
    }

    #[test]
    fn scores_are_exact((a, b) in pair(), vectors in sheared(), tolerance in 0.0..6.0_f64) {
        let grid = VoxelGrid::from_vectors(vectors).unwrap();
        let got = SurfaceDistances::new(a.view(), b.view(), grid).unwrap();
        let [p, r] = [&a, &b].map(|mask| voxels(mask_surface(mask.view()).view()));
        let want = |from: &[[usize; 3]], to: &[[usize; 3]]| {
            sorted(from.iter().map(|v| nearest(*v, to, vectors)).collect())
        };
        if p.is_empty() || r.is_empty() {
            let unreachable = vec![f64::INFINITY; p.len() + r.len()];
            prop_assert_eq!(got.predicted_to_reference(), &unreachable);
            prop_assert_eq!(got.reference_to_predicted(), &unreachable);
        } else {
            let (forward, back) = (want(&p, &r), want(&r, &p));
            prop_assert!(all_close(&sorted(got.predicted_to_reference().to_vec()), &forward));
            prop_assert!(all_close(&sorted(got.reference_to_predicted().to_vec()), &back));
            let row = CaseMetrics::evaluate(a.view(), b.view(), grid, tolerance).unwrap();
            let row = [row.hd_mm, row.hd95_mm, row.assd_mm, row.surface_dice];
            prop_assert!(all_close(&row, &naive_scores(&forward, &back, tolerance)));
        }
        let counts = confusion(a.view(), b.view()).unwrap();
        let ml = counts.predicted() as f64 * grid.voxel_volume_mm3() / 1000.0;
        prop_assert!(close(counts.volume_ml_predicted(grid).unwrap(), ml));
        let difference = (counts.predicted() as f64 - counts.reference() as f64) * grid.voxel_volume_mm3() / 1000.0;
        prop_assert!(close(counts.volume_difference_ml(grid).unwrap(), difference));
    }

    #[test]
    fn a_rotation_changes_nothing((a, b) in pair(), vectors in sheared(), turn in rotation()) {
        let (grid, turned) = (VoxelGrid::from_vectors(vectors).unwrap(), rotated(vectors, turn));
        prop_assert!(close(grid.voxel_volume_mm3(), turned.voxel_volume_mm3()));
        let [one, two] = [grid, turned].map(|grid| SurfaceDistances::new(a.view(), b.view(), grid).unwrap());
        prop_assert!(all_close(one.predicted_to_reference(), two.predicted_to_reference()));
        prop_assert!(all_close(one.reference_to_predicted(), two.reference_to_predicted()));
    }

    #[test]
    fn a_shear_of_0_is_the_spacing_bit_for_bit((a, b) in pair(), mm in prop::array::uniform3(0.1..8.0_f64), flip in 0..3_usize) {
        let spacing = Dhw::from(mm);
        let mut vectors = [[0.0, 0.0, mm[0]], [0.0, mm[1], 0.0], [mm[2], 0.0, 0.0]];
        vectors[flip] = vectors[flip].map(|x| -x);
        let grid = VoxelGrid::from_vectors(vectors).unwrap();
        prop_assert!(grid.is_perpendicular());
        prop_assert_eq!(grid.spacing(), spacing);
        let one = SurfaceDistances::new(a.view(), b.view(), grid).unwrap();
        let two = SurfaceDistances::new(a.view(), b.view(), spacing).unwrap();
        prop_assert_eq!(bits(&one), bits(&two));
        prop_assert_eq!(distance_transform(a.view(), grid).unwrap(), distance_transform(a.view(), spacing).unwrap());
        let counts = confusion(a.view(), b.view()).unwrap();
        prop_assert_eq!(counts.volume_ml_predicted(grid), counts.volume_ml_predicted(spacing));
    }

    #[test]
    fn a_small_shear_agrees_with_the_spacing_it_is_taken_for((a, b) in pair(), mm in prop::array::uniform3(0.5..5.0_f64)) {
        // Just beyond the tolerance the exact way begins: the two must meet.
        let vectors = [[0.0, 1.1e-4 * mm[0], mm[0]], [0.0, mm[1], 0.0], [mm[2], 0.0, 0.0]];
        let grid = VoxelGrid::from_vectors(vectors).unwrap();
        prop_assert!(!grid.is_perpendicular());
        let exact = SurfaceDistances::new(a.view(), b.view(), grid).unwrap();
        let taken = SurfaceDistances::new(a.view(), b.view(), Dhw::from(mm)).unwrap();
        let pairs = exact.predicted_to_reference().iter().zip(taken.predicted_to_reference());
        prop_assert!(pairs.into_iter().all(|(e, t)| e == t || (e - t).abs() <= 1.2e-4 * t));
    }

    #[test]
    fn flat_volumes_and_lines_are_exact((features, vectors) in (1..40_usize, 0..3_usize).prop_flat_map(|(long, axis)| {
        let mut shape = [long, long, long];
        shape[axis] = 1;
        (mask((shape[0], shape[1], shape[2])), sheared())
    })) {
        let grid = VoxelGrid::from_vectors(vectors).unwrap();
        let places = voxels(features.view());
        prop_assume!(places.len() < 300);
        for ((d, h, w), &got) in distance_transform(features.view(), grid).unwrap().indexed_iter() {
            prop_assert!(close(got, nearest([d, h, w], &places, vectors)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn features_inside_a_mask_are_left_out_rightly(
        holes in prop::collection::vec((0..10_usize, 0..24_usize, 0..10_usize), 1..20),
        vectors in sheared(),
    ) {
        let mut features = Array3::<u8>::ones((10, 24, 10));
        holes.iter().for_each(|at| features[*at] = 0);
        let grid = VoxelGrid::from_vectors(vectors).unwrap();
        let (got, places) = (distance_transform(features.view(), grid).unwrap(), voxels(features.view()));
        for (d, h, w) in holes {
            prop_assert!(close(got[[d, h, w]], nearest([d, h, w], &places, vectors)));
        }
    }
}

#[test]
fn a_gantry_tilt_of_25_degrees_has_the_volumes_and_distances_of_its_affine() {
    let grid = VoxelGrid::from_vectors(TILTED).unwrap();
    let mut label = Array3::<u8>::zeros((24, 32, 32));
    label.slice_mut(s![4..20, 5..15, 7..17]).fill(1);
    label.as_slice_mut().unwrap().iter_mut().filter(|v| **v != 0).skip(1522).for_each(|v| *v = 0);
    let row = CaseMetrics::evaluate(label.view(), label.view(), grid, 1.0).unwrap();
    assert!((row.volume_ml_predicted - 18.264).abs() < 1e-9 && (row.volume_ml_reference - 18.264).abs() < 1e-9);
    assert_eq!((row.hd_mm, row.assd_mm, row.surface_dice), (0.0, 0.0, 1.0));

    let (mut a, mut b) = (Array3::<u8>::zeros((40, 40, 40)), Array3::<u8>::zeros((40, 40, 40)));
    (a[[20, 20, 20]], b[[17, 24, 20]]) = (1, 1);
    let row = CaseMetrics::evaluate(a.view(), b.view(), grid, 9.8).unwrap();
    let want = (4.0 * 2.0 - 3.0 * TILTED[0][1]).hypot(9.0);
    for got in [row.hd_mm, row.hd95_mm, row.assd_mm] {
        assert!((got - want).abs() < 1e-12 && (got - 9.77).abs() < 0.005, "{got}");
    }
    assert_eq!(row.surface_dice, 1.0);
    // The lengths of the axes alone would give 12.75 mm.
    assert!(SurfaceDistances::new(a.view(), b.view(), grid.spacing()).unwrap().hausdorff() > 12.7);
}

#[test]
fn a_geometry_gives_its_columns_in_the_order_of_arrays() {
    let affine = [[-2.0, 0.0, 0.0, 30.0], [0.0, -1.5, 1.4, 40.0], [0.0, 0.0, 3.0, -50.0], [0.0, 0.0, 0.0, 1.0]];
    let geometry = Geometry::from_affine(affine).unwrap();
    let grid = VoxelGrid::from(&geometry);
    assert_eq!(grid.vectors(), [[0.0, 1.4, 3.0], [0.0, -1.5, 0.0], [-2.0, 0.0, 0.0]]);
    assert_eq!(grid, VoxelGrid::from_vectors(grid.vectors()).unwrap());
    assert_eq!((grid.spacing(), grid.voxel_volume_mm3()), (geometry.spacing(), geometry.voxel_volume_mm3()));
}

#[test]
fn an_oblique_scan_rounded_to_f32_keeps_the_scores_of_its_spacing() {
    // Direction cosines of a scan turned about two axes, as a header in f32 holds them.
    let (x, y) = (0.3_f64, -0.4_f64);
    let turn = [
        [y.cos(), x.sin() * y.sin(), x.cos() * y.sin()],
        [0.0, x.cos(), -x.sin()],
        [-y.sin(), x.sin() * y.cos(), x.cos() * y.cos()],
    ];
    let mm = [3.0, 0.7, 0.7];
    let column = |c: usize| std::array::from_fn(|row| f64::from((turn[row][c] * mm[2 - c]) as f32));
    let grid = VoxelGrid::from_vectors([column(2), column(1), column(0)]).unwrap();
    assert!(grid.is_perpendicular());
    let (mut a, mut b) = (Array3::<u8>::zeros((9, 20, 20)), Array3::<u8>::zeros((9, 20, 20)));
    a.slice_mut(s![2..7, 4..15, 5..14]).fill(1);
    b.slice_mut(s![3..8, 3..12, 6..17]).fill(1);
    let one = SurfaceDistances::new(a.view(), b.view(), grid).unwrap();
    let two = SurfaceDistances::new(a.view(), b.view(), grid.spacing()).unwrap();
    assert_eq!(bits(&one), bits(&two));
}

#[test]
fn steps_in_voxels_do_not_depend_on_the_grid() {
    let (mut a, mut b) = (Array3::<u8>::zeros((4, 5, 6)), Array3::<u8>::zeros((4, 5, 6)));
    (a[[0, 0, 0]], b[[3, 2, 1]]) = (1, 1);
    let grid = VoxelGrid::from_vectors(TILTED).unwrap();
    for (metric, steps) in [(DistanceMetric::Chessboard, 3.0), (DistanceMetric::Taxicab, 6.0)] {
        let distances = SurfaceDistances::with_metric(a.view(), b.view(), grid, metric).unwrap();
        assert_eq!(distances.hausdorff(), steps);
    }
}

#[test]
fn one_voxel_and_no_voxels_have_distances() {
    let grid = VoxelGrid::from_vectors(TILTED).unwrap();
    let none = Array3::<u8>::zeros((2, 3, 4));
    assert!(distance_transform(none.view(), grid).unwrap().iter().all(|d| *d == f64::INFINITY));
    assert_eq!(distance_transform(Array3::<u8>::ones((1, 1, 1)).view(), grid).unwrap()[[0, 0, 0]], 0.0);
    for shape in [(0, 3, 4), (2, 0, 4), (2, 3, 0)] {
        assert!(distance_transform(Array3::<u8>::zeros(shape).view(), grid).unwrap().is_empty());
    }
    assert!(SurfaceDistances::new(none.view(), none.view(), grid).unwrap().hausdorff().is_nan());
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let ball = |centre| medseg_testing::ball([36, 44, 50], centre, 17.0);
    let (a, b) = (ball([14.0, 20.0, 20.0]), ball([15.0, 18.0, 29.0]));
    let grid = VoxelGrid::from_vectors(TILTED).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let distances = SurfaceDistances::new(a.view(), b.view(), grid).unwrap();
            (bits(&distances), distance_transform(a.view(), grid).unwrap())
        })
    };
    assert_eq!(run(1), run(5));
}

#[test]
fn vectors_that_span_no_grid_are_errors_that_show_them() {
    let (d, h, w) = (TILTED[0], TILTED[1], TILTED[2]);
    let plane = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [5.0, 7.0, 9.0]];
    for vectors in [
        [[0.0; 3], h, w],
        [d, [0.0, f64::NAN, 0.0], w],
        [d, h, [f64::INFINITY, 0.0, 0.0]],
        [d, h, h],
        [d, [1e-200, 0.0, 0.0], w],
        [[1e300, 1.0, 0.0], h, w],
        plane,
    ] {
        let error = VoxelGrid::from_vectors(vectors).unwrap_err();
        assert!(matches!(error, MetricsError::InvalidGrid(_)), "{error}");
        assert!(error.to_string().contains(&format!("{vectors:?}")));
    }
    let mask = Array3::<u8>::ones((2, 2, 2));
    for mm in [0.0, -1.0, f64::NAN] {
        let spacing = Dhw::from([1.0, mm, 1.0]);
        let grid = VoxelGrid::from(spacing);
        assert!(matches!(distance_transform(mask.view(), grid), Err(MetricsError::InvalidSpacing(_))));
        let counts = confusion(mask.view(), mask.view()).unwrap();
        assert!(matches!(counts.volume_ml_reference(grid), Err(MetricsError::InvalidSpacing(_))));
    }
}

#[test]
fn a_grid_is_checked_when_it_is_read() {
    let grid = VoxelGrid::from_vectors(TILTED).unwrap();
    let json = serde_json::to_string(&grid).unwrap();
    assert_eq!(serde_json::from_str::<VoxelGrid>(&json).unwrap(), grid);
    let flat = serde_json::from_str::<VoxelGrid>("[[1,0,0],[0,1,0],[1,1,0]]").unwrap_err();
    assert!(flat.to_string().contains("not in one plane"), "{flat}");
    let spacing = VoxelGrid::from(Dhw::from([2.5, 0.7, 0.8]));
    assert_eq!(serde_json::from_str::<VoxelGrid>(&serde_json::to_string(&spacing).unwrap()).unwrap(), spacing);
}
