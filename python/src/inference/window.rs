//! A sliding window over an image, with a network of Python.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_inference::{Blend, InferenceError, MaskRule, Padding, Probabilities, SlidingWindowConfig};
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, Array5, Axis};
use numpy::{PyArray3, PyArray4, PyArray5, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::interrupt::{Line, interruptible};
use crate::arrays::{Mask, OneOrThree, as_numpy, check_ndim, floats, tuple};
use crate::compute::check_memory;
use crate::errors::{bad_value, raised};

/// A question of the sliding window.
enum Question {
    /// Logits of these windows.
    Windows(Array5<f32>),
    /// Windows done, and all.
    Progress(usize, usize),
}

/// Logits `[batch, class, x, y, z]`, or nothing to say.
type Answer = Option<(Vec<f32>, [usize; 5])>;

/// The result that is wanted.
enum Output {
    Logits,
    Probabilities(Probabilities),
    Mask(MaskRule),
}

/// A result, with the axes of the array.
enum Found {
    Classes(Array4<f32>),
    Mask(Array3<u8>),
}

/// Runs a network over an image window by window and puts its logits together (MONAI's `sliding_window_inference`).
///
/// `image` is `[x, y, z]` or `[channel, x, y, z]`. `network` is called with a batch of windows, a C-contiguous float32 array
/// `[batch, channel, x, y, z]` of at most `batch` windows, and returns logits of the same batch and size, `[batch, class, x, y, z]`:
/// an array or what `numpy.asarray` takes. It is called in the thread that called this function. `roi` is the size of a window
/// along x, y and z, `overlap` the part of a window that the next one shares, `blend` "constant" or "gaussian" with `sigma_scale`.
/// Images smaller than a window are padded: "constant" with `padding_value`, "reflect", "replicate" or "circular".
/// `mirror` are axes along which windows are flipped too, their probabilities averaged.
///
/// `output` is "logits", "probabilities" (`[class, x, y, z]`) or "mask" (`[x, y, z]`, uint8, of which the logits of the whole image
/// never exist). `activation` of probabilities and masks is "softmax", "sigmoid", or by default sigmoid for one class and softmax for
/// several. Windows outside of `region`, a mask, are left out and count as background. `progress` is called with the windows done and
/// all; an exception from it or from the network, and Ctrl-C, end the inference.
#[pyfunction]
#[pyo3(signature = (
    image, network, roi, *, overlap=OneOrThree::One(0.25), blend="constant", sigma_scale=0.125, batch=4,
    padding="constant", padding_value=0.0, mirror=OneOrThree::One(false), output="logits", activation=None, threshold=0.5,
    region=None, progress=None
))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub fn sliding_window<'py>(
    py: Python<'py>,
    image: &Bound<'py, PyAny>,
    network: &Bound<'py, PyAny>,
    roi: OneOrThree<usize>,
    overlap: OneOrThree<f64>,
    blend: &str,
    sigma_scale: f64,
    batch: usize,
    padding: &str,
    padding_value: f32,
    mirror: OneOrThree<bool>,
    output: &str,
    activation: Option<&str>,
    threshold: f32,
    region: Option<&Bound<'py, PyAny>>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    // The window knows no geometry, so its axes are those of the array.
    let own = |[d, h, w]: [usize; 3]| Dhw { d, h, w };
    let mut config = SlidingWindowConfig::new(own(roi.xyz()));
    config.overlap = Dhw::from(overlap.xyz());
    config.batch = batch;
    config.mirror = Dhw::from(mirror.xyz());
    config.blend = match blend {
        "constant" => Blend::Constant,
        "gaussian" => Blend::Gaussian { sigma_scale },
        other => return Err(bad_value(format!("blend {other:?} is neither \"constant\" nor \"gaussian\""))),
    };
    config.padding = match padding {
        "constant" => Padding::Constant(padding_value),
        "reflect" => Padding::Reflect,
        "replicate" => Padding::Replicate,
        "circular" => Padding::Circular,
        other => {
            let names = "\"constant\", \"reflect\", \"replicate\" and \"circular\"";
            return Err(bad_value(format!("padding {other:?} is none of {names}")));
        }
    };
    let output = wanted(output, activation, threshold)?;
    let window = config.init().map_err(|error| raised(&error))?;
    let image = image_of(image)?;
    let (channels, x, y, z) = image.dim();
    let region = region.map(|region| Mask::of(region, "region", None)).transpose()?;
    let region = region.as_ref().map(Mask::view);
    if let Some(region) = region.filter(|region| region.shape() != [x, y, z]) {
        let (region, image) = (tuple(region.shape()), tuple(&[x, y, z]));
        return Err(bad_value(format!("region {region} and image {image} differ in shape")));
    }
    let plan = window.plan(own([x, y, z])).map_err(|error| raised(&error))?;
    let voxels = plan.roi().to_array().into_iter().fold(1, |all: u128, n| all.saturating_mul(n as u128));
    let windows = voxels.saturating_mul(batch.min(plan.len()) as u128).saturating_mul(channels as u128 * 12);
    check_memory("a batch of windows", windows)?;
    let device = Device::flex();
    let work = |line: &Line<'_, Question, Answer>| -> Result<Found, InferenceError> {
        let mut predict = |windows: Tensor<5>| logits_of(windows, line, &device);
        let mut report = |done: usize, total: usize| match line.ask(Question::Progress(done, total)) {
            Some(_) => std::ops::ControlFlow::Continue(()),
            None => std::ops::ControlFlow::Break(()),
        };
        let mut inference = window.infer(image.view(), &device, &mut predict).progress(&mut report);
        if let Some(region) = region {
            inference = inference.within(region);
        }
        Ok(match &output {
            Output::Logits => Found::Classes(inference.logits()?),
            Output::Probabilities(of) => Found::Classes(inference.probabilities(*of)?),
            Output::Mask(rule) => Found::Mask(inference.mask(rule.clone())?),
        })
    };
    let done = interruptible(py, work, &mut |question| match question {
        Question::Windows(windows) => called(network, windows).map(Some),
        Question::Progress(done, total) => {
            progress.map(|progress| progress.call1((done, total))).transpose()?;
            Ok(None)
        }
    })?;
    Ok(match done.map_err(|error| raised(&error))? {
        Found::Classes(scores) => PyArray4::from_owned_array(py, scores).as_untyped().clone(),
        Found::Mask(mask) => PyArray3::from_owned_array(py, mask).as_untyped().clone(),
    })
}

