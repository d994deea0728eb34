//! Equality with the reference implementation: windows, weights, stitching, labels.

use burn::tensor::module::conv3d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use medseg_inference::{Blend, Dhw, MaskRule, Padding, SlidingWindowConfig, Stitch};
use medseg_testing::Golden;
use ndarray::{Array4, ArrayD, Axis, Ix4, IxDyn};
use serde_json::Value;

/// One case.
struct Case(Golden);

impl Case {
    fn all(op: &str) -> Vec<Self> {
        Golden::all(op).into_iter().map(Self).collect()
    }

    fn tensor(&self, name: &str) -> ArrayD<f64> {
        let values = self.0.tensor(name);
        ArrayD::from_shape_vec(IxDyn(&values.shape), values.values.clone()).expect("shape")
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
        Dhw::from(self.triple::<f64>(&self.0.params[key]).map(|v| v as usize))
    }

    fn text(&self, key: &str) -> &str {
        self.0.params[key].as_str().unwrap_or_else(|| panic!("{}: no `{key}`", self.0.name))
    }

    #[track_caller]
    fn compare(&self, what: &str, got: &ArrayD<f32>) {
        let want = self.tensor(what);
        assert_eq!(got.shape(), want.shape(), "{}: {what}", self.0.name);
        self.0.check(what, got.iter().map(|v| f64::from(*v)));
    }
}

/// The predictor that the case names.
fn predict(golden: &Case, windows: Tensor<5>) -> Tensor<5> {
    let [_, channels, d, h, w] = windows.dims();
    let out = golden.0.params["out_channels"].as_u64().expect("out_channels") as usize;
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
        other => panic!("{}: unknown predictor {other}", golden.0.name),
    }
}

fn sliding_window(golden: &Case) -> SlidingWindowConfig {
    let sigma_scale = golden.0.params["sigma_scale"].as_f64().expect("sigma_scale");
    SlidingWindowConfig {
        roi: golden.sizes("roi_effective"),
        overlap: Dhw::from(golden.triple::<f64>(&golden.0.params["overlap"])),
        blend: match golden.text("mode") {
            "constant" => Blend::Constant,
            "gaussian" => Blend::Gaussian { sigma_scale },
            other => panic!("{}: unknown mode {other}", golden.0.name),
        },
        batch: golden.0.params["sw_batch_size"].as_u64().expect("sw_batch_size") as usize,
        padding: match golden.text("padding_mode") {
            "constant" => Padding::Constant(golden.0.params["cval"].as_f64().expect("cval") as f32),
            "reflect" => Padding::Reflect,
            "replicate" => Padding::Replicate,
            "circular" => Padding::Circular,
            other => panic!("{}: unknown padding {other}", golden.0.name),
        },
        ..SlidingWindowConfig::default()
    }
}

#[test]
fn windows_lie_where_the_reference_puts_them() {
    for golden in Case::all("sliding_window") {
        let shape = golden.tensor("input").shape().to_vec();
        let plan = sliding_window(&golden)
            .init()
            .expect("settings")
            .plan(Dhw::from([shape[2], shape[3], shape[4]]))
            .expect("plan");
        let padding = plan.padding().to_array().map(|(low, high)| [low as f32, high as f32]);
        golden.compare("pad", &ndarray::arr2(&padding).into_dyn());
        golden.compare("scan_interval", &ndarray::arr1(&plan.scan_interval().to_array().map(|n| n as f32)).into_dyn());
        let low = plan.padding().map(|(low, _)| low as isize).to_array();
        let mut starts: Vec<[f32; 3]> = plan
            .windows()
            .map(|window| {
                let start = window.start.to_array();
                [0, 1, 2].map(|axis| (start[axis] + low[axis]) as f32)
            })
            .collect();
        // The reference always has the first axis slowest; here the sweep's order depends on the image's shape.
        starts.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
        golden.compare("window_starts", &ndarray::arr2(&starts).into_dyn());
    }
}

#[test]
fn stitched_logits_equal_the_reference() {
    for golden in Case::all("sliding_window") {
        let sliding = sliding_window(&golden);
        let map = sliding.blend.importance_map(sliding.roi).expect("map");
        golden.compare("importance_map", &map.into_dyn());
        for stitch in [Stitch::Host, Stitch::Device] {
            golden.compare("expected", &stitched(&golden, &sliding.with_stitch(stitch)));
        }
    }
}

/// Logits of all samples of the case.
fn stitched(golden: &Case, sliding: &SlidingWindowConfig) -> ArrayD<f32> {
    let samples: Vec<Array4<f32>> = golden
        .floats("input")
        .axis_iter(Axis(0))
        .map(|sample| {
            let sample = sample.into_dimensionality::<Ix4>().expect("[channel, d, h, w]");
            let mut predictor = |windows: Tensor<5>| predict(golden, windows);
            let window = sliding.init().expect("settings");
            window.infer(sample, &Device::flex(), &mut predictor).logits().expect("prediction")
        })
        .collect();
    let views: Vec<_> = samples.iter().map(|sample| sample.view()).collect();
    ndarray::stack(Axis(0), &views).expect("batch").into_dyn()
}

#[test]
fn importance_maps_equal_the_reference() {
    for golden in Case::all("importance_map") {
        let roi = golden.sizes("roi");
        let sigma_scale = golden.0.params["sigma_scale"].as_f64().expect("sigma_scale");
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
        if golden.0.has("expected") {
            golden.compare("expected", &map.into_dyn());
        }
    }
}

#[test]
fn labels_equal_the_reference() {
    for golden in Case::all("post") {
        let logits = golden.floats("input").into_dimensionality::<Ix4>().expect("[class, d, h, w]");
        let threshold = golden.0.params["threshold"].as_f64().expect("threshold") as f32;

        let rule = MaskRule::default().with_threshold(threshold);
        let labels = rule.apply(&logits.view()).expect("argmax");
        golden.compare("argmax", &labels.mapv(f32::from).insert_axis(Axis(0)).into_dyn());

        let masks: Vec<_> = (0..logits.dim().0)
            .map(|class| {
                rule.apply(&logits.slice(ndarray::s![class..=class, .., .., ..])).expect("mask").mapv(f32::from)
            })
            .collect();
        let views: Vec<_> = masks.iter().map(|mask| mask.view()).collect();
        let masks = ndarray::stack(Axis(0), &views).expect("channels").into_dyn();
        golden.compare("sigmoid_threshold_0p5", &masks);
    }
}
