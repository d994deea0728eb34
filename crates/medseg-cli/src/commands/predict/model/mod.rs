//! The models that make masks, behind one face.

mod mistaken;
mod network;
mod nnunet;
mod run;

use std::collections::BTreeMap;
use std::path::Path;

use medseg_bundle::NetworkBundle;
use medseg_device::Chosen;
use medseg_monai::MonaiBundle;
use medseg_volume::Volume;
use ndarray::Axis;
use serde_json::{Map, Value};

use super::Args;
use super::extras::Classes;
use super::found::Found;
use super::hounsfield::hounsfield_warning;
use super::input::{InputKind, Voxels};
use super::nnunet::CaseMasks;
use crate::CliError;
use crate::console::Console;
pub use mistaken::refuse_mistaken;
use network::NetworkModel;
use nnunet::NnUnetModel;
use run::RunModel;

/// An opened model.
#[expect(clippy::large_enum_variant, reason = "there is one in a program")]
pub enum Model {
    /// A run of `medseg train`, or its bundle.
    Run(RunModel),
    /// A bundle of any network, or a bundle of MONAI.
    Network(NetworkModel),
    /// A model of nnU-Net, or a list of several.
    NnUnet(NnUnetModel),
}

/// Kinds of models, known before one is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    Run,
    Network,
    NnUnet,
}

/// Result of [`Model::predict`].
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Predicted {
    /// Entries of the JSON result of a dry run.
    Planned(Map<String, Value>),
    Found(Found),
}

impl ModelKind {
    /// The kind of the model at a path.
    pub fn of(path: &Path) -> Self {
        if MonaiBundle::is_one(path) {
            Self::Network
        } else if super::nnunet::is_model(path) {
            Self::NnUnet
        } else if NetworkBundle::is_one(path) {
            Self::Network
        } else {
            Self::Run
        }
    }
}

impl Model {
    /// Opens the model of the options on a device.
    ///
    /// # Errors
    /// A model that cannot be opened, and options that do not fit it.
    pub fn open(args: &Args, device: &Chosen) -> Result<Self, CliError> {
        Ok(match ModelKind::of(&args.model) {
            ModelKind::Run => Self::Run(RunModel::open(args, device)?),
            ModelKind::Network => Self::Network(NetworkModel::open(args, &device.device)?),
            ModelKind::NnUnet => Self::NnUnet(NnUnetModel::open(args, &device.device)?),
        })
    }

    /// The image that it takes.
    pub fn input(&self) -> InputKind {
        match self {
            Self::Run(model) => model.input(),
            Self::Network(model) => InputKind::Channels(model.channels()),
            Self::NnUnet(model) => model.input(),
        }
    }

    /// Names of all labels that its masks may have, the background left out.
    pub fn label_names(&self) -> BTreeMap<u16, String> {
        match self {
            Self::Run(model) => model.label_names(),
            Self::Network(model) => model.label_names(),
            Self::NnUnet(model) => model.label_names(),
        }
    }

    /// The classes of its probabilities; a list of nnU-Net models has none.
    pub fn classes(&self) -> Option<Classes> {
        match self {
            Self::Run(model) => Some(model.classes()),
            Self::Network(model) => Some(model.classes()),
            Self::NnUnet(model) => model.classes(),
        }
    }

    /// Looks at a file's header before its voxels are read: they may be what does not fit. With a dry run the plan is all.
    ///
    /// # Errors
    /// A prediction that the computer's memory cannot hold.
    pub fn check_header(
        &mut self,
        image: &Path,
        args: &Args,
        console: &mut Console,
    ) -> Result<Option<Map<String, Value>>, CliError> {
        match self {
            Self::Run(model) => model.check_header(image, args, console),
            _ => Ok(None),
        }
    }

    /// Segments an image, or plans it only in a dry run.
    ///
    /// # Errors
    /// An image that does not fit the model, and what prediction fails with.
    pub fn predict(
        &mut self,
        args: &Args,
        masks: &CaseMasks,
        image: Voxels,
        console: &mut Console,
    ) -> Result<Predicted, CliError> {
        let warning = hounsfield_warning(self.lower_bound(), || image.lowest());
        let mut predicted = match (self, image) {
            (Self::Run(model), Voxels::Volume(Volume { data, geometry })) => {
                model.predict(args, data.insert_axis(Axis(0)), &geometry, console)
            }
            (Self::Run(model), Voxels::Channels(image, geometry)) => model.predict(args, image, &geometry, console),
            (Self::Network(model), Voxels::Channels(image, geometry)) => model.predict(args, image, &geometry, console),
            (Self::NnUnet(model), Voxels::NnUnet(image)) => model.predict(args, masks, image, console),
            _ => Err(CliError::Failed("the image was read for another kind of model".into())),
        }?;
        if let Predicted::Found(found) = &mut predicted {
            found.warnings.extend(warning);
        }
        Ok(predicted)
    }

    /// The least intensity that the model tells from lower ones, where it is the same for all images.
    fn lower_bound(&self) -> Option<f32> {
        match self {
            Self::Run(model) => model.lower_bound(),
            Self::Network(model) => model.lower_bound(),
            Self::NnUnet(model) => model.lower_bound(),
        }
    }
}

/// The name of a label, or its number.
pub fn name_of(names: &BTreeMap<u16, String>, label: u16) -> String {
    names.get(&label).cloned().unwrap_or_else(|| format!("label {label}"))
}
