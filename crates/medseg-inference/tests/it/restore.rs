//! Masks brought back to the grid they came from.

use medseg_inference::{BeyondMask, Dhw, InferenceError, LabelInterpolation, restore_labels};
use medseg_testing::Golden;
use medseg_volume::{Axes, Geometry, Orientation, Volume};
use ndarray::Array3;
use proptest::prelude::*;

const HOW: [(LabelInterpolation, BeyondMask); 4] = [
    (LabelInterpolation::Nearest, BeyondMask::Background),
    (LabelInterpolation::Nearest, BeyondMask::Border),
    (LabelInterpolation::Linear, BeyondMask::Background),
    (LabelInterpolation::Linear, BeyondMask::Border),
];

/// The 48 orientations.
fn orientations() -> Vec<Orientation> {
    let pairs = [["L", "R"], ["P", "A"], ["I", "S"]];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let code = |order: [usize; 3], signs: usize| (0..3).map(|n| pairs[order[n]][signs >> n & 1]).collect::<String>();
    orders.into_iter().flat_map(|order| (0..8).map(move |signs| code(order, signs).parse().unwrap())).collect()
}

/// Oblique, anisotropic, first voxel away from the origin; axes closest to RAS.
fn oblique() -> Geometry {
    Geometry::from_affine(medseg_testing::oblique_affine()).unwrap()
}

fn labels(shape: Dhw<usize>) -> Array3<u8> {
    Array3::from_shape_fn((shape.d, shape.h, shape.w), |(z, y, x)| ((z * 7 + y * 5 + x * 3) % 11) as u8)
}

#[test]
fn turned_axes_come_back_exactly_from_all_48_orientations() {
    let shape = Dhw { d: 3, h: 4, w: 5 };
    for orientation in orientations() {
        let change = Axes::between(Orientation::RAS, orientation);
        let input = Volume::new(labels(change.permuted(shape)), oblique().reoriented(shape, &change));
        assert_eq!(input.geometry.orientation(), orientation);
        let ras = input.reoriented(Orientation::RAS);
        for (interpolation, beyond) in HOW {
            let back = restore_labels(&ras, input.shape(), &input.geometry, interpolation, beyond).unwrap();
            assert_eq!(back, input, "{orientation}");
        }
    }
}

#[test]
fn a_part_comes_back_to_its_place_and_padding_goes() {
    let whole = Volume::new(labels(Dhw { d: 6, h: 7, w: 8 }), oblique());
    // Two planes cut off below, a row of padding, the last columns cut off.
    let start = Dhw { d: 2, h: -1, w: 0 };
    let part = Array3::from_shape_fn((4, 9, 5), |(z, y, x)| {
        y.checked_sub(1).and_then(|y| whole.data.get((z + 2, y, x))).copied().unwrap_or(0)
    });
    let part = Volume::new(part, whole.geometry.cropped(start));
    for (interpolation, _) in HOW {
        let beyond = BeyondMask::Background;
        let back = restore_labels(&part, whole.shape(), &whole.geometry, interpolation, beyond).unwrap();
        let inside = |(z, _, x): (usize, usize, usize)| z >= 2 && x < 5;
        for (at, label) in whole.data.indexed_iter() {
            assert_eq!(back.data[at], if inside(at) { *label } else { 0 }, "{at:?}");
        }
    }
    let border = restore_labels(&part, whole.shape(), &whole.geometry, HOW[1].0, HOW[1].1).unwrap();
    assert_eq!((border.data[[0, 3, 2]], border.data[[5, 3, 7]]), (whole.data[[2, 3, 2]], whole.data[[5, 3, 4]]));
}

