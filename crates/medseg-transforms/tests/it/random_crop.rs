//! Random crops: inside the volume, centred where asked, reproducible; what cannot be drawn is an error.

use medseg_transforms::{CropDraw, RandCropByPosNegLabel, TransformError};
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn crops(size: Dhw<usize>, pos: f32, neg: f32, samples: usize) -> RandCropByPosNegLabel {
    RandCropByPosNegLabel { size, pos, neg, samples, by_class: false }
}

fn triple(rng: &mut ChaCha8Rng, range: std::ops::Range<u16>) -> Dhw<usize> {
    Dhw::from(std::array::from_fn(|_| rng.random_range(range.clone()).into()))
}

#[test]
fn every_crop_lies_in_the_volume() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..300 {
        let shape = triple(&mut rng, 1..12);
        let size = shape.map(|length| rng.random_range(1..=length as u64) as usize);
        let label = Array3::from_shape_simple_fn(shape.to_array(), || u8::from(rng.random_bool(0.2)));
        let crops = crops(size, 2.0, 1.0, 20);
        for region in crops.sample(&crops.index(&label.view()), &mut rng).unwrap() {
            assert_eq!(region.size, size);
            assert_eq!(region.clipped(shape), region, "a crop of {size} in {shape}");
        }
    }
}

#[test]
fn every_place_of_a_crop_can_be_drawn() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (shape, size) = (Dhw::from([5, 6, 4]), Dhw::from([2, 3, 4]));
    let crops = crops(size, 0.0, 1.0, 5000);
    let index = crops.index(&Array3::zeros(shape.to_array()).view());
    let starts: std::collections::HashSet<_> =
        crops.sample(&index, &mut rng).unwrap().into_iter().map(|region| region.start).collect();
    assert_eq!(starts.len(), 4 * 4, "{starts:?}");
}

#[test]
fn foreground_is_chosen_as_often_as_its_weight_says() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    // Foreground is one voxel in the middle, which crops of one voxel show.
    let mut label = Array3::zeros((5, 5, 5));
    label[[2, 2, 2]] = 3;
    for (pos, neg, share) in [(1.0, 1.0, 0.5), (3.0, 1.0, 0.75), (0.0, 2.0, 0.0), (0.5, 0.0, 1.0)] {
        let crops = crops(Dhw::splat(1), pos, neg, 20_000);
        let drawn = crops.sample(&crops.index(&label.view()), &mut rng).unwrap();
        let hits = drawn.iter().filter(|region| region.start == Dhw::splat(2)).count() as f64 / 20_000.0;
        assert!((hits - share).abs() < 0.02, "{pos}:{neg} gave {hits}");
    }
}

#[test]
fn by_class_every_class_has_the_same_chance() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    // One voxel of 9, eight of 2, and 116 of background.
    let mut label = Array3::zeros((5, 5, 5));
    label[[2, 2, 2]] = 9;
    label.slice_mut(ndarray::s![0..2, 0..2, 0..2]).fill(2);
    let count = 20_000;
    for (pos, neg) in [(1.0, 1.0), (3.0, 1.0), (1.0, 0.0)] {
        let crops = RandCropByPosNegLabel { by_class: true, ..crops(Dhw::splat(1), pos, neg, count) };
        let drawn = crops.sample(&crops.index(&label.view()), &mut rng).unwrap();
        let of = |value: u8| {
            let hit = |region: &&medseg_transforms::BoxDhw| label[region.start.map(|v| v as usize).to_array()] == value;
            drawn.iter().filter(hit).count() as f64 / count as f64
        };
        let share = f64::from(pos / (pos + neg));
        for value in [2, 9] {
            assert!((of(value) - share / 2.0).abs() < 0.015, "{value}: {}", of(value));
        }
        assert!((of(0) - (1.0 - share)).abs() < 0.015);
    }
    // Of the voxels of a class each is drawn.
    let crops = RandCropByPosNegLabel { by_class: true, ..crops(Dhw::splat(1), 1.0, 0.0, 2000) };
    let drawn = crops.sample(&crops.index(&label.view()), &mut rng).unwrap();
    let places: std::collections::HashSet<_> = drawn.iter().map(|region| region.start).collect();
    assert_eq!(places.len(), 9);
    // Without background, and without foreground.
    let all = crops.sample(&crops.index(&Array3::from_elem((2, 2, 2), 4).view()), &mut rng).unwrap();
    assert_eq!(all.len(), 2000);
    assert!(crops.sample(&crops.index(&Array3::zeros((2, 2, 2)).view()), &mut rng).is_ok());
}

