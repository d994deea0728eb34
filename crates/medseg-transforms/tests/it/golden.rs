//! Equality with MONAI: every file in `tests/golden` is one case. Fixtures are indexed (x, y, z); every operation is the
//! same in any axis order, so their axes are taken as they stand.

use medseg_testing::{Golden, Values};
use medseg_transforms::{
    Connectivity, CropDraw, CropForeground, Interpolation, KeepLargestComponents, NormalizeIntensity, PadMethod,
    PadMode, RandCropByPosNegLabel, ScaleIntensityRange, SpatialPad, any_channel_above, corrected_center, crop,
    crop_padded, flip, resize, resize_nearest, rotate90,
};
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, Axis};
use serde_json::Value;

fn all(op: &str) -> Vec<Golden> {
    Golden::all(op)
}

/// Channels of a tensor `[channel, x, y, z]`.
fn channels(values: &Values) -> Vec<Array3<f32>> {
    let array = Array4::from_shape_vec(values.dims::<4>(), values.f32()).unwrap();
    array.axis_iter(Axis(0)).map(|channel| channel.to_owned()).collect()
}

fn all_channels(case: &Golden, name: &str) -> Array4<f32> {
    Array4::from_shape_vec(case.tensor(name).dims::<4>(), case.tensor(name).f32()).unwrap()
}

/// Those that MONAI's `channel_indices` names, or all.
fn of_channels(params: &Value, image: Array4<f32>) -> Array4<f32> {
    let Some(numbers) = params["channel_indices"].as_array() else { return image };
    let numbers: Vec<usize> = numbers.iter().map(|v| v.as_u64().unwrap() as usize).collect();
    image.select(Axis(0), &numbers)
}

pub fn pad_mode(params: &Value) -> PadMode {
    match params["mode"].as_str() {
        Some("constant") | None => PadMode::Constant,
        Some("edge" | "replicate") => PadMode::Edge,
        Some("reflect") => PadMode::Reflect,
        other => panic!("{other:?}"),
    }
}

fn image(case: &Golden, name: &str) -> Array3<f32> {
    let [only] = channels(case.tensor(name)).try_into().expect("one channel");
    only
}

fn label(case: &Golden, name: &str) -> Array3<u8> {
    image(case, name).mapv(|v| v as u8)
}

fn check<'a>(case: &Golden, name: &str, got: impl IntoIterator<Item = &'a Array3<f32>>) {
    case.check(name, got.into_iter().flatten().map(|v| f64::from(*v)));
}

fn check_label(case: &Golden, name: &str, got: &Array3<u8>) {
    case.check(name, got.iter().map(|v| f64::from(*v)));
}

fn size(params: &Value, key: &str) -> Dhw<usize> {
    let lengths: Vec<usize> = params[key].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect();
    Dhw::from(<[usize; 3]>::try_from(lengths).unwrap())
}

fn number(params: &Value, key: &str) -> Option<f32> {
    params[key].as_f64().map(|v| v as f32)
}

#[test]
fn resize_agrees() {
    for case in all("resize") {
        let (input, to) = (image(&case, "input"), size(&case.params, "spatial_size"));
        let how = match case.params["mode"].as_str().unwrap() {
            "trilinear" => Interpolation::Trilinear { align_corners: case.params["align_corners"] == true },
            "nearest" => Interpolation::Nearest,
            "area" => Interpolation::Area,
            other => panic!("{}: {other}", case.name),
        };
        check(&case, "expected", [&resize(&input.view(), to, how)]);
        if how == Interpolation::Nearest {
            check(&case, "expected", [&resize_nearest(&input.view(), to)]);
        }
    }
}

/// The golden's tensor, which is stored whole or, if large, as its entries that are not 0.
fn check_sparse(case: &Golden, name: &str, got: &[Array3<f32>]) {
    if case.has(name) {
        return check(case, name, got);
    }
    let [got] = got else { panic!("{}: one channel", case.name) };
    let shape: Vec<f64> = [1, got.dim().0, got.dim().1, got.dim().2].map(|v| v as f64).to_vec();
    case.check(&format!("{name}.shape"), shape);
    let nonzero = || got.iter().enumerate().filter(|(_, v)| **v != 0.0);
    case.check(&format!("{name}.nonzero_index"), nonzero().map(|(n, _)| n as f64));
    case.check(&format!("{name}.nonzero_value"), nonzero().map(|(_, v)| f64::from(*v)));
}

