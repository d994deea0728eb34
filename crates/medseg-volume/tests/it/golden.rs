//! Equality with nibabel and MONAI on every golden file. Fixtures are indexed (x, y, z); arrays here are (z, y, x).

use std::path::{Path, PathBuf};

use medseg_testing::{Golden, Values};
use medseg_volume::{Dhw, Geometry, Orientation, Volume, read_channels, read_image, read_info};
use ndarray::{Array3, Array4, ArrayD, IxDyn};

fn all(op: &str) -> Vec<Golden> {
    Golden::all(op)
}

fn file(case: &Golden) -> PathBuf {
    Path::new("tests/golden").join(case.params["file"].as_str().unwrap())
}

/// A tensor (x, y, z[, t]) as [t, z, y, x].
fn channels(values: &Values) -> Array4<f64> {
    let array = ArrayD::from_shape_vec(IxDyn(&values.shape), values.values.clone()).unwrap();
    let array = if values.shape.len() == 3 { array.insert_axis(ndarray::Axis(3)) } else { array };
    let array = array.reversed_axes().into_dimensionality::<ndarray::Ix4>().unwrap();
    array.as_standard_layout().into_owned()
}

fn affine(case: &Golden, name: &str) -> [[f64; 4]; 4] {
    let v = &case.tensor(name).values;
    std::array::from_fn(|r| std::array::from_fn(|c| v[4 * r + c]))
}

fn assert_affine(case: &Golden, name: &str, got: &Geometry, tolerance: f64) {
    for (got, want) in got.affine().iter().flatten().zip(affine(case, name).iter().flatten()) {
        assert!((got - want).abs() <= tolerance, "{}: {name}: {:?}", case.name, got);
    }
}

fn assert_voxels(case: &Golden, got: &Array4<f32>, want: &Array4<f64>) {
    assert_eq!(got.dim(), want.dim(), "{}", case.name);
    for (got, want) in got.iter().zip(want) {
        let close = (f64::from(*got) - want).abs() <= case.atol + case.rtol * want.abs();
        assert!(close, "{}: {got}, not {want}", case.name);
    }
}

#[test]
fn voxels_affine_orientation_and_spacing_agree_with_nibabel() {
    for case in all("nifti") {
        let (data, geometry) = read_channels(file(&case)).unwrap();
        assert_voxels(&case, &data, &channels(case.tensor("data")));
        assert_affine(&case, "affine", &geometry, 1e-6);
        assert_eq!(geometry.orientation().to_string(), case.params["axcodes"].as_str().unwrap(), "{}", case.name);
        let Dhw { d, h, w } = geometry.spacing();
        for (got, want) in [w, h, d].iter().zip(case.params["zooms"].as_array().unwrap()) {
            assert!((got - want.as_f64().unwrap()).abs() < 1e-5, "{}: spacing {got}", case.name);
        }
    }
}

#[test]
fn headers_alone_tell_the_same() {
    for case in all("nifti") {
        let info = read_info(file(&case)).unwrap();
        let (data, geometry) = read_channels(file(&case)).unwrap();
        let (channels, d, h, w) = data.dim();
        assert_eq!(
            (info.channels, info.shape, &info.geometry),
            (channels, Dhw { d, h, w }, &geometry),
            "{}",
            case.name
        );
        assert_eq!(info.datatype.bytes() as u64 * 8, case.params["bitpix"].as_u64().unwrap(), "{}", case.name);
        let (slope, intercept) = info.scaling.unwrap_or((1.0, 0.0));
        assert_eq!(slope, case.params["scl_slope_effective"].as_f64().unwrap(), "{}", case.name);
        assert_eq!(intercept, case.params["scl_inter_effective"].as_f64().unwrap(), "{}", case.name);
        let fields = info.geometry.nifti_fields().unwrap();
        assert_eq!(i64::from(fields.qform_code), case.params["qform_code"].as_i64().unwrap(), "{}", case.name);
        assert_eq!(i64::from(fields.sform_code), case.params["sform_code"].as_i64().unwrap(), "{}", case.name);
    }
}

#[test]
fn turning_to_ras_agrees_with_nibabel() {
    for case in all("nifti") {
        if case.tensor("data").shape.len() != 3 {
            continue;
        }
        let ras = read_image(file(&case)).unwrap().reoriented(Orientation::RAS);
        assert_affine(&case, "ras_affine", &ras.geometry, 1e-5);
        assert_voxels(&case, &ras.data.insert_axis(ndarray::Axis(0)), &channels(case.tensor("ras_data")));
    }
}

#[test]
fn turning_agrees_with_monai_and_goes_back() {
    for case in all("orientation") {
        let read = |name: &str| -> Array3<f32> {
            let values = case.tensor(name);
            let [_, x, y, z] = values.dims::<4>();
            let array = Array3::from_shape_vec((x, y, z), values.f32()).unwrap();
            array.reversed_axes().as_standard_layout().into_owned()
        };
        let input = Volume::new(read("input"), Geometry::from_affine(affine(&case, "affine")).unwrap());
        assert_eq!(input.geometry.orientation().to_string(), case.params["source_axcodes"].as_str().unwrap());
        let turned = input.reoriented(case.params["axcodes"].as_str().unwrap().parse().unwrap());
        assert_eq!(turned.data, read("expected"), "{}", case.name);
        assert_affine(&case, "expected_affine", &turned.geometry, 1e-9);
        let back = turned.reoriented(input.geometry.orientation());
        assert_eq!(back.data, read("inverse"), "{}", case.name);
        assert_affine(&case, "inverse_affine", &back.geometry, 1e-9);
    }
}
