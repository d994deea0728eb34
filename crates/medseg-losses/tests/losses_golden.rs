//! Dice loss against stored values and gradients of the reference implementation (MONAI).

use std::path::Path;

use burn::tensor::{DType, Device, Tensor, TensorData};
use medseg_losses::{Activation, DiceLoss, DiceLossConfig, Reduction};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

struct Golden {
    name: String,
    bytes: Vec<u8>,
    case: Value,
}

impl Golden {
    fn all() -> Vec<Golden> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dice_loss");
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "safetensors"));
        paths.sort();
        assert!(!paths.is_empty());
        paths
            .iter()
            .map(|path| {
                let bytes = std::fs::read(path).unwrap();
                let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
                let case = serde_json::from_str(&header.metadata().as_ref().unwrap()["case"]).unwrap();
                Golden { name: path.display().to_string(), bytes, case }
            })
            .collect()
    }

    fn values(&self, name: &str) -> (Vec<usize>, Vec<f64>) {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = tensors.tensor(name).unwrap();
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
            Dtype::F64 => data.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            Dtype::U8 => data.iter().map(|&v| f64::from(v)).collect(),
            other => panic!("{}: {name} is {other:?}", self.name),
        };
        (view.shape().to_vec(), values)
    }

    fn tensor(&self, name: &str, dtype: DType, device: &Device) -> Tensor<5> {
        let (shape, values) = self.values(name);
        Tensor::from_data(TensorData::new(values, shape), (device, dtype))
    }

    fn reduction(&self) -> &str {
        self.case["params"]["reduction"].as_str().unwrap()
    }

    fn loss(&self) -> DiceLoss {
        let params = &self.case["params"];
        let flag = |name: &str| params[name].as_bool().unwrap();
        let number = |name: &str| params[name].as_f64().unwrap();
        assert!(params["ignore_index"].is_null(), "{}: ignore_index is not offered", self.name);
        let activation = match (flag("sigmoid"), flag("softmax")) {
            (true, _) => Activation::Sigmoid,
            (false, true) => Activation::Softmax,
            (false, false) => Activation::None,
        };
        DiceLossConfig {
            activation,
            to_onehot_y: flag("to_onehot_y"),
            include_background: flag("include_background"),
            squared_pred: flag("squared_pred"),
            jaccard: flag("jaccard"),
            batch: flag("batch"),
            soft_label: flag("soft_label"),
            smooth_nr: number("smooth_nr"),
            smooth_dr: number("smooth_dr"),
            reduction: if self.reduction() == "sum" { Reduction::Sum } else { Reduction::Mean },
            weight: self.weight(),
        }
        .init()
        .unwrap()
    }

    /// One weight for each class; the reference also takes a single number for all.
    fn weight(&self) -> Option<Vec<f64>> {
        let params = &self.case["params"];
        let channels = self.values("input").0[1];
        let dropped = usize::from(!params["include_background"].as_bool().unwrap() && channels > 1);
        match &params["weight"] {
            Value::Null => None,
            Value::Array(weights) => Some(weights.iter().map(|w| w.as_f64().unwrap()).collect()),
            number => Some(vec![number.as_f64().unwrap(); channels - dropped]),
        }
    }

    fn check(&self, name: &str, got: &TensorData, rtol: f64, atol: f64) {
        let got = got.clone().convert::<f64>().try_to_vec::<f64>().unwrap();
        let want = self.values(name).1;
        assert_eq!(got.len(), want.len(), "{}: {name}", self.name);
        for (i, (&got, &want)) in got.iter().zip(&want).enumerate() {
            let close = (got - want).abs() <= atol + rtol * want.abs() || (got.is_nan() && want.is_nan());
            assert!(close, "{}: {name}[{i}] is {got}, expected {want}", self.name);
        }
    }
}

/// Value and gradient in one precision.
fn replay(golden: &Golden, dtype: DType) -> (TensorData, TensorData) {
    let device = Device::flex().autodiff();
    let input = golden.tensor("input", dtype, &device).require_grad();
    let target = golden.tensor("target", dtype, &device);
    let loss = golden.loss();
    let (value, scalar) = if golden.reduction() == "none" {
        let losses = loss.forward_no_reduction(input.clone(), target);
        let cotangent = TensorData::new(golden.values("grad_output").1, losses.shape());
        (losses.to_data(), (losses * Tensor::from_data(cotangent, (&device, dtype))).sum())
    } else {
        let value = loss.forward(input.clone(), target);
        (value.to_data(), value.mul_scalar(golden.values("grad_output").1[0]))
    };
    let gradient = input.grad(&scalar.backward()).unwrap();
    (value, gradient.to_data())
}

#[test]
fn values_and_gradients_equal_the_reference() {
    for golden in Golden::all() {
        let tolerance = |key: &str| golden.case["tolerance"][key].as_f64().unwrap();
        let (rtol, atol) = (tolerance("rtol"), tolerance("atol"));
        let (value, gradient) = replay(&golden, DType::F32);
        golden.check("expected", &value, rtol, atol);
        golden.check("grad_input", &gradient, rtol, atol);
    }
}

#[test]
fn values_and_gradients_equal_the_reference_in_double_precision() {
    for golden in Golden::all() {
        let (value, gradient) = replay(&golden, DType::F64);
        // The reference keeps one-hot targets (and sizes taken from them) and weights in single precision, which is
        // seen at 1e-8 of the largest gradient, and stores the gradient in single precision.
        let largest = golden.values("grad_input").1.iter().fold(0.0, |max: f64, g| max.max(g.abs()));
        golden.check("expected_f64", &value, 1e-7, 1e-8);
        golden.check("grad_input", &gradient, 1e-6, 1e-8 * largest);
    }
}
