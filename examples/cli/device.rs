//! `--device`: which Burn device runs the networks.

use medseg::Device;
use medseg::train::TrainError;

/// A device and what to call it.
pub struct Chosen {
    /// The device.
    pub device: Device,
    /// Its name for messages and `config.json`.
    pub name: String,
}

/// Resolves names as [`choose_device`] does, separated by commas: `cuda:0,cuda:1`. All must be of one kind.
#[allow(dead_code, reason = "each example uses its own part of this module")]
pub fn choose_devices(names: &str) -> Result<Vec<Chosen>, TrainError> {
    let kind = |name: &str| name.split(':').next().unwrap_or_default().to_string();
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    if let Some(other) = names.iter().find(|name| kind(name) != kind(names[0])) {
        return Err(TrainError::Config(format!("--device {} and {other} are of two kinds", names[0])));
    }
    names.iter().map(|name| choose_device(name)).collect()
}

/// Resolves `auto`, `cpu`, `ndarray`, `cuda` or `cuda:N`.
///
/// `auto` is the first GPU where CUDA is built in and present, else the CPU.
pub fn choose_device(name: &str) -> Result<Chosen, TrainError> {
    let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
    let index: usize =
        index.parse().map_err(|_| TrainError::Config(format!("--device {name}: {index:?} is not a device number")))?;
    match kind {
        "auto" => cuda(0).or_else(|_| cpu()),
        "cpu" => cpu(),
        "ndarray" => ndarray(),
        "cuda" => cuda(index),
        _ => Err(TrainError::Config(format!("--device {name} is unknown; use auto, cpu, ndarray, cuda or cuda:N"))),
    }
}

#[cfg(feature = "cpu")]
fn cpu() -> Result<Chosen, TrainError> {
    Ok(Chosen { device: Device::flex(), name: "cpu (Burn Flex)".into() })
}

#[cfg(not(feature = "cpu"))]
fn cpu() -> Result<Chosen, TrainError> {
    ndarray().map_err(|_| TrainError::Config("--device cpu needs the feature \"cpu\"".into()))
}

#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "kept as a second CPU backend for as long as Burn ships it")]
fn ndarray() -> Result<Chosen, TrainError> {
    Ok(Chosen { device: Device::ndarray(), name: "ndarray".into() })
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<Chosen, TrainError> {
    Err(TrainError::Config("--device ndarray needs the feature \"ndarray\"".into()))
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Chosen, TrainError> {
    let found = Device::enumerate(medseg::DeviceType::Cuda).into_vec();
    let count = found.len();
    match found.into_iter().nth(index) {
        Some(device) => Ok(Chosen { device, name: format!("cuda:{index}") }),
        None => Err(TrainError::Config(format!(
            "--device cuda:{index}: {count} CUDA device(s) found; is the NVIDIA driver installed?"
        ))),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: usize) -> Result<Chosen, TrainError> {
    Err(TrainError::Config("--device cuda needs a build with `--features cuda`".into()))
}
