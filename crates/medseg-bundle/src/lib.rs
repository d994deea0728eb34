//! A trained segmentation in one folder: what `predict` needs to turn an image into a mask, and nothing else.
//!
//! ```
//! use medseg_bundle::{Bundle, NoProgress};
//! use medseg_volume::{read_image, write_label};
//! # use burn::tensor::Device;
//! # use medseg_bundle::{BundleConfig, Stages};
//! # use medseg_inference::{Dhw, MaskRule, SlidingWindow};
//! # use medseg_unet::UNetConfig;
//! # let folder = tempfile::tempdir()?;
//! # let (path, device) = (folder.path().join("liver"), Device::flex());
//! # let network = UNetConfig { channels: vec![2, 2, 4], ..UNetConfig::default() };
//! # let stages = Stages::OneStage {
//! #     network: network.clone(),
//! #     window: SlidingWindow::new(Dhw::splat(16)),
//! #     rule: MaskRule::default(),
//! # };
//! # let config = BundleConfig::new("liver", stages).with_label(1, "liver");
//! # Bundle::new(config, vec![network.init_seeded(7, &device)?], &device)?.save(&path)?;
//! # let [ct, mask] = ["ct.nii.gz", "mask.nii.gz"].map(|name| folder.path().join(name));
//! # let geometry = medseg_volume::Geometry::from_spacing(Dhw { d: 2.0, h: -1.0, w: -1.0 })?;
//! # medseg_volume::write_image(&ct, &medseg_volume::Volume::new(ndarray::Array3::zeros((12, 20, 24)), geometry))?;
//!
//! let bundle = Bundle::open(&path, &device)?;
//! let prediction = bundle.predict(&read_image(&ct)?, &mut NoProgress)?;
//! write_label(&mask, &prediction.mask)?;
//! # let header = |path| medseg_volume::read_info(path);
//! # assert_eq!(header(&mask)?.geometry.nifti_fields(), header(&ct)?.geometry.nifti_fields());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The folder
//! | file | what |
//! |---|---|
//! | `bundle.json` | [`BundleConfig`]: labels, preprocessing, stages, post-processing, provenance, the weights' checksums |
//! | `<stage>.safetensors` | the weights of a stage, which PyTorch reads too |
//!
//! Unknown keys, another schema, missing, damaged or foreign weights and settings without meaning are errors that name the
//! file ([`BundleError`]). A bundle is written under another name and renamed.
//!
//! # The way of an image
//! Axes turned, resampled and normalised ([`Preprocessing`]) → networks ([`Stages`]) → the classes' values
//! ([`BundleConfig::label_values`]) → [`PostProcessing`] on the networks' grid → [`restore_labels`](medseg_inference::restore_labels) to the image's own grid, with its geometry and header fields
//! bit for bit. [`Bundle::plan`] tells windows, arithmetic and memory beforehand; [`Bundle::fit_memory`] keeps a budget.

mod bundle;
mod config;
mod error;
mod plan;
mod predict;
mod weights;

pub use bundle::Bundle;
pub use config::{BundleConfig, CONFIG_FILE, SCHEMA, Stages, WeightsFile};
pub use error::BundleError;
pub use medseg_inference::{NoProgress, PostProcessing, Progress};
pub use medseg_transforms::{LabelInterpolation, Preprocessing};
pub use plan::{MemoryPlan, PredictionPlan};
pub use predict::{Prediction, PredictionReport};
