//! A segmented image, whatever the model.

use std::collections::BTreeMap;

use half::f16;
use medseg_inference::Certainty;
use medseg_volume::Volume;
use ndarray::Array4;

use super::extras::Classes;
use crate::mask::MaskVolume;

/// Probabilities on the image's grid.
pub enum ClassScores {
    F16(Array4<f16>),
    F32(Array4<f32>),
}

/// Result of a prediction.
pub struct Found {
    pub mask: MaskVolume,
    /// Volume of every label of the mask, millilitres.
    pub volumes_ml: BTreeMap<u16, f64>,
    /// Probabilities, if wanted, and the classes that they are of.
    pub probabilities: Option<(ClassScores, Classes)>,
    /// Entropy in nats, if wanted.
    pub entropy: Option<Volume<f32>>,
    pub certainty: Option<Certainty>,
    /// Oddities that preprocessing or the networks met.
    pub warnings: Vec<String>,
    /// Further entries of the JSON result, the plan among them.
    pub details: serde_json::Map<String, serde_json::Value>,
    pub seconds: f64,
}