#[test]
fn crop_foreground_agrees() {
    for case in all("crop_foreground") {
        let p = &case.params;
        let transform = CropForeground {
            margin: Dhw::splat(p["margin"].as_u64().unwrap() as usize),
            k_divisible: Dhw::splat(p["k_divisible"].as_u64().unwrap() as usize),
            allow_smaller: p["allow_smaller"] == true,
            ..CropForeground::default()
        };
        let threshold = number(p, "threshold").unwrap();
        let source = of_channels(p, all_channels(&case, p["source"].as_str().unwrap()));
        let region = transform.region(&any_channel_above(&source.view(), threshold).view(), |v| *v).unwrap();
        case.check("box_start", region.start.to_array().map(|v| v as f64));
        case.check("box_end", region.end().to_array().map(|v| v as f64));
        let outside = number(p, "value").unwrap();
        for key in ["image", "label"].into_iter().filter(|key| case.has(key)) {
            let value = if key == "label" { 0.0 } else { outside };
            let cropped: Vec<_> = channels(case.tensor(key))
                .iter()
                .map(|channel| crop_padded(&channel.view(), &region, pad_mode(p), value))
                .collect();
            check_sparse(&case, &format!("expected_{key}"), &cropped);
        }
    }
}

#[test]
fn crops_by_positive_and_negative_centres_agree() {
    for case in all("rand_crop_pos_neg") {
        let p = &case.params;
        let samples = p["num_samples"].as_u64().unwrap() as usize;
        let (pos, neg) = (number(p, "pos").unwrap(), number(p, "neg").unwrap());
        let transform = RandCropByPosNegLabel { size: size(p, "spatial_size"), pos, neg, samples, by_class: false };
        let (image, label) = (all_channels(&case, "image"), label(&case, "label"));
        let index = if p["use_image"] == true {
            transform.index_with_image(&label.view(), &image.view(), number(p, "image_threshold").unwrap()).unwrap()
        } else {
            transform.index(&label.view())
        };
        let counts = index.counts();
        case.check("n_fg_bg", [counts.0 as f64, counts.1 as f64]);
        let (uniform, picks) = (&case.tensor("uniform").values, &case.tensor("picks").values);
        for (n, (uniform, pick)) in uniform.iter().zip(picks).enumerate() {
            let region = transform.region(&index, CropDraw { uniform: *uniform, pick: *pick as u64 }).unwrap();
            let crops: Vec<_> = image.outer_iter().map(|channel| crop(&channel, &region, f32::NAN)).collect();
            check(&case, &format!("expected_image_{n}"), &crops);
            check_label(&case, &format!("expected_label_{n}"), &crop(&label.view(), &region, 255));
        }
    }
}

#[test]
fn indices_of_foreground_and_background_agree() {
    for case in all("map_binary_to_indices") {
        let label = label(&case, "label");
        let any = RandCropByPosNegLabel { size: Dhw::splat(1), pos: 1.0, neg: 1.0, samples: 1, by_class: false };
        let index = if case.params["has_image"] == true {
            let threshold = number(&case.params, "image_threshold").unwrap();
            any.index_with_image(&label.view(), &all_channels(&case, "image").view(), threshold).unwrap()
        } else {
            any.index(&label.view())
        };
        let (foreground, background) = index.positions();
        case.check("fg", foreground.into_iter().map(|v| v as f64));
        case.check("bg", background.into_iter().map(|v| v as f64));
    }
}

#[test]
fn corrected_centres_agree() {
    for case in all("correct_crop_centers") {
        for row in case.tensor("table").values.chunks(4) {
            let [length, size, center, corrected] = [0, 1, 2, 3].map(|n| row[n] as usize);
            assert_eq!(corrected_center(center, length, size), corrected, "{center} in {length} for {size}");
        }
    }
}

