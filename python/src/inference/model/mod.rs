//! Trained models: runs of `medseg train`, bundles of this project and of MONAI, models of nnU-Net.

mod input;
mod kind;
mod nnunet;
mod prediction;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use medseg_device::DeviceChoice;
use pyo3::prelude::*;

use super::interrupt::{Line, interruptible};
use crate::errors::{bad_value, raised};
use kind::Opened;

pub use input::Input;
pub use prediction::Prediction;

/// Message of a prediction at work: windows done, and all.
type Windows = (usize, usize);

/// A trained model on a device, made by `open_model`.
#[pyclass(frozen, module = "medseg")]
pub struct Model {
    opened: Mutex<Opened>,
    path: PathBuf,
    device: String,
    kind: &'static str,
    channels: usize,
    labels: BTreeMap<u16, String>,
}

/// Opens a trained model: the output folder of `medseg train` or a bundle, also one of MONAI; a model that nnU-Net v2 trained, as
/// folder, exported zip or bundle; a list of such models, `MODELS.json`.
///
/// `device` is "auto", "cpu", or "cuda" and "webgpu" in a build with these. `folds` are numbers, by default all of them. `mirror`
/// averages over mirrored windows, for nnU-Net by default as it trained, for others not. `bf16` computes products of convolutions
/// in bf16, but not for nnU-Net.
#[pyfunction]
#[pyo3(signature = (path, device="auto", *, folds=None, mirror=None, bf16=false))]
pub fn open_model(
    py: Python<'_>,
    path: PathBuf,
    device: &str,
    folds: Option<Vec<u32>>,
    mirror: Option<bool>,
    bf16: bool,
) -> PyResult<Model> {
    let choice: DeviceChoice = device.parse().map_err(|error| raised(&error))?;
    if let Some(folds) = &folds
        && let Some(twice) = folds.iter().enumerate().find(|(at, fold)| folds[..*at].contains(fold))
    {
        return Err(bad_value(format!("folds: {} is named twice", twice.1)));
    }
    let opened = interruptible(
        py,
        |_: &Line<'_, (), ()>| -> PyResult<_> {
            let chosen = choice.open().map_err(|error| raised(&error))?;
            Ok((Opened::open(&path, folds.as_deref(), mirror, bf16, &chosen.device)?, chosen.name))
        },
        &mut |()| Ok(()),
    )?;
    let (opened, device) = opened?;
    let (kind, channels, labels) = (opened.kind(), opened.channels(), opened.label_names());
    Ok(Model { opened: Mutex::new(opened), path, device, kind, channels, labels })
}

/// Opens a model and segments one image: `open_model(model, device).predict(image)`.
#[pyfunction]
#[pyo3(signature = (model, image, device="auto", *, probabilities=false, entropy=false, progress=None))]
pub fn predict(
    py: Python<'_>,
    model: PathBuf,
    image: &Bound<'_, PyAny>,
    device: &str,
    probabilities: bool,
    entropy: bool,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Prediction> {
    open_model(py, model, device, None, None, false)?.predict(py, image, probabilities, entropy, progress)
}

#[pymethods]
impl Model {
    /// Segments an image: a `Volume` as it was read, `[x, y, z]` or `[channel, x, y, z]`; the path of a file or of a DICOM folder; or
    /// a list of paths, one for each channel.
    ///
    /// The mask is on the image's grid, voxel for voxel what the program `medseg predict` writes. Preprocessing is the model's own.
    /// NaN and -inf count as the lowest value, inf as the highest; nnU-Net refuses them. With `probabilities` and `entropy` these
    /// come too, on the same grid. `progress` is called with the windows done and all; its exceptions and Ctrl-C end the prediction.
    #[pyo3(signature = (image, *, probabilities=false, entropy=false, progress=None))]
    fn predict(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        probabilities: bool,
        entropy: bool,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Prediction> {
        let input = Input::of(image)?;
        let found = interruptible(
            py,
            |line: &Line<'_, Windows, ()>| {
                let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
                opened.predict(input, probabilities, entropy, line)
            },
            &mut |(done, total)| {
                progress.map(|progress| progress.call1((done, total))).transpose()?;
                Ok(())
            },
        )?;
        Prediction::new(py, found?, &self.labels)
    }

    /// The model's place.
    #[getter]
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// "run", "network", "nnunet" or "nnunet_list".
    #[getter]
    fn kind(&self) -> &'static str {
        self.kind
    }

    /// The device's name.
    #[getter]
    fn device(&self) -> &str {
        &self.device
    }

    /// Channels of an image.
    #[getter]
    fn channels(&self) -> usize {
        self.channels
    }

    /// Names of the labels that its masks may have, the background left out.
    #[getter]
    fn labels(&self) -> BTreeMap<u16, String> {
        self.labels.clone()
    }

    fn __repr__(&self) -> String {
        let (path, names) = (self.path.display(), self.labels.values().cloned().collect::<Vec<_>>().join(", "));
        format!("Model({path}, {}, {} channel(s), on {}: {names})", self.kind, self.channels, self.device)
    }
}