#[test]
fn a_ball_drawn_on_a_coarse_grid_is_smoother_by_the_linear_way() {
    let (small, large) = (Dhw::splat(12), Dhw { d: 48, h: 60, w: 36 });
    let fine = Geometry::from_spacing(Dhw { d: 1.0, h: 0.8, w: 4.0 / 3.0 }).unwrap();
    let coarse = fine.resized(large, small);
    let ball = |shape: Dhw<usize>, geometry: &Geometry| {
        Array3::from_shape_fn((shape.d, shape.h, shape.w), |(z, y, x)| {
            let at = geometry.voxel_to_world(Dhw { d: z as f64, h: y as f64, w: x as f64 });
            u8::from(at.iter().map(|v| (v - 23.5).powi(2)).sum::<f64>() <= 14.0_f64.powi(2))
        })
    };
    let (truth, mask) = (ball(large, &fine), Volume::new(ball(small, &coarse), coarse.clone()));
    let wrong = |how: LabelInterpolation| {
        let back = restore_labels(&mask, large, &fine, how, BeyondMask::Border).unwrap();
        back.data.iter().zip(&truth).filter(|(a, b)| a != b).count() as f64
            / truth.iter().filter(|v| **v == 1).count() as f64
    };
    let [nearest, linear] = [LabelInterpolation::Nearest, LabelInterpolation::Linear].map(wrong);
    assert!(linear < 0.9 * nearest && linear < 0.2, "{linear} of {nearest}");
}

#[test]
fn grids_that_are_not_parallel_are_refused_and_empty_ones_give_background() {
    let straight = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    let mask = Volume::new(Array3::<u8>::ones((4, 4, 4)), straight);
    let (how, beyond) = HOW[0];
    let error = restore_labels(&mask, Dhw::splat(4), &oblique(), how, beyond).unwrap_err();
    assert!(matches!(error, InferenceError::Grids { .. }), "{error}");
    let empty = Volume::new(Array3::<u8>::zeros((0, 4, 4)), mask.geometry.clone());
    for (how, beyond) in HOW {
        let back = restore_labels(&empty, Dhw::splat(2), &mask.geometry, how, beyond).unwrap();
        assert_eq!(back.data, Array3::<u8>::zeros((2, 2, 2)));
        let none = restore_labels(&mask, Dhw { d: 0, h: 1, w: 2 }, &mask.geometry, how, beyond).unwrap();
        assert_eq!(none.data.dim(), (0, 1, 2));
    }
}

#[test]
fn a_single_slice_keeps_its_thickness() {
    let fine = Geometry::from_spacing(Dhw { d: 10.0, h: 1.0, w: 1.0 }).unwrap();
    let (from, to) = (Dhw { d: 1, h: 8, w: 8 }, Dhw { d: 1, h: 4, w: 4 });
    let mask = Volume::new(Array3::<u8>::ones((1, 4, 4)), fine.resized(from, to));
    for (how, beyond) in HOW {
        assert_eq!(
            restore_labels(&mask, from, &fine, how, beyond).unwrap().data.iter().filter(|v| **v == 1).count(),
            64
        );
    }
}

/// A mask of a golden case, whose axes are (i, j, k), on the grid of an affine.
fn golden_volume(golden: &Golden, name: &str, affine: &str) -> Volume<u8> {
    let lengths = &golden.tensor(name).shape;
    let [i, j, k] = lengths[lengths.len() - 3..] else { panic!("three lengths") };
    let data = Array3::from_shape_vec((i, j, k), golden.tensor(name).u8()).unwrap().reversed_axes();
    let rows: Vec<f64> = golden.tensor(affine).values.clone();
    let affine = std::array::from_fn(|r| std::array::from_fn(|c| rows[4 * r + c]));
    Volume::new(data.as_standard_layout().into_owned(), Geometry::from_affine(affine).unwrap())
}

