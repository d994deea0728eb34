//! Equality with the reference implementation: windows, weights, stitching, activations.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::module::conv3d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use medseg_inference::{Blend, Dhw, MaskRule, NoProgress, Padding, SlidingWindow, one_hot, sigmoid, softmax};
use ndarray::{Array4, ArrayD, Axis, Ix3, Ix4, IxDyn};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// One golden file.
struct Golden {
    name: String,
    params: Value,
    rtol: f64,
    atol: f64,
    tensors: BTreeMap<String, ArrayD<f64>>,
}

impl Golden {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("golden file");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("header");
        let case = header.metadata().as_ref().and_then(|m| m.get("case")).expect("metadata `case`");
        let case: Value = serde_json::from_str(case).expect("case");
        let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
        let tensors = tensors
            .iter()
            .map(|(name, view)| {
                let values: Vec<f64> = match view.dtype() {
                    Dtype::F32 => numbers::<4>(view.data(), |b| f32::from_le_bytes(b).into()),
                    Dtype::F64 => numbers::<8>(view.data(), f64::from_le_bytes),
                    Dtype::I64 => numbers::<8>(view.data(), |b| i64::from_le_bytes(b) as f64),
                    Dtype::U8 => numbers::<1>(view.data(), |b| b[0].into()),
                    other => panic!("{name}: {other:?}"),
                };
                (name.to_string(), ArrayD::from_shape_vec(IxDyn(view.shape()), values).expect("shape"))
            })
            .collect();
        let tolerance = |key: &str| case["tolerance"][key].as_f64().expect("tolerance");
        Self {
            name: path.file_stem().expect("name").to_string_lossy().into_owned(),
            rtol: tolerance("rtol"),
            atol: tolerance("atol"),
            params: case["params"].clone(),
            tensors,
        }
    }

    fn all(op: &str) -> Vec<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(op);
        let goldens: Vec<Self> = fs::read_dir(&folder)
            .expect("golden folder")
            .map(|entry| entry.expect("entry").path())
            .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
            .map(|path| Self::read(&path))
            .collect();
        assert!(!goldens.is_empty(), "no golden file in {}", folder.display());
        goldens
    }

    fn tensor(&self, name: &str) -> &ArrayD<f64> {
        self.tensors.get(name).unwrap_or_else(|| panic!("{}: no tensor `{name}`", self.name))
    }

    fn floats(&self, name: &str) -> ArrayD<f32> {
        self.tensor(name).mapv(|v| v as f32)
    }

    fn on_device<const D: usize>(&self, name: &str, shape: [usize; D]) -> Tensor<D> {
        let values: Vec<f32> = self.floats(name).into_iter().collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    fn triple<T: From<f64>>(&self, value: &Value) -> [T; 3] {
        let numbers: Vec<f64> = match value {
            Value::Array(items) => items.iter().map(|v| v.as_f64().expect("number")).collect(),
            one => vec![one.as_f64().expect("number"); 3],
        };
        [0, 1, 2].map(|axis| numbers[axis].into())
    }

    fn sizes(&self, key: &str) -> Dhw<usize> {
        Dhw::from(self.triple::<f64>(&self.params[key]).map(|v| v as usize))
    }

    fn text(&self, key: &str) -> &str {
        self.params[key].as_str().unwrap_or_else(|| panic!("{}: no `{key}`", self.name))
    }

    #[track_caller]
    fn compare(&self, what: &str, got: &ArrayD<f32>) {
        let want = self.tensor(what);
        assert_eq!(got.shape(), want.shape(), "{}: {what}", self.name);
        for ((index, &got), &want) in got.indexed_iter().zip(want) {
            let got = f64::from(got);
            let near = (got - want).abs() <= self.atol + self.rtol * want.abs();
            assert!(near || (got.is_nan() && want.is_nan()), "{}: {what}{index:?} = {got}, not {want}", self.name);
        }
    }
}

fn numbers<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
}

/// The predictor that the case names.
fn predict(golden: &Golden, windows: Tensor<5>) -> Tensor<5> {
    let [_, channels, d, h, w] = windows.dims();
    let out = golden.params["out_channels"].as_u64().expect("out_channels") as usize;
    match golden.text("predictor") {
        "conv3" => conv3d(
            windows,
            golden.on_device("pred_weight", [out, channels, 3, 3, 3]),
            Some(golden.on_device("pred_bias", [out])),
            ConvOptions::new([1; 3], [1; 3], [1; 3], 1),
        ),
        "position" => {
            let mix = golden.on_device("pred_mix", [out, channels, 1, 1, 1]);
            let mixed = conv3d(windows, mix, None, ConvOptions::new([1; 3], [0; 3], [1; 3], 1));
            mixed + golden.on_device("pred_position", [1, out, d, h, w])
        }
        "position_scale" => windows.narrow(1, 0, 1) * golden.on_device("pred_position", [1, out, d, h, w]),
        "window_mean" => windows.clone() - windows.mean_dims(&[2, 3, 4]),
        other => panic!("{}: unknown predictor {other}", golden.name),
    }
}

fn sliding_window(golden: &Golden) -> SlidingWindow {
    let sigma_scale = golden.params["sigma_scale"].as_f64().expect("sigma_scale");
    SlidingWindow {
        roi: golden.sizes("roi_effective"),
        overlap: Dhw::from(golden.triple::<f64>(&golden.params["overlap"])),
        blend: match golden.text("mode") {
            "constant" => Blend::Constant,
            "gaussian" => Blend::Gaussian { sigma_scale },
            other => panic!("{}: unknown mode {other}", golden.name),
        },
        batch: golden.params["sw_batch_size"].as_u64().expect("sw_batch_size") as usize,
        padding: match golden.text("padding_mode") {
            "constant" => Padding::Constant(golden.params["cval"].as_f64().expect("cval") as f32),
            "reflect" => Padding::Reflect,
            "replicate" => Padding::Replicate,
            "circular" => Padding::Circular,
            other => panic!("{}: unknown padding {other}", golden.name),
        },
    }
}

