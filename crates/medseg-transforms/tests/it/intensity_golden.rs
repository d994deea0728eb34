//! Equality with MONAI's intensity transforms: every file in `tests/golden` is one case.

use medseg_testing::{Golden, Values};
use medseg_transforms::{
    AdjustBrightness, AdjustGamma, BlurBorder, GaussianSmooth, HistogramNormalize, IntensityChange, ScaleIntensity,
};
use medseg_volume::Dhw;
use ndarray::{Array4, ArrayViewMut3, Axis};
use serde_json::Value;

fn image(values: &Values) -> Array4<f32> {
    Array4::from_shape_vec(values.dims::<4>(), values.f32()).unwrap()
}

fn check(case: &Golden, name: &str, got: &Array4<f32>) {
    case.check(name, got.iter().map(|v| f64::from(*v)));
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The input of a case, changed with all its channels together.
fn together(case: &Golden, change: impl Into<IntensityChange>) -> Array4<f32> {
    let mut image = image(case.tensor("input"));
    change.into().apply_together(&mut image.view_mut()).unwrap();
    image
}

fn each(case: &Golden, mut change: impl FnMut(usize, &mut ArrayViewMut3<'_, f32>)) -> Array4<f32> {
    let mut image = image(case.tensor("input"));
    image.axis_iter_mut(Axis(0)).enumerate().for_each(|(n, mut channel)| change(n, &mut channel));
    image
}

#[test]
fn histogram_normalize_agrees() {
    for case in Golden::all("histogram_normalize") {
        let number = |key: &str| case.params[key].as_f64().unwrap() as f32;
        let num_bins = case.params["num_bins"].as_u64().unwrap() as usize;
        let transform = HistogramNormalize { num_bins, min: number("min"), max: number("max") };
        let mut got = image(case.tensor("input"));
        if case.has("mask") {
            let mask = case.tensor("mask");
            let mask = Array4::from_shape_vec(mask.dims::<4>(), mask.u8()).unwrap();
            transform.apply_masked(&mut got, &mask).unwrap();
        } else {
            transform.apply(&mut got).unwrap();
        }
        check(&case, "expected", &got);
    }
}

#[test]
fn brightness_gamma_and_blur_agree() {
    for case in Golden::all("intensity_ops").iter().filter(|case| case.has("gaussian_smooth")) {
        let p = &case.params;
        let factor = |by: f64| AdjustBrightness { factor: 1.0 + by, offset: 0.0 };
        check(case, "scale_factor", &together(case, factor(p["scale_factor"].as_f64().unwrap())));
        let by = numbers(&p["scale_factor_channelwise"]);
        check(case, "scale_factor_channelwise", &each(case, |n, channel| factor(by[n]).apply(channel)));
        let offset = p["shift"].as_f64().unwrap();
        check(case, "shift", &together(case, AdjustBrightness { factor: 1.0, offset }));

        let range = |key: &str| {
            let ends = numbers(&p[key]);
            ScaleIntensity { min: ends[0] as f32, max: ends[1] as f32 }
        };
        check(case, "scale_minmax", &together(case, range("scale_minmax")));
        let scale = range("scale_minmax_channelwise");
        check(case, "scale_minmax_channelwise", &each(case, |_, channel| scale.apply(channel)));

        let gamma = AdjustGamma { gamma: p["gamma"].as_f64().unwrap(), invert: false, retain_stats: false };
        check(case, "contrast", &together(case, gamma));
        let kept = AdjustGamma { invert: true, retain_stats: true, ..gamma };
        check(case, "contrast_invert_retain", &together(case, kept));

        let sigma = Dhw::from(<[f64; 3]>::try_from(numbers(&p["gaussian_sigma"])).unwrap());
        check(case, "gaussian_smooth", &together(case, GaussianSmooth { sigma, border: BlurBorder::Zero }));
        check(case, "gaussian_noise", &(image(case.tensor("input")) + image(case.tensor("noise"))));
    }
}

#[test]
fn blurs_of_one_and_of_three_deviations_agree() {
    for case in Golden::all("gaussian_smooth") {
        // The parameter as a file has it: a number, or three.
        let text = serde_json::json!({"sigma": case.params["sigma"], "border": "zero"}).to_string();
        let smooth: GaussianSmooth = serde_json::from_str(&text).unwrap();
        check(&case, "expected", &together(&case, smooth));
    }
}

#[test]
fn constant_images_agree() {
    for case in Golden::all("intensity_ops").iter().filter(|case| !case.has("gaussian_smooth")) {
        let gamma = AdjustGamma { gamma: case.params["gamma"].as_f64().unwrap(), invert: false, retain_stats: false };
        check(case, "contrast", &together(case, gamma));
        for (name, min, max) in [("scale_minmax_0_1", 0.0, 1.0), ("scale_minmax_2_3", 2.0, 3.0)] {
            check(case, name, &together(case, ScaleIntensity { min, max }));
        }
    }
}