/// MONAI's `Invertd` with the nearest label: what was cut off is background, what the coarser grid does not reach is its
/// border.
#[test]
fn masks_come_back_as_monai_inverts_its_transforms() {
    let cases = Golden::all("invert");
    assert_eq!(cases.len(), 2);
    for golden in cases {
        let steps = golden.params["steps"].as_array().unwrap().len();
        let mut mask = golden_volume(&golden, "pred", &format!("stage_{}_affine", steps - 1));
        if steps == 4 {
            let spaced = golden_volume(&golden, "stage_1", "stage_1_affine");
            let (how, beyond) = HOW[0];
            mask = restore_labels(&mask, spaced.shape(), &spaced.geometry, how, beyond).unwrap();
        }
        let input = golden_volume(&golden, "expected", "affine");
        let (how, beyond) = HOW[1];
        let restored = restore_labels(&mask, input.shape(), &input.geometry, how, beyond).unwrap();
        assert_eq!(restored.data, input.data, "{}", golden.name);
    }
}

/// The rule word by word: trilinear weights of the eight voxels around, largest sum, lowest label on a tie.
fn naive(mask: &Volume<u8>, shape: Dhw<usize>, geometry: &Geometry) -> Array3<u8> {
    let lengths = mask.shape().to_array();
    let mut labels = Array3::zeros((shape.d, shape.h, shape.w));
    for ((z, y, x), to) in labels.indexed_iter_mut() {
        let world = geometry.voxel_to_world(Dhw { d: z as f64, h: y as f64, w: x as f64 });
        let at = mask.geometry.world_to_voxel(world).to_array();
        let at: [f64; 3] = std::array::from_fn(|a| at[a].clamp(0.0, lengths[a] as f64 - 1.0));
        let mut weights = [0.0; 256];
        for corner in 0..8_usize {
            let index: [usize; 3] = std::array::from_fn(|a| (at[a] as usize + (corner >> a & 1)).min(lengths[a] - 1));
            let part = |a: usize| if corner >> a & 1 == 1 { at[a].fract() } else { 1.0 - at[a].fract() };
            weights[usize::from(mask.data[index])] += part(0) * part(1) * part(2);
        }
        let best = (0..256).fold(0, |best, n| if weights[n] > weights[best] + 1e-6 { n } else { best });
        let second = (0..256).filter(|n| *n != best).map(|n| weights[n]).fold(0.0, f64::max);
        // Near ties are decided by rounding: they are left out below.
        *to = if weights[best] - second < 1e-4 { 255 } else { best as u8 };
    }
    labels
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn linear_labels_are_those_of_the_largest_indicator(
        from in (1_usize..6, 1_usize..6, 1_usize..6),
        to in (1_usize..9, 1_usize..9, 1_usize..9),
        values in proptest::collection::vec(0_u8..4, 216),
        orientation in 0_usize..48,
    ) {
        let (from, to) = (Dhw::from(from), Dhw::from(to));
        let change = Axes::between(Orientation::RAS, orientations()[orientation]);
        let target = oblique().reoriented(to, &change);
        let geometry = oblique().resized(to, from);
        let data = Array3::from_shape_fn((from.d, from.h, from.w), |(z, y, x)| values[(z * from.h + y) * from.w + x]);
        let mask = Volume::new(data, geometry);
        let shape = change.permuted(to);
        let got = restore_labels(&mask, shape, &target, LabelInterpolation::Linear, BeyondMask::Border).unwrap();
        let want = naive(&mask, shape, &target);
        for (got, want) in got.data.iter().zip(&want) {
            prop_assert!(*want == 255 || got == want, "{} instead of {}", got, want);
        }
    }

    #[test]
    fn nearest_labels_are_those_of_resize_nearest_exact(
        from in (1_usize..9, 1_usize..9, 1_usize..9),
        to in (1_usize..9, 1_usize..9, 1_usize..9),
    ) {
        let (from, to) = (Dhw::from(from), Dhw::from(to));
        let mask = Volume::new(labels(from), oblique().resized(to, from));
        let want = medseg_transforms::resize_nearest_exact(&mask.data.view(), to);
        for beyond in [BeyondMask::Background, BeyondMask::Border] {
            let got = restore_labels(&mask, to, &oblique(), LabelInterpolation::Nearest, beyond).unwrap();
            prop_assert_eq!(&got.data, &want);
        }
    }
}
