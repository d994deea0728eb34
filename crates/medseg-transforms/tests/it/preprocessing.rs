//! One preprocessing for images, labels and samples.

use medseg_transforms::{Intensity, LabelInterpolation, Preprocessing, Sample};
use medseg_volume::{Dhw, Geometry, Orientation, Volume};
use ndarray::{Array3, Axis, concatenate};

fn lps() -> Geometry {
    Geometry::from_spacing(Dhw { d: 3.0, h: -1.0, w: -0.5 }).unwrap()
}

fn image() -> Array3<f32> {
    Array3::from_shape_fn((6, 8, 10), |(z, y, x)| (z * 80 + y * 10 + x) as f32 - 240.0)
}

fn all() -> Preprocessing {
    Preprocessing {
        orientation: Some(Orientation::RAS),
        spacing_mm: Some(Dhw { d: 2.0, h: 1.3, w: 1.0 }),
        intensity: Intensity::ZScore { nonzero: false },
    }
}

#[test]
fn image_label_and_sample_come_to_the_grid_that_is_announced() {
    let label = image().mapv(|v| u8::from(v > 0.0));
    let (shape, geometry) = all().grid(Dhw::from([6, 8, 10]), &lps());
    let alone = all().apply(Volume::new(image(), lps()));
    assert_eq!((alone.shape(), &alone.geometry), (shape, &geometry));
    assert_eq!(all().applied(&Volume::new(image(), lps())), alone);
    for how in [LabelInterpolation::Nearest, LabelInterpolation::NearestExact, LabelInterpolation::Linear] {
        let mask = all().apply_label(Volume::new(label.clone(), lps()), how);
        assert_eq!((mask.shape(), &mask.geometry), (shape, &geometry));
        let sample = all().apply_to_sample(Sample::new("a", image(), Some(label.clone()), lps()), how);
        assert_eq!(sample.image.index_axis(Axis(0), 0), alone.data);
        assert_eq!((sample.label, sample.geometry), (Some(mask.data), geometry.clone()));
    }
}

#[test]
fn channels_are_prepared_each_for_itself() {
    let dark = image().mapv(|v| v / 7.0 - 500.0);
    let both = concatenate![Axis(0), image().insert_axis(Axis(0)), dark.clone().insert_axis(Axis(0))];
    let sample = Sample { id: "a".into(), image: both, label: None, geometry: lps() };
    let got = all().apply_to_sample(sample, LabelInterpolation::NearestExact).image;
    for (channel, alone) in [image(), dark].into_iter().enumerate() {
        assert_eq!(got.index_axis(Axis(0), channel), all().apply(Volume::new(alone, lps())).data);
    }
}

#[test]
fn nothing_asked_for_is_nothing_done_but_the_window() {
    let image = Volume::new(image(), lps());
    let got = Preprocessing::default().apply(image.clone());
    assert_eq!(got.geometry, image.geometry);
    assert_eq!(got.data[[0, 0, 0]], (image.data[[0, 0, 0]] + 300.0) / 600.0);
}

#[test]
fn impossible_settings_are_named() {
    let refused = |preprocessing: Preprocessing| preprocessing.validate().unwrap_err().to_string();
    for mm in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(
            refused(Preprocessing::default().with_spacing_mm(Dhw { d: 1.0, h: mm, w: 1.0 })).contains("spacing_mm")
        );
    }
    let empty = Preprocessing::default().with_intensity(Intensity::Window { low: 1.0, high: 1.0 });
    assert!(refused(empty).contains("window"));
    assert_eq!(all().validate(), Ok(()));
}

#[test]
fn linear_labels_follow_the_nearest_ones_inside_and_invent_no_value() {
    let label = Array3::from_shape_fn((8, 9, 10), |(z, y, x)| if z + y + x < 12 { 3 } else { 7 * u8::from(z > 3) });
    for to in [[16, 18, 20], [5, 9, 13], [8, 9, 10]].map(Dhw::from) {
        let [linear, nearest] =
            [LabelInterpolation::Linear, LabelInterpolation::NearestExact].map(|how| how.resize(&label.view(), to));
        assert!(linear.iter().all(|value| [0, 3, 7].contains(value)));
        let different = linear.iter().zip(&nearest).filter(|(a, b)| a != b).count();
        assert!(different * 5 < linear.len(), "{different} of {}", linear.len());
    }
    assert_eq!(LabelInterpolation::Linear.resize(&label.view(), label.dim().into()), label);
}
