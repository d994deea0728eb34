//! 3D medical image segmentation in Rust on the [Burn](burn) framework: volumes, transforms, a U-Net, training and
//! sliding-window inference, on the CPU or on an NVIDIA GPU, without Python.
//!
//! This crate re-exports the workspace's crates; depend on one of them alone where that is enough.
//!
//! | module | crate | for |
//! |---|---|---|
//! | [`files`] | `medseg-files` | files and folders replaced as a whole |
//! | [`volume`] | `medseg-volume` | volumes with geometry; NIfTI, NRRD, MetaImage, DICOM |
//! | [`transforms`] | `medseg-transforms` | intensity, crop, pad, resize, components |
//! | [`metrics`] | `medseg-metrics` | Dice, IoU, HD95, ASSD, surface Dice |
//! | [`data`] | `medseg-data` | cases, splits, cache, loader |
//! | [`cohort`] | `medseg-cohort` | thousands of cases: found, shared out, resumed, tabled |
//! | `dicomweb` | `medseg-dicomweb` | series out of a PACS, segmentations into it (feature `dicomweb`) |
//! | [`phantom`] | `medseg-phantom` | synthetic abdominal CTs |
//! | [`device`] | `medseg-device` | the device that runs the networks |
//! | [`kernels`] | `medseg-kernels` | CPU kernels without a framework |
//! | [`ops`] | `medseg-ops` | 3D operations on tensors |
//! | [`torch`] | `medseg-torch` | files of PyTorch, without executing them |
//! | [`architecture`] | `medseg-architecture` | networks as data |
//! | [`network`] | `medseg-network` | any of these networks on Burn |
//! | [`unet`] | `medseg-unet` | the network and its weight files |
//! | [`onnx`] | `medseg-onnx` | networks as ONNX models |
//! | [`monai`] | `medseg-monai` | MONAI bundles, without Python |
//! | [`nnunet`] | `medseg-nnunet` | models that nnU-Net v2 trained |
//! | [`obelisk`] | `medseg-obelisk` | OBELISK's published network for abdominal CT |
//! | [`losses`] | `medseg-losses` | Dice and its relatives, focal, Tversky, cross-entropy |
//! | [`optim`] | `medseg-optim` | NovoGrad, schedules, average of weights |
//! | [`inference`] | `medseg-inference` | sliding window, cascade |
//! | [`bundle`] | `medseg-bundle` | a trained segmentation in one folder |
//! | [`report`] | `medseg-report` | charts, overlays and the page of a run |
//! | [`surface`] | `medseg-surface` | closed surfaces of masks, STL and OBJ |
//! | [`train`] | `medseg-train` | whole experiments |
//! | [`plan`] | `medseg-plan` | a training planned from the data |
//!
//! # Features
//! `cpu` (default): Burn's Flex backend with this project's kernels. `cuda`: Burn's CUDA backend, and its compiled kernels
//! on the disk. `ndarray`: Burn's ndarray backend, slow. `webgpu`: Burn's WebGPU backend.
//! `fusion`: for programs in which Burn's fusion is on. `dicom`: DICOM series in [`volume`] as `volume::dicom`.
//! `dicomweb`: the module `dicomweb`, with an HTTP client.
//!
//! # A network over an image of any size
//! ```
//! use medseg::inference::{MaskRule, SlidingWindowConfig};
//! use medseg::unet::UNetConfig;
//! use medseg::volume::Dhw;
//! use medseg::{Device, Tensor};
//! use ndarray::Array4;
//!
//! let device = Device::flex();
//! let config = UNetConfig { channels: vec![2, 2, 4, 4, 4], ..UNetConfig::default() };
//! let network = config.init_seeded(7, &device)?;
//!
//! let image = Array4::<f32>::zeros((1, 20, 30, 25)); // `[channel, depth, height, width]`
//! let window = SlidingWindowConfig::new(Dhw::splat(16)).init()?;
//! let mut forward = |windows: Tensor<5>| network.forward(windows);
//! let mask = window.infer(image.view(), &device, &mut forward).mask(MaskRule::default())?;
//! assert_eq!(mask.dim(), (20, 30, 25));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use burn::tensor::{Device, DeviceType, Tensor};

pub use medseg_architecture as architecture;
pub use medseg_bundle as bundle;
pub use medseg_cohort as cohort;
pub use medseg_data as data;
pub use medseg_device as device;
#[cfg(feature = "dicomweb")]
pub use medseg_dicomweb as dicomweb;
pub use medseg_files as files;
pub use medseg_inference as inference;
pub use medseg_kernels as kernels;
pub use medseg_losses as losses;
pub use medseg_metrics as metrics;
pub use medseg_monai as monai;
pub use medseg_network as network;
pub use medseg_nnunet as nnunet;
pub use medseg_obelisk as obelisk;
pub use medseg_onnx as onnx;
pub use medseg_ops as ops;
pub use medseg_optim as optim;
pub use medseg_phantom as phantom;
pub use medseg_plan as plan;
pub use medseg_report as report;
pub use medseg_surface as surface;
pub use medseg_torch as torch;
pub use medseg_train as train;
pub use medseg_transforms as transforms;
pub use medseg_unet as unet;
pub use medseg_volume as volume;

/// Programs of the book that need Burn, as tests; the others are tests of `docs/book`.
#[cfg(doctest)]
#[doc = include_str!("../docs/book/src/add/loss.md")]
mod book_loss {}
