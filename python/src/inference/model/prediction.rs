//! Segmented images.

use std::collections::BTreeMap;

use half::f16;
use medseg_nnunet::export::Mask;
use medseg_volume::Geometry;
use ndarray::{Array3, Array4};
use pyo3::prelude::*;

use crate::errors::warn;
use crate::volume::Volume;

/// Probabilities of all classes.
pub enum Probabilities {
    F16(Array4<f16>),
    F32(Array4<f32>),
}

/// A segmented image, in Rust.
pub struct Found {
    pub mask: Mask,
    pub geometry: Geometry,
    pub probabilities: Option<Probabilities>,
    pub entropy: Option<Array3<f32>>,
    pub volumes_ml: BTreeMap<u16, f64>,
    pub warnings: Vec<String>,
    pub seconds: f64,
}

/// A segmented image.
#[pyclass(frozen, module = "medseg")]
pub struct Prediction {
    /// The labels on the image's grid, uint8 or for many labels uint16.
    #[pyo3(get)]
    mask: Py<Volume>,
    /// Probabilities `[class, x, y, z]` on the image's grid, if wanted: float16, or float32 for nnU-Net.
    #[pyo3(get)]
    probabilities: Option<Py<Volume>>,
    /// Entropy in nats on the image's grid, if wanted.
    #[pyo3(get)]
    entropy: Option<Py<Volume>>,
    /// Volume of every label of the mask in millilitres.
    #[pyo3(get)]
    volumes_ml: BTreeMap<u16, f64>,
    /// Names of the labels that the model's masks may have.
    #[pyo3(get)]
    labels: BTreeMap<u16, String>,
    /// Seconds of preprocessing, networks, post-processing and restoring.
    #[pyo3(get)]
    seconds: f64,
}

impl Prediction {
    /// Hands the arrays over to Python, and warns of oddities.
    pub fn new(py: Python<'_>, found: Found, labels: &BTreeMap<u16, String>) -> PyResult<Self> {
        warn(py, "", &found.warnings)?;
        let geometry = found.geometry;
        let mask = match found.mask {
            Mask::U8(mask) => Volume::new(py, mask, geometry.clone()),
            Mask::U16(mask) => Volume::new(py, mask, geometry.clone()),
        };
        let probabilities = found.probabilities.map(|probabilities| match probabilities {
            Probabilities::F16(values) => Volume::with_channels(py, values, geometry.clone()),
            Probabilities::F32(values) => Volume::with_channels(py, values, geometry.clone()),
        });
        let entropy = found.entropy.map(|entropy| Volume::new(py, entropy, geometry));
        Ok(Self {
            mask: Py::new(py, mask)?,
            probabilities: probabilities.map(|volume| Py::new(py, volume)).transpose()?,
            entropy: entropy.map(|volume| Py::new(py, volume)).transpose()?,
            volumes_ml: found.volumes_ml,
            labels: labels.clone(),
            seconds: found.seconds,
        })
    }
}

#[pymethods]
impl Prediction {
    fn __repr__(&self) -> String {
        let name = |label: &u16| self.labels.get(label).cloned().unwrap_or_else(|| format!("label {label}"));
        let found: Vec<String> =
            self.volumes_ml.iter().map(|(label, ml)| format!("{} {ml:.1} ml", name(label))).collect();
        let found = if found.is_empty() { "nothing".into() } else { found.join(", ") };
        format!("Prediction({found}, {:.1} s)", self.seconds)
    }
}