#[test]
fn without_one_kind_the_other_is_taken() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for (value, pos, neg) in [(0u8, 1.0, 0.0), (1, 0.0, 1.0)] {
        let crops = crops(Dhw::splat(2), pos, neg, 3);
        let index = crops.index(&Array3::from_elem((4, 4, 4), value).view());
        assert_eq!(crops.sample(&index, &mut rng).unwrap().len(), 3);
    }
}

#[test]
fn a_centre_is_the_voxel_of_its_rank() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..100 {
        let shape = triple(&mut rng, 1..8);
        let label = Array3::from_shape_simple_fn(shape.to_array(), || u8::from(rng.random_bool(0.5)) * 2);
        let image = Array3::from_shape_simple_fn(shape.to_array(), || rng.random_range(-1f32..1.0));
        let crops = crops(Dhw::splat(1), 1.0, 1.0, 1);
        let index = crops.index_with_image(&label.view(), &image.view().insert_axis(Axis(0)), 0.25).unwrap();
        let wanted = |foreground: bool| -> Vec<Dhw<isize>> {
            let voxels = label.indexed_iter().zip(&image);
            let chosen = voxels.filter(|((_, l), v)| if foreground { **l != 0 } else { **l == 0 && **v > 0.25 });
            chosen.map(|((at, _), _)| Dhw::from(at).map(|v| v as isize)).collect()
        };
        let (foreground, background) = (wanted(true), wanted(false));
        assert_eq!(index.counts(), (foreground.len() as u64, background.len() as u64));
        if foreground.is_empty() || background.is_empty() {
            continue;
        }
        for (uniform, list) in [(0.0, foreground), (0.5, background)] {
            for (pick, start) in list.iter().enumerate() {
                let draw = CropDraw { uniform, pick: pick as u64 };
                assert_eq!(crops.region(&index, draw).unwrap().start, *start);
            }
            // Beyond the last voxel is the last one.
            let last = crops.region(&index, CropDraw { uniform, pick: u64::MAX }).unwrap();
            assert_eq!(Some(&last.start), list.last());
        }
    }
}

#[test]
fn the_same_seed_draws_the_same_crops() {
    let label = Array3::from_shape_fn((9, 9, 9), |(d, h, w)| u8::from(d + h + w > 12));
    let crops = crops(Dhw::splat(3), 1.0, 1.0, 50);
    let draw = |seed| crops.sample(&crops.index(&label.view()), &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
    assert_eq!(draw(6), draw(6));
    assert_ne!(draw(6), draw(7));
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let label = Array3::<u8>::zeros((4, 5, 6));
    let sample = |crops: RandCropByPosNegLabel, label: &Array3<u8>| {
        crops.sample(&crops.index(&label.view()), &mut ChaCha8Rng::seed_from_u64(8))
    };
    for size in [[5, 1, 1], [1, 6, 1], [1, 1, 7]] {
        let error = sample(crops(Dhw::from(size), 1.0, 1.0, 1), &label).unwrap_err();
        assert!(matches!(error, TransformError::CropTooLarge { .. }), "{error}");
    }
    for size in [[0, 1, 1], [1, 0, 1], [1, 1, 0]] {
        let error = sample(crops(Dhw::from(size), 1.0, 1.0, 1), &label).unwrap_err();
        assert!(matches!(error, TransformError::Parameter { .. }), "{error}");
    }
    for (pos, neg) in [(0.0, 0.0), (-1.0, 2.0), (2.0, -1.0), (f32::NAN, 1.0), (1.0, f32::INFINITY)] {
        let error = sample(crops(Dhw::splat(1), pos, neg, 1), &label).unwrap_err();
        assert!(error.to_string().contains("pos,neg"), "{error}");
    }
    assert!(sample(crops(Dhw::splat(1), 1.0, 1.0, 1), &Array3::zeros((0, 5, 6))).is_err());
    let dark = crops(Dhw::splat(1), 1.0, 1.0, 1);
    let index = dark.index_with_image(&label.view(), &Array4::zeros((2, 4, 5, 6)).view(), 0.0).unwrap();
    let error = dark.sample(&index, &mut ChaCha8Rng::seed_from_u64(9)).unwrap_err();
    assert_eq!(error, TransformError::NoCenter);
    let error = dark.index_with_image(&label.view(), &Array4::zeros((2, 4, 5, 7)).view(), 0.0).unwrap_err();
    assert_eq!(error, TransformError::LabelShape { image: Dhw { d: 4, h: 5, w: 7 }, label: Dhw { d: 4, h: 5, w: 6 } });
}

#[test]
fn a_draw_outside_its_range_does_not_panic() {
    let full = Array3::<u8>::ones((3, 3, 3));
    let crops = crops(Dhw::splat(1), 1.0, 1.0, 1);
    for uniform in [1.0, 2.0, -1.0, f64::NAN] {
        assert!(crops.region(&crops.index(&full.view()), CropDraw { uniform, pick: 0 }).is_ok());
    }
}
