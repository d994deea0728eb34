//! `CropBody` on a phantom: a body, a table that is thin, and air.

use medseg_transforms::{CropBody, Pipeline, Sample, TransformError};
use medseg_volume::{Dhw, Geometry};
use ndarray::{Array3, Array4, Axis, s};

const SHAPE: [usize; 3] = [14, 40, 36];
/// Lowest and highest index of the body along every axis.
const BODY: [[usize; 2]; 3] = [[3, 11], [6, 22], [8, 28]];

/// Air of -1000 HU, a body of 40 HU with lungs, and a table of two planes of voxels that touches nothing.
fn phantom() -> Array3<f32> {
    let mut image = Array3::from_elem(SHAPE, -1000.0);
    let radius = BODY.map(|[low, high]| (high - low) as f64 / 2.0);
    let centre = BODY.map(|[low, high]| (high + low) as f64 / 2.0);
    for ((z, y, x), voxel) in image.indexed_iter_mut() {
        let off = [z, y, x].iter().enumerate().map(|(a, i)| ((*i as f64 - centre[a]) / radius[a]).powi(2)).sum::<f64>();
        // Blunt: every side of the box is reached by more than a single voxel, which an opening would take.
        *voxel = if off <= 1.6 { 40.0 } else { -1000.0 };
        let inside = (0..3).all(|a| (BODY[a][0]..=BODY[a][1]).contains(&[z, y, x][a]));
        if !inside {
            *voxel = -1000.0;
        } else if off < 0.2 {
            *voxel = -800.0;
        }
    }
    image.slice_mut(s![.., 30..32, 2..34]).fill(200.0);
    image
}

fn sample(image: Array3<f32>) -> Sample {
    Sample::new("ct_7", image, None, Geometry::from_spacing(Dhw { d: 2.0, h: 0.7, w: 0.8 }).unwrap())
}

fn cropped(step: CropBody, image: Array3<f32>) -> (Array3<f32>, Geometry, Vec<String>) {
    let done = Pipeline::new().then(step).apply_one(sample(image), 0).unwrap();
    (done.sample.image.index_axis(Axis(0), 0).to_owned(), done.sample.geometry, done.trace.warnings)
}

#[test]
fn the_box_is_the_bodys_along_the_chosen_axes() {
    let image = phantom();
    for flags in 0..8_usize {
        let axes = Dhw { d: flags & 1 > 0, h: flags & 2 > 0, w: flags & 4 > 0 };
        let of = |a: usize, cut: bool| if cut { (BODY[a][0], BODY[a][1] + 1) } else { (0, SHAPE[a]) };
        let [d, h, w] = [of(0, axes.d), of(1, axes.h), of(2, axes.w)];
        let (got, geometry, warnings) = cropped(CropBody { axes, ..CropBody::default() }, image.clone());
        assert_eq!(got, image.slice(s![d.0..d.1, h.0..h.1, w.0..w.1]), "{axes:?}");
        assert!(warnings.is_empty(), "{warnings:?}");
        let start = Dhw { d: d.0 as isize, h: h.0 as isize, w: w.0 as isize };
        assert_eq!(geometry, sample(image.clone()).geometry.cropped(start));
    }
    assert_eq!(CropBody::default().axes, Dhw { d: false, h: true, w: true });
}

#[test]
fn the_opening_parts_the_table_from_the_body() {
    // A strap of one voxel ties the body to the table.
    let mut image = phantom();
    image.slice_mut(s![7, 20..31, 18]).fill(100.0);
    let height = |opening: usize| cropped(CropBody { opening, ..CropBody::default() }, image.clone()).0.dim().1;
    assert_eq!(height(0), 32 - BODY[1][0]);
    // The strap's first voxel stays, since the body's below it keeps all its neighbours.
    assert_eq!(height(2), BODY[1][1] + 2 - BODY[1][0]);
}

#[test]
fn the_label_and_the_other_channels_are_cut_alike_and_come_back() {
    let label = phantom().mapv(|v| u8::from(v == 40.0));
    let image = Array4::from_shape_fn((2, SHAPE[0], SHAPE[1], SHAPE[2]), |(c, z, y, x)| {
        if c == 0 { phantom()[[z, y, x]] } else { (z * 100 + y * 10 + x) as f32 }
    });
    let Sample { id, geometry, .. } = sample(phantom());
    let sample = Sample { id, image: image.clone(), label: Some(label.clone()), geometry };
    let done = Pipeline::new().then(CropBody::default()).apply_one(sample, 0).unwrap();
    let inside = s![.., BODY[1][0]..=BODY[1][1], BODY[2][0]..=BODY[2][1]];
    let cut = done.sample.label.unwrap();
    assert_eq!(cut, label.slice(inside));
    assert_eq!(done.sample.image.index_axis(Axis(0), 1), image.index_axis(Axis(0), 1).slice(inside));
    assert_eq!(done.trace.invert_label(&cut.view()).unwrap(), label);
}

#[test]
fn a_volume_without_a_body_stays_whole_with_a_warning_that_names_the_case() {
    let air = Array3::from_elem(SHAPE, -1000.0_f32);
    // The threshold itself is no body, and NaN is above nothing; thin things go by the opening.
    let mut thin = air.clone();
    thin.slice_mut(s![.., 30..32, 2..34]).fill(200.0);
    for image in [air, Array3::from_elem(SHAPE, -300.0), Array3::from_elem(SHAPE, f32::NAN), thin] {
        let (got, _, warnings) = cropped(CropBody { axes: Dhw::splat(true), ..CropBody::default() }, image.clone());
        assert_eq!(got.dim(), image.dim());
        assert!(warnings.len() == 1 && warnings[0].contains("ct_7") && warnings[0].contains("body"), "{warnings:?}");
    }
}

#[test]
fn a_volume_full_of_body_stays_whole_without_a_warning() {
    let step = CropBody { axes: Dhw::splat(true), opening: 0, ..CropBody::default() };
    let (got, _, warnings) = cropped(step, Array3::from_elem(SHAPE, 0.0));
    assert!(got.dim() == (SHAPE[0], SHAPE[1], SHAPE[2]) && warnings.is_empty());
}

#[test]
fn an_opening_without_end_is_refused() {
    let pipeline = Pipeline::new().then(CropBody { opening: 65, ..CropBody::default() });
    let error = pipeline.validate().unwrap_err();
    assert!(medseg_volume::error_chain(&error).contains("opening"), "{error:?}");
    assert!(pipeline.apply_one(sample(phantom()), 0).is_err());
    let largest = Pipeline::new().then(CropBody { opening: 64, ..CropBody::default() });
    assert!(largest.validate().is_ok() && largest.apply_one(sample(phantom()), 0).is_ok());
}

#[test]
fn a_case_without_channels_or_voxels_is_an_error_or_stays() {
    let Sample { id, geometry, .. } = sample(phantom());
    for shape in [(0, 4, 4, 4), (1, 0, 4, 4), (1, 4, 4, 0)] {
        let sample = Sample { id: id.clone(), image: Array4::zeros(shape), label: None, geometry: geometry.clone() };
        let done: Result<_, TransformError> = Pipeline::new().then(CropBody::default()).apply_one(sample, 0);
        assert!(done.is_err() || done.is_ok_and(|done| done.sample.image.dim() == shape), "{shape:?}");
    }
}
