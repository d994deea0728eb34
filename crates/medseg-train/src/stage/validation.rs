//! Mean Dice of a stage over the validation cases.

use burn::tensor::{Tensor, TensorData};
use medseg_inference::{MaskRule, NoProgress};
use medseg_metrics::{EmptyPolicy, confusion};
use medseg_unet::UNet;
use ndarray::{Array3, ArrayView4, Axis};

use super::StageRun;
use crate::cases::{CaseSource, Prepared};
use crate::config::StageInput;
use crate::{Observer, TrainError};

/// Dice per case on the stage's own grid (resized, whole, or cut to the reference's box), then the mean over the cases
/// with foreground; `None` if no case has any. `warn` names the cases without.
pub(crate) fn validate(
    run: &StageRun<'_>,
    network: &UNet,
    cases: &CaseSource,
    warn: bool,
    observer: &mut dyn Observer,
) -> Result<Option<f64>, TrainError> {
    observer.begin(&format!("{} validation", run.name), cases.len());
    let mut scores = Vec::new();
    for index in 0..cases.len() {
        let case = cases.get(index)?;
        if let Some(warning) = case.warning.as_ref().filter(|_| warn) {
            observer.warn(&format!("{warning}; it is left out of the validation Dice"));
        }
        let mask = predict(run, network, &case).map_err(|e| e.in_case(cases.id(index)))?;
        scores.push(confusion(mask.view(), case.label.view())?.dice(EmptyPolicy::default()));
        observer.advance(index + 1, "");
    }
    observer.end();
    scores.retain(|dice| !dice.is_nan());
    Ok((!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64))
}

fn predict(run: &StageRun<'_>, network: &UNet, case: &Prepared) -> Result<Array3<u8>, TrainError> {
    let mut predictor = |windows: Tensor<5>| network.forward(windows);
    let image = case.image.view().insert_axis(Axis(0));
    if run.config.input != StageInput::Whole {
        let window = run.config.sliding_window();
        return Ok(window.predict_mask(&image, MaskRule::default(), run.device, &mut predictor, &mut NoProgress)?);
    }
    let (_, d, h, w) = image.dim();
    let input = TensorData::new(image.iter().copied().collect::<Vec<f32>>(), [1, 1, d, h, w]);
    let logits = predictor(Tensor::from_data(input, run.device));
    let logits = logits.try_into_vec_as::<f32>().map_err(|e| TrainError::Device(e.to_string()))?;
    let logits = ArrayView4::from_shape((1, d, h, w), &logits).map_err(|e| TrainError::Device(e.to_string()))?;
    Ok(MaskRule::default().apply(&logits)?)
}