#[test]
fn windows_lie_where_the_reference_puts_them() {
    for golden in Golden::all("sliding_window") {
        let shape = golden.tensor("input").shape().to_vec();
        let plan = sliding_window(&golden).plan(Dhw::from([shape[2], shape[3], shape[4]])).expect("plan");
        let padding = plan.padding().to_array().map(|(low, high)| [low as f32, high as f32]);
        golden.compare("pad", &ndarray::arr2(&padding).into_dyn());
        golden.compare("scan_interval", &ndarray::arr1(&plan.scan_interval().to_array().map(|n| n as f32)).into_dyn());
        let low = plan.padding().map(|(low, _)| low as isize).to_array();
        let starts: Vec<[f32; 3]> = plan
            .windows()
            .map(|window| {
                let start = window.start.to_array();
                [0, 1, 2].map(|axis| (start[axis] + low[axis]) as f32)
            })
            .collect();
        golden.compare("window_starts", &ndarray::arr2(&starts).into_dyn());
    }
}

#[test]
fn stitched_logits_equal_the_reference() {
    for golden in Golden::all("sliding_window") {
        let sliding = sliding_window(&golden);
        let map = sliding.blend.importance_map(sliding.roi).expect("map");
        golden.compare("importance_map", &map.into_dyn());
        let samples: Vec<Array4<f32>> = golden
            .floats("input")
            .axis_iter(Axis(0))
            .map(|sample| {
                let sample = sample.into_dimensionality::<Ix4>().expect("[channel, d, h, w]");
                let mut predictor = |windows: Tensor<5>| predict(&golden, windows);
                sliding.predict(&sample, &Device::flex(), &mut predictor, &mut NoProgress).expect("prediction")
            })
            .collect();
        let views: Vec<_> = samples.iter().map(|sample| sample.view()).collect();
        golden.compare("expected", &ndarray::stack(Axis(0), &views).expect("batch").into_dyn());
    }
}

#[test]
fn importance_maps_equal_the_reference() {
    for golden in Golden::all("importance_map") {
        let roi = golden.sizes("roi");
        let sigma_scale = golden.params["sigma_scale"].as_f64().expect("sigma_scale");
        let map = Blend::Gaussian { sigma_scale }.importance_map(roi).expect("map");
        let [d, h, w] = roi.map(|n| n / 2).to_array();
        let line = |values: Vec<f32>| ndarray::Array1::from(values).into_dyn();
        golden.compare("line_axis0", &line((0..roi.d).map(|i| map[[i, h, w]]).collect()));
        golden.compare("line_axis1", &line((0..roi.h).map(|i| map[[d, i, w]]).collect()));
        golden.compare("line_axis2", &line((0..roi.w).map(|i| map[[d, h, i]]).collect()));
        let shortest = roi.d.min(roi.h).min(roi.w);
        golden.compare("diagonal", &line((0..shortest).map(|i| map[[i, i, i]]).collect()));
        let (min, max) = map.iter().fold((f32::INFINITY, 0.0_f32), |(low, high), v| (low.min(*v), high.max(*v)));
        golden.compare("min", &ndarray::arr0(min).into_dyn());
        golden.compare("max", &ndarray::arr0(max).into_dyn());
        let raised = map.iter().filter(|v| **v == min).count();
        if min == 1e-3 {
            golden.compare("clamped_count", &ndarray::arr0(raised as f32).into_dyn());
        }
        if golden.tensors.contains_key("expected") {
            golden.compare("expected", &map.into_dyn());
        }
    }
}

#[test]
fn activations_and_labels_equal_the_reference() {
    for golden in Golden::all("post") {
        let logits = golden.floats("input").into_dimensionality::<Ix4>().expect("[class, d, h, w]");
        let classes = golden.params["num_classes"].as_u64().expect("num_classes") as usize;
        let threshold = golden.params["threshold"].as_f64().expect("threshold") as f32;
        golden.compare("sigmoid", &logits.mapv(sigmoid).into_dyn());
        golden.compare("softmax", &softmax(&logits.view()).into_dyn());

        let rule = MaskRule { threshold };
        let labels = rule.apply(&logits.view()).expect("argmax");
        golden.compare("argmax", &labels.mapv(f32::from).insert_axis(Axis(0)).into_dyn());
        golden.compare("argmax_onehot", &one_hot(&labels.view(), classes).expect("one-hot").into_dyn());

        let masks: Vec<_> = (0..logits.dim().0)
            .map(|class| {
                rule.apply(&logits.slice(ndarray::s![class..=class, .., .., ..])).expect("mask").mapv(f32::from)
            })
            .collect();
        let views: Vec<_> = masks.iter().map(|mask| mask.view()).collect();
        let masks = ndarray::stack(Axis(0), &views).expect("channels").into_dyn();
        golden.compare("sigmoid_threshold_0p5", &masks);

        let labels = golden.tensor("labels").mapv(|v| v as u8).remove_axis(Axis(0));
        let labels = labels.into_dimensionality::<Ix3>().expect("[d, h, w]");
        golden.compare("one_hot_dim0", &one_hot(&labels.view(), classes).expect("one-hot").into_dyn());
        let batched = golden.params["batched_num_classes"].as_u64().expect("batched_num_classes") as usize;
        let channels = one_hot(&labels.view(), batched).expect("one-hot");
        golden.compare("one_hot_batched", &channels.insert_axis(Axis(0)).into_dyn());
    }
}
