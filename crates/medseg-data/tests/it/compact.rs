//! Compact images and labels give back what was put in, as a whole and in parts.

use medseg_data::{CompactImage, CompactLabel, CompactSample};
use medseg_transforms::{BoxDhw, Intensity, Sample, crop};
use medseg_volume::{Dhw, Geometry};
use ndarray::Array3;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn bits(image: &Array3<f32>) -> Vec<u32> {
    image.iter().map(|v| v.to_bits()).collect()
}

/// An image with so many different values at most.
fn image(shape: (usize, usize, usize), values: u32, seed: u64) -> Array3<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array3::from_shape_simple_fn(shape, || (rng.random_range(0..values) as f32).mul_add(0.37, -100.0))
}

#[test]
fn images_take_as_many_bytes_as_their_values_need_and_lose_nothing() {
    for (values, bytes) in [(1, 1), (256, 1), (257, 2), (60_000, 2)] {
        let image = image((50, 60, 70), values, u64::from(values));
        let compact = CompactImage::new(&image.view());
        assert_eq!(bits(&compact.to_array()), bits(&image));
        let table = compact.bytes() - bytes * image.len();
        assert!(table <= 8 * values.next_power_of_two().max(4) as usize, "{values}: {table} bytes of values");
    }
    // More values than 16 bits number: exact all the same.
    let many = Array3::from_shape_fn((41, 41, 41), |(z, y, x)| (z * 1681 + y * 41 + x) as f32 * 0.1);
    let compact = CompactImage::new(&many.view());
    assert_eq!((bits(&compact.to_array()), compact.bytes()), (bits(&many), 4 * many.len()));
    let limit = Array3::from_shape_fn((64, 32, 32), |(z, y, x)| f32::from_bits((z * 1024 + y * 32 + x) as u32));
    assert!(CompactImage::new(&limit.view()).bytes() < 10 * limit.len());
    assert_eq!(bits(&CompactImage::new(&limit.view()).to_array()), bits(&limit));
}

#[test]
fn odd_values_and_shapes_come_back() {
    let odd = [f32::NAN, -f32::NAN, f32::from_bits(0x7fc0_1234), 0.0, -0.0, f32::INFINITY, f32::MIN_POSITIVE / 2.0];
    let image = Array3::from_shape_fn((1, 7, 3), |(_, y, _)| odd[y]);
    assert_eq!(bits(&CompactImage::new(&image.view()).to_array()), bits(&image));
    for shape in [(0, 3, 4), (3, 0, 4), (1, 1, 1)] {
        let image = Array3::from_elem(shape, 2.5f32);
        assert_eq!(CompactImage::new(&image.view()).to_array(), image);
        let label = Array3::from_elem(shape, 3u8);
        assert_eq!(CompactLabel::new(&label.view()).to_array(), label);
    }
    // Views in another order keep their shape.
    let turned = image.view().reversed_axes();
    assert_eq!(CompactImage::new(&turned).to_array().dim(), (3, 7, 1));
    assert_eq!(bits(&CompactImage::new(&turned).to_array()), turned.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
}

#[test]
fn half_precision_rounds_only_what_has_no_exact_form_in_two_bytes() {
    let windowed = image((20, 20, 20), 600, 1);
    assert_eq!(CompactImage::half_precision(&windowed.view()).to_array(), windowed);
    let mut many = Array3::from_shape_fn((41, 41, 41), |(z, y, x)| (z * 1681 + y * 41 + x) as f32 * 1e-4 - 3.0);
    let compact = CompactImage::half_precision(&many.view());
    assert_eq!(compact.bytes(), 2 * many.len());
    for (rounded, exact) in compact.to_array().iter().zip(&many) {
        assert!((rounded - exact).abs() <= 4.9e-4 * exact.abs() + 3e-8, "{exact} became {rounded}");
    }
    many[[40, 40, 40]] = 70_000.0;
    assert_eq!(CompactImage::half_precision(&many.view()).to_array(), many);
}

#[test]
fn a_windowed_ct_halves_and_its_label_all_but_vanishes() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let ball = |z: usize, y: usize, x: usize| (z as f32 - 20.0).hypot((y as f32 - 30.0).hypot(x as f32 - 30.0));
    let mut ct = Array3::from_shape_fn((40, 60, 60), |(z, y, x)| {
        (if ball(z, y, x) < 18.0 { 60.0 } else { -80.0 }) + (rng.random_range(-90..=90) as f32)
    });
    Intensity::Window { low: -300.0, high: 300.0 }.apply(&mut ct);
    let label = Array3::from_shape_fn((40, 60, 60), |(z, y, x)| u8::from(ball(z, y, x) < 18.0));
    let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 }).unwrap();
    let bytes = 5 * ct.len();
    let sample = Sample::new("ct", ct, Some(label), geometry);
    let compact = CompactSample::new(&sample);
    assert_eq!(compact.to_sample(), sample);
    assert!(compact.bytes() * 2 < bytes, "{} of {bytes}", compact.bytes());
    assert!(compact.label.as_ref().unwrap().bytes() * 10 < sample.image.len());
    let two = ndarray::concatenate![ndarray::Axis(0), sample.image, sample.image.mapv(|v| 1.0 - v)];
    let two = Sample { image: two, ..sample };
    assert_eq!(CompactSample::new(&two).to_sample(), two);
}

proptest! {
    /// A crop is that of the array, wherever the box lies.
    #[test]
    fn crops_are_those_of_the_arrays(
        shape in prop::array::uniform3(1usize..9),
        start in prop::array::uniform3(-6isize..12),
        size in prop::array::uniform3(0usize..12),
        values in prop::sample::select(vec![2u32, 300, 5_000_000]),
        seed: u64,
    ) {
        let [d, h, w] = shape;
        let image = image((d, h, w), values, seed);
        let label = image.mapv(|v| (v.abs() as usize / 40 % 5) as u8);
        let region = BoxDhw { start: start.into(), size: size.into() };
        let compact = CompactImage::new(&image.view());
        prop_assert_eq!(compact.crop(&region, -7.5), crop(&image.view(), &region, -7.5));
        let compact = CompactLabel::new(&label.view());
        prop_assert_eq!(compact.shape(), Dhw::from(shape));
        prop_assert_eq!(compact.crop(&region, 9), crop(&label.view(), &region, 9));
        prop_assert_eq!(compact.to_array(), label);
    }

    #[test]
    fn labels_come_back_in_runs_or_as_they_are(flips in prop::collection::vec(0usize..40, 0..60), dense: bool) {
        let mut voxels = vec![0u8; 6 * 7 * 8];
        let mut at = 0;
        for (n, flip) in flips.iter().enumerate() {
            at += if dense { flip % 2 } else { *flip };
            voxels.iter_mut().skip(at).for_each(|v| *v = n as u8);
        }
        let label = Array3::from_shape_vec((6, 7, 8), voxels).unwrap();
        let compact = CompactLabel::new(&label.view());
        prop_assert_eq!(compact.to_array(), label.clone());
        prop_assert!(compact.bytes() <= label.len() + 64);
    }
}
