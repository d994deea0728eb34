//! Dice loss against stored values and gradients of the reference implementation (MONAI).

use burn::tensor::{DType, Device, Tensor, TensorData};
use medseg_losses::{DiceLoss, DiceLossConfig, LossActivation, Reduction};
use medseg_testing::Golden;
use serde_json::Value;

/// A case of the loss.
struct Case(Golden);

impl Case {
    fn all() -> Vec<Self> {
        Golden::all("dice_loss").into_iter().map(Self).collect()
    }

    fn values(&self, name: &str) -> &[f64] {
        &self.0.tensor(name).values
    }

    fn tensor(&self, name: &str, dtype: DType, device: &Device) -> Tensor<5> {
        let shape = self.0.tensor(name).shape.clone();
        Tensor::from_data(TensorData::new(self.values(name).to_vec(), shape), (device, dtype))
    }

    fn reduction(&self) -> &str {
        self.0.params["reduction"].as_str().unwrap()
    }

    fn loss(&self) -> DiceLoss {
        let params = &self.0.params;
        let flag = |name: &str| params[name].as_bool().unwrap();
        let number = |name: &str| params[name].as_f64().unwrap();
        assert!(params["ignore_index"].is_null(), "{}: ignore_index is not offered", self.0.name);
        let activation = match (flag("sigmoid"), flag("softmax")) {
            (true, _) => LossActivation::Sigmoid,
            (false, true) => LossActivation::Softmax,
            (false, false) => LossActivation::Given,
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
        let params = &self.0.params;
        let channels = self.0.tensor("input").shape[1];
        let dropped = usize::from(!params["include_background"].as_bool().unwrap() && channels > 1);
        match &params["weight"] {
            Value::Null => None,
            Value::Array(weights) => Some(weights.iter().map(|w| w.as_f64().unwrap()).collect()),
            number => Some(vec![number.as_f64().unwrap(); channels - dropped]),
        }
    }

    fn check(&self, name: &str, got: &TensorData, rtol: f64, atol: f64) {
        self.0.check_within(name, got.clone().convert::<f64>().try_to_vec::<f64>().unwrap(), rtol, atol);
    }
}

/// Value and gradient in one precision.
fn replay(golden: &Case, dtype: DType) -> (TensorData, TensorData) {
    let device = Device::flex().autodiff();
    let input = golden.tensor("input", dtype, &device).require_grad();
    let target = golden.tensor("target", dtype, &device);
    let loss = golden.loss();
    let (value, scalar) = if golden.reduction() == "none" {
        let losses = loss.forward_no_reduction(input.clone(), target);
        let cotangent = TensorData::new(golden.values("grad_output").to_vec(), losses.shape());
        (losses.to_data(), (losses * Tensor::from_data(cotangent, (&device, dtype))).sum())
    } else {
        let value = loss.forward(input.clone(), target);
        (value.to_data(), value.mul_scalar(golden.values("grad_output")[0]))
    };
    let gradient = input.grad(&scalar.backward()).unwrap();
    (value, gradient.to_data())
}

#[test]
fn values_and_gradients_equal_the_reference() {
    for golden in Case::all() {
        let (rtol, atol) = (golden.0.rtol, golden.0.atol);
        let (value, gradient) = replay(&golden, DType::F32);
        golden.check("expected", &value, rtol, atol);
        golden.check("grad_input", &gradient, rtol, atol);
    }
}

#[test]
fn values_and_gradients_equal_the_reference_in_double_precision() {
    for golden in Case::all() {
        let (value, gradient) = replay(&golden, DType::F64);
        // The reference keeps one-hot targets (and sizes taken from them) and weights in single precision, which is
        // seen at 1e-8 of the largest gradient, and stores the gradient in single precision.
        let largest = golden.values("grad_input").iter().fold(0.0, |max: f64, g| max.max(g.abs()));
        golden.check("expected_f64", &value, 1e-7, 1e-8);
        golden.check("grad_input", &gradient, 1e-6, 1e-8 * largest);
    }
}