#[test]
fn spatial_pad_agrees() {
    for case in all("spatial_pad") {
        let p = &case.params;
        let method = match p["method"].as_str().unwrap() {
            "symmetric" => PadMethod::Symmetric,
            "end" => PadMethod::End,
            other => panic!("{}: {other}", case.name),
        };
        let pad = SpatialPad::new(size(p, "spatial_size")).with_method(method).with_mode(pad_mode(p));
        let input = channels(case.tensor("input"));
        let widths = pad.padding(input[0].dim().into()).to_array();
        case.check("pad_width", widths.into_iter().flat_map(|(low, high)| [low as f64, high as f64]));
        let value = number(p, "value").unwrap_or(0.0);
        let padded: Vec<_> = input.iter().map(|channel| pad.apply(&channel.view(), value)).collect();
        check(&case, "expected", &padded);
    }
}

#[test]
fn flips_and_quarter_turns_agree() {
    for case in all("flip") {
        let input = channels(case.tensor("input"));
        for (n, axes) in case.params["spatial_axes"].as_array().unwrap().iter().enumerate() {
            let axes = axes.as_array().unwrap();
            let reversed = Dhw::from(std::array::from_fn(|axis| axes.iter().any(|a| a.as_u64() == Some(axis as u64))));
            let flipped: Vec<_> = input.iter().map(|channel| flip(&channel.view(), reversed)).collect();
            check(&case, &format!("expected_{n}"), &flipped);
        }
    }
    for case in all("rotate90") {
        let input = channels(case.tensor("input"));
        for (n, turn) in turns(&case).into_iter().enumerate() {
            let (times, plane) = turn;
            let turned: Vec<_> = input.iter().map(|channel| rotate90(&channel.view(), times, plane)).collect();
            check(&case, &format!("expected_{n}"), &turned);
        }
    }
}

/// Number of quarter turns and plane of every result in a case.
fn turns(case: &Golden) -> Vec<(i32, (usize, usize))> {
    let turns = case.params["rows"].as_array().unwrap_or_else(|| panic!("{}: {}", case.name, case.params));
    let plane = |turn: &Value| {
        let axes = turn["spatial_axes"].as_array().unwrap();
        (axes[0].as_u64().unwrap() as usize, axes[1].as_u64().unwrap() as usize)
    };
    turns.iter().map(|turn| (turn["k"].as_i64().unwrap() as i32, plane(turn))).collect()
}

#[test]
fn intensity_ranges_agree() {
    for case in all("scale_intensity_range") {
        let p = &case.params;
        let mut image = image(&case, "input");
        let range = ScaleIntensityRange {
            a_min: number(p, "a_min").unwrap(),
            a_max: number(p, "a_max").unwrap(),
            b_min: number(p, "b_min"),
            b_max: number(p, "b_max"),
            clip: p["clip"] == true,
        };
        range.apply(&mut image);
        check(&case, "expected", [&image]);
    }
}

#[test]
fn z_scores_agree() {
    for case in all("normalize_intensity") {
        let p = &case.params;
        let normalize = NormalizeIntensity {
            nonzero: p["nonzero"] == true,
            subtrahend: number(p, "subtrahend"),
            divisor: number(p, "divisor"),
        };
        let mut parts = channels(case.tensor("input"));
        if p["channel_wise"] == false {
            // One statistic over all channels: they are stacked into one array.
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            parts = vec![ndarray::concatenate(Axis(0), &views).unwrap()];
        }
        parts.iter_mut().for_each(|part| normalize.apply(part));
        check(&case, "expected", &parts);
    }
}

#[test]
fn largest_components_agree() {
    for case in all("keep_largest") {
        let p = &case.params;
        assert_eq!(p["num_components"], 1, "{}", case.name);
        let connectivity = match p["connectivity"].as_u64() {
            Some(1) => Connectivity::Face,
            Some(2) => Connectivity::Edge,
            _ => Connectivity::Vertex,
        };
        let labels = p["applied_labels"].as_array().map(|a| a.iter().map(|v| v.as_u64().unwrap() as u8).collect());
        let independent = p["independent"] == true;
        let transform = KeepLargestComponents { labels, independent, connectivity, components: 1 };
        let input = case.tensor("input");
        let mut input = Array4::from_shape_vec(input.dims::<4>(), input.u8()).unwrap();
        if input.dim().0 > 1 {
            transform.apply_one_hot(&mut input).unwrap();
        } else {
            let mut label = input.index_axis_move(Axis(0), 0);
            transform.apply(&mut label);
            input = label.insert_axis(Axis(0));
        }
        case.check("expected", input.iter().map(|v| f64::from(*v)));
    }
}
