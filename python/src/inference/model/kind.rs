//! The models behind one face.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::Device;
use medseg_bundle::{Bundle, NetworkBundle, Wanted};
use medseg_monai::MonaiBundle;
use medseg_nnunet::export::Mask;
use medseg_ops::Precision;
use medseg_train::open_bundle;
use medseg_volume::{Dhw, Geometry};
use ndarray::Array4;
use pyo3::prelude::*;

use super::Windows;
use super::input::Input;
use super::nnunet::NnUnet;
use super::prediction::{Found, Probabilities};
use crate::errors::{bad_value, raised};
use crate::inference::interrupt::Line;

/// An opened model.
#[expect(clippy::large_enum_variant, reason = "each is the whole content of a Python object")]
pub enum Opened {
    /// A run of `medseg train`, or its bundle; there but for a moment in which it is changed.
    Run(Option<Bundle>),
    /// A bundle of any network, or a bundle of MONAI.
    Network(NetworkBundle),
    /// A model of nnU-Net, or a list of several.
    NnUnet(NnUnet),
}

impl Opened {
    /// Opens the model at a path as `medseg predict` does.
    pub fn open(
        path: &Path,
        folds: Option<&[u32]>,
        mirror: Option<bool>,
        bf16: bool,
        device: &Device,
    ) -> PyResult<Self> {
        let all_axes = mirror == Some(true);
        if !MonaiBundle::is_one(path) && NnUnet::is_one(path) {
            if bf16 {
                return Err(bad_value(format!("bf16: {} is a model of nnU-Net, which has none", path.display())));
            }
            return NnUnet::open(path, folds, mirror.unwrap_or(true), device).map(Self::NnUnet);
        }
        if MonaiBundle::is_one(path) || NetworkBundle::is_one(path) {
            let mut bundle = network_bundle(path, folds, device)?;
            if bf16 {
                bundle = bundle.with_precision(Precision::Bf16);
            }
            return Ok(Self::Network(if all_axes { bundle.with_mirror(Dhw::splat(true)) } else { bundle }));
        }
        if folds.is_some() {
            return Err(bad_value(format!("folds: {} is a run, which has none", path.display())));
        }
        let mut bundle = open_bundle(path, device).map_err(|error| raised(&error))?;
        if bf16 {
            bundle = bundle.with_precision(Precision::Bf16);
        }
        Ok(Self::Run(Some(if all_axes { bundle.with_mirror(Dhw::splat(true)) } else { bundle })))
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Network(_) => "network",
            Self::NnUnet(model) => model.kind(),
        }
    }

    pub fn channels(&self) -> usize {
        match self {
            Self::Run(bundle) => bundle.as_ref().map_or(1, |bundle| bundle.config().channels),
            Self::Network(bundle) => bundle.folds()[0].graph().in_channels(),
            Self::NnUnet(model) => model.channels(),
        }
    }

    pub fn label_names(&self) -> BTreeMap<u16, String> {
        let named = |labels: &BTreeMap<u8, String>| -> BTreeMap<u16, String> {
            let names = labels.iter().filter(|(label, _)| **label > 0);
            names.map(|(label, name)| (u16::from(*label), name.clone())).collect()
        };
        match self {
            Self::Run(bundle) => bundle.as_ref().map(|bundle| named(&bundle.config().labels)).unwrap_or_default(),
            Self::Network(bundle) => named(&bundle.config().labels),
            Self::NnUnet(model) => model.label_names(),
        }
    }

    /// Segments an image.
    pub fn predict(
        &mut self,
        input: Input,
        probabilities: bool,
        entropy: bool,
        line: &Line<'_, Windows, ()>,
    ) -> PyResult<Found> {
        let mut progress = |done: usize, total: usize| match line.ask((done, total)) {
            Some(()) => ControlFlow::Continue(()),
            None => ControlFlow::Break(()),
        };
        let wanted = Wanted { probabilities, entropy, ..Wanted::default() };
        match self {
            Self::Run(bundle) => {
                let (voxels, geometry, warnings) = input.read()?;
                *bundle = bundle.take().map(|bundle| bundle.with_wanted(wanted));
                let Some(bundle) = bundle else { return Err(bad_value("the model was lost")) };
                let found = predict_run(bundle, voxels, &geometry, &mut progress)?;
                Ok(Found { warnings: [warnings, found.warnings].concat(), ..found })
            }
            Self::Network(bundle) => {
                let (voxels, geometry, warnings) = input.read()?;
                let found = bundle.predict(voxels, &geometry, wanted, &mut |_| Ok(()), &mut progress);
                let found = found.map_err(|error| raised(&error))?;
                Ok(Found {
                    mask: Mask::U8(found.mask.data),
                    geometry: found.mask.geometry,
                    probabilities: found.probabilities.map(Probabilities::F16),
                    entropy: found.entropy.map(|entropy| entropy.data),
                    volumes_ml: wide(found.volumes_ml),
                    warnings: [warnings, found.warnings].concat(),
                    seconds: found.seconds,
                })
            }
            Self::NnUnet(_) if entropy => Err(bad_value("entropy: a model of nnU-Net gives none")),
            Self::NnUnet(model) => model.predict(input, probabilities, &mut progress),
        }
    }
}

fn predict_run(
    bundle: &Bundle,
    image: Array4<f32>,
    geometry: &Geometry,
    progress: &mut dyn medseg_bundle::Progress,
) -> PyResult<Found> {
    let found = bundle.predict_channels(image, geometry, progress).map_err(|error| raised(&error))?;
    let mut warnings = Vec::new();
    if let Some(reason) = found.report.cascade.as_ref().and_then(|cascade| cascade.fallback) {
        warnings.push(format!("the whole image was searched: {reason}"));
    }
    Ok(Found {
        mask: Mask::U8(found.mask.data),
        geometry: found.mask.geometry,
        probabilities: found.probabilities.map(Probabilities::F16),
        entropy: found.entropy.map(|entropy| entropy.data),
        volumes_ml: wide(found.report.volumes_ml),
        warnings,
        seconds: found.report.seconds,
    })
}

fn wide(volumes_ml: BTreeMap<u8, f64>) -> BTreeMap<u16, f64> {
    volumes_ml.into_iter().map(|(label, ml)| (u16::from(label), ml)).collect()
}

/// The bundle of any network, of this project or of MONAI.
fn network_bundle(path: &Path, folds: Option<&[u32]>, device: &Device) -> PyResult<NetworkBundle> {
    if NetworkBundle::is_one(path) {
        let folds: Option<Vec<usize>> = folds.map(|folds| folds.iter().map(|fold| *fold as usize).collect());
        return NetworkBundle::open_folds(path, folds.as_deref(), device).map_err(|error| raised(&error));
    }
    if folds.is_some() {
        return Err(bad_value("folds: a MONAI bundle has one set of weights"));
    }
    let opened = MonaiBundle::open(path).map_err(|error| raised(&error))?;
    opened.import(device).map_err(|error| raised(&error))
}