fn wanted(output: &str, activation: Option<&str>, threshold: f32) -> PyResult<Output> {
    let activation = match activation {
        None => None,
        Some("softmax") => Some(Probabilities::Softmax),
        Some("sigmoid") => Some(Probabilities::Sigmoid),
        Some(other) => {
            return Err(bad_value(format!("activation {other:?} is neither \"softmax\" nor \"sigmoid\"")));
        }
    };
    Ok(match output {
        "logits" => Output::Logits,
        "probabilities" => Output::Probabilities(activation.ok_or_else(|| {
            bad_value("activation is missing: \"softmax\" for classes that exclude each other, or \"sigmoid\"")
        })?),
        "mask" => Output::Mask(MaskRule::default().with_threshold(threshold)),
        other => {
            return Err(bad_value(format!("output {other:?} is none of \"logits\", \"probabilities\" and \"mask\"")));
        }
    })
}

/// Voxels `[channel, x, y, z]`, the array's own axes.
fn image_of(image: &Bound<'_, PyAny>) -> PyResult<Array4<f32>> {
    let array = as_numpy(image, "image")?;
    check_ndim(&array, "image", &[3, 4])?;
    let values = floats(&array, "image")?;
    let values = if array.ndim() == 3 { values.insert_axis(Axis(0)) } else { values };
    values.into_dimensionality().map_err(|error| bad_value(error.to_string()))
}

/// Logits of a batch of windows, by way of the thread of Python.
fn logits_of(
    windows: Tensor<5>,
    line: &Line<'_, Question, Answer>,
    device: &Device,
) -> Result<Tensor<5>, InferenceError> {
    let dims = windows.dims();
    let data =
        windows.try_into_data_as::<f32>().map_err(|error| InferenceError::Predictor(format!("{error:?}").into()))?;
    let values = data.try_to_vec::<f32>().map_err(|error| InferenceError::Predictor(format!("{error:?}").into()))?;
    let windows = Array5::from_shape_vec(dims, values).map_err(|error| InferenceError::Predictor(Box::new(error)))?;
    match line.ask(Question::Windows(windows)) {
        Some(Some((values, dims))) => Ok(Tensor::from_data(TensorData::new(values, dims), device)),
        _ => Err(InferenceError::Cancelled { done: 0, total: 0 }),
    }
}

/// Calls the network of Python.
fn called(network: &Bound<'_, PyAny>, windows: Array5<f32>) -> PyResult<(Vec<f32>, [usize; 5])> {
    let expected: Vec<usize> = windows.shape().to_vec();
    let found = network.call1((PyArray5::from_owned_array(network.py(), windows),))?;
    let array = as_numpy(&found, "the network's output")?;
    let shape = array.shape().to_vec();
    let fits = shape.len() == 5 && shape[0] == expected[0] && shape[2..] == expected[2..];
    let Ok(dims) =
        <[usize; 5]>::try_from(shape.as_slice()).map_err(drop).and_then(|dims| fits.then_some(dims).ok_or(()))
    else {
        let (shape, expected) = (tuple(&shape), tuple(&expected));
        return Err(bad_value(format!(
            "the network returned an array of shape {shape} for windows of shape {expected} [batch, channel, x, y, z]; it \
             must keep the batch and the size"
        )));
    };
    let (values, _) = floats(&array, "the network's output")?.into_raw_vec_and_offset();
    Ok((values, dims))
}
