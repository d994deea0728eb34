//! Every other loss against values and gradients of MONAI and PyTorch, written by `tests/golden/generate.py`.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Tensor, TensorData};
use medseg_losses::{
    CrossEntropyLossConfig, DeepSupervision, DiceCrossEntropyLossConfig, DiceFocalLossConfig, DiceLossConfig,
    FocalLossConfig, GeneralizedDiceLossConfig, TverskyLossConfig,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Deserialize)]
struct File {
    arrays: BTreeMap<String, Array>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Array {
    shape: Vec<usize>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    loss: String,
    config: Value,
    logits: String,
    target: String,
    value: f64,
    gradient: Vec<f64>,
}

fn file() -> File {
    let text = std::fs::read_to_string("tests/golden/losses.json").expect("the golden values");
    serde_json::from_str(&text).expect("golden values as the script writes them")
}

impl File {
    fn tensor(&self, name: &str, dtype: DType, device: &Device) -> Tensor<5> {
        let Array { shape, values } = &self.arrays[name];
        Tensor::from_data(TensorData::new(values.clone(), shape.clone()), (device, dtype))
    }
}

impl Case {
    fn config<T: DeserializeOwned>(&self) -> T {
        serde_json::from_value(self.config.clone()).unwrap_or_else(|e| panic!("{}: {e}", self.name()))
    }

    fn name(&self) -> String {
        format!("{} {} of {} and {}", self.loss, self.config, self.logits, self.target)
    }

    fn evaluate(&self, x: Tensor<5>, y: Tensor<5>) -> Tensor<1> {
        match self.loss.as_str() {
            "focal" => self.config::<FocalLossConfig>().init().unwrap().forward(x, y),
            "dice_focal" => self.config::<DiceFocalLossConfig>().init().unwrap().forward(x, y),
            "generalized_dice" => self.config::<GeneralizedDiceLossConfig>().init().unwrap().forward(x, y),
            "tversky" => self.config::<TverskyLossConfig>().init().unwrap().forward(x, y),
            "cross_entropy" => self.config::<CrossEntropyLossConfig>().init().unwrap().forward(x, y),
            "dice_cross_entropy" => self.config::<DiceCrossEntropyLossConfig>().init().unwrap().forward(x, y),
            "deep_supervision" => {
                let text = r#"{"activation": "softmax", "to_onehot_y": true}"#;
                let dice = serde_json::from_str::<DiceLossConfig>(text).unwrap().init().unwrap();
                let supervised = DeepSupervision::new(self.config()).unwrap();
                let middle = x.clone().narrow(3, 0, 2).narrow(4, 0, 3);
                let coarse = x.clone().narrow(2, 0, 1).narrow(3, 0, 1).narrow(4, 0, 2);
                supervised.forward(&[x, middle, coarse], &y, |x, y| dice.forward(x, y))
            }
            other => panic!("no loss {other}"),
        }
    }
}

/// Compares with a tolerance relative to the value and, for gradients, to the largest of them.
fn check(case: &Case, file: &File, dtype: DType, tolerance: f64) {
    let device = Device::flex().autodiff();
    let x = file.tensor(&case.logits, dtype, &device).require_grad();
    let loss = case.evaluate(x.clone(), file.tensor(&case.target, dtype, &device));
    let gradient = x.grad(&loss.clone().backward()).expect("a gradient");
    let numbers = |data: TensorData| data.convert::<f64>().try_to_vec::<f64>().unwrap();
    let value = numbers(loss.to_data())[0];
    let name = case.name();
    assert!((value - case.value).abs() <= tolerance * case.value.abs().max(1.0), "{name}: {value}, not {}", case.value);
    let largest = case.gradient.iter().fold(0.0, |max: f64, g| max.max(g.abs()));
    for (at, (got, want)) in numbers(gradient.to_data()).iter().zip(&case.gradient).enumerate() {
        let within = (got - want).abs() <= tolerance * (want.abs() + largest) + 1e-12;
        assert!(within, "{name}: gradient {at} is {got}, not {want}");
    }
}

#[test]
fn values_and_gradients_equal_the_reference_in_double_precision() {
    let file = file();
    assert!(file.cases.len() > 40);
    for case in &file.cases {
        // MONAI's focal loss computes in single precision whatever it is given.
        let single = case.loss.contains("focal") || case.loss == "deep_supervision";
        check(case, &file, DType::F64, if single { 2e-6 } else { 2e-8 });
    }
}

#[test]
fn values_and_gradients_equal_the_reference_in_single_precision() {
    let file = file();
    for case in &file.cases {
        check(case, &file, DType::F32, 1e-5);
    }
}
