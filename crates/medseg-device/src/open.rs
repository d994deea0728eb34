//! From a name to a device that works.

use burn::tensor::Device;

use crate::trial::{add_up, try_out};
use crate::{DeviceChoice, DeviceError};

/// A device that works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Chosen {
    /// The device, without autodiff.
    pub device: Device,
    /// Name for messages; for a GPU with its make.
    pub name: String,
    /// For `auto`: why each device that would have been better was not taken.
    pub passed_over: Vec<DeviceError>,
}

impl Chosen {
    fn new(device: Device, name: String) -> Self {
        Self { device, name, passed_over: Vec::new() }
    }
}

impl DeviceChoice {
    /// The device, after it has shown that it works.
    ///
    /// # Errors
    /// [`DeviceError`] names the missing part; for [`DeviceChoice::Auto`] only where no CPU backend is built in either.
    pub fn open(self) -> Result<Chosen, DeviceError> {
        match self {
            Self::Auto => first_that_works(&[cuda, gpu_of_webgpu]),
            Self::Cpu => cpu(),
            Self::NdArray => ndarray(),
            Self::Cuda(number) => cuda_number(number),
            Self::WebGpu(number) => webgpu_number(number),
        }
    }

    /// Every device of this build that works, and why each of the others does not.
    #[must_use]
    pub fn all() -> Vec<Result<Chosen, DeviceError>> {
        let numbered = |open: fn(usize) -> Result<Chosen, DeviceError>| {
            let mut found = vec![open(0)];
            // Only a device number beyond the last one ends the list; the first shows what is missing, if anything is.
            while found.last().is_some_and(Result::is_ok) {
                match open(found.len()) {
                    Err(DeviceError::NoDevice { .. }) => break,
                    next => found.push(next),
                }
            }
            found
        };
        let mut all = numbered(cuda_number);
        all.extend(numbered(webgpu_number));
        all.extend([cpu(), ndarray()]);
        all
    }
}

/// The first of `gpus` that works, else the CPU. A backend that is not built in is reported only where none is.
fn first_that_works(gpus: &[fn() -> Result<Chosen, DeviceError>]) -> Result<Chosen, DeviceError> {
    let mut passed_over = Vec::new();
    for gpu in gpus {
        match gpu() {
            Ok(chosen) => return Ok(Chosen { passed_over: reportable(passed_over), ..chosen }),
            Err(reason) => passed_over.push(reason),
        }
    }
    let chosen = cpu().or_else(|missing| ndarray().map_err(|_| missing))?;
    Ok(Chosen { passed_over: reportable(passed_over), ..chosen })
}

/// Reasons of the machine first; if there are none, one hint at a backend that is not built in.
fn reportable(reasons: Vec<DeviceError>) -> Vec<DeviceError> {
    let (not_built_in, of_the_machine): (Vec<_>, Vec<_>) = reasons.into_iter().partition(DeviceError::is_not_built_in);
    if of_the_machine.is_empty() { not_built_in.into_iter().take(1).collect() } else { of_the_machine }
}

/// A device, after it has shown that it works.
fn tried(choice: DeviceChoice, device: Device, name: String) -> Result<Chosen, DeviceError> {
    let trial = |reason| DeviceError::Trial { device: choice, reason };
    try_out(&device).map_err(trial)?;
    // A software adapter is for tests of kernels, and is taken by name alone.
    if !is_software(&device) {
        add_up(&device).map_err(trial)?;
    }
    Ok(Chosen::new(device, name))
}

#[cfg(feature = "cpu")]
fn cpu() -> Result<Chosen, DeviceError> {
    tried(DeviceChoice::Cpu, Device::flex(), "cpu (Burn Flex)".into())
}

#[cfg(not(feature = "cpu"))]
fn cpu() -> Result<Chosen, DeviceError> {
    Err(DeviceError::NotBuiltIn { device: DeviceChoice::Cpu, feature: "cpu" })
}

#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "kept as a second CPU backend for as long as Burn ships it")]
fn ndarray() -> Result<Chosen, DeviceError> {
    tried(DeviceChoice::NdArray, Device::ndarray(), "ndarray".into())
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<Chosen, DeviceError> {
    Err(DeviceError::NotBuiltIn { device: DeviceChoice::NdArray, feature: "ndarray" })
}

fn cuda() -> Result<Chosen, DeviceError> {
    cuda_number(0)
}

#[cfg(feature = "cuda")]
fn cuda_number(number: usize) -> Result<Chosen, DeviceError> {
    let choice = DeviceChoice::Cuda(number);
    let crate::cuda::Working { make, versions } = crate::cuda::check(number)?;
    crate::gpu_settings::settle(Some(&versions));
    tried(choice, Device::cuda(number), format!("{choice} ({make})"))
}

#[cfg(not(feature = "cuda"))]
fn cuda_number(number: usize) -> Result<Chosen, DeviceError> {
    Err(DeviceError::NotBuiltIn { device: DeviceChoice::Cuda(number), feature: "cuda" })
}

fn is_software(device: &Device) -> bool {
    #[cfg(feature = "webgpu")]
    return crate::webgpu::is_software(device);
    #[cfg(not(feature = "webgpu"))]
    {
        let _ = device;
        false
    }
}

/// The first adapter, unless it is a software one.
fn gpu_of_webgpu() -> Result<Chosen, DeviceError> {
    #[cfg(feature = "webgpu")]
    crate::webgpu::check_gpu()?;
    webgpu_number(0)
}

#[cfg(feature = "webgpu")]
fn webgpu_number(number: usize) -> Result<Chosen, DeviceError> {
    let choice = DeviceChoice::WebGpu(number);
    let device = crate::webgpu::find(number)?;
    let chosen = tried(choice, device, String::new())?;
    let make = crate::webgpu::make(&chosen.device);
    Ok(Chosen { name: format!("{choice} ({make})"), ..chosen })
}

#[cfg(not(feature = "webgpu"))]
fn webgpu_number(number: usize) -> Result<Chosen, DeviceError> {
    Err(DeviceError::NotBuiltIn { device: DeviceChoice::WebGpu(number), feature: "webgpu" })
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    const CUDA: DeviceChoice = DeviceChoice::Cuda(0);

    fn works() -> Result<Chosen, DeviceError> {
        Ok(Chosen::new(Device::flex(), "gpu".into()))
    }

    fn missing() -> Result<Chosen, DeviceError> {
        Err(DeviceError::NoDriver { device: CUDA })
    }

    fn left_out() -> Result<Chosen, DeviceError> {
        Err(DeviceError::NotBuiltIn { device: DeviceChoice::WebGpu(0), feature: "webgpu" })
    }

    #[test]
    fn auto_takes_the_first_gpu_that_works_and_says_why_not_the_others() {
        let names = |gpus: &[fn() -> Result<Chosen, DeviceError>]| {
            let chosen = first_that_works(gpus).unwrap();
            (chosen.name, chosen.passed_over)
        };
        let no_driver = DeviceError::NoDriver { device: CUDA };
        assert_eq!(names(&[works, missing]), ("gpu".into(), vec![]));
        assert_eq!(names(&[missing, works]), ("gpu".into(), vec![no_driver.clone()]));
        assert_eq!(names(&[missing, left_out]), ("cpu (Burn Flex)".into(), vec![no_driver.clone()]));
        assert_eq!(names(&[left_out, missing]), ("cpu (Burn Flex)".into(), vec![no_driver]));
        assert_eq!(names(&[left_out, left_out]), ("cpu (Burn Flex)".into(), vec![left_out().unwrap_err()]));
    }

    #[test]
    fn the_cpu_works() {
        let chosen = DeviceChoice::Cpu.open().unwrap();
        assert_eq!((chosen.device, chosen.passed_over), (Device::flex(), vec![]));
    }

    #[test]
    #[cfg(not(any(feature = "cuda", feature = "webgpu")))]
    fn what_is_not_built_in_names_its_feature() {
        for (choice, feature) in [(CUDA, "--features cuda"), (DeviceChoice::WebGpu(9), "--features webgpu")] {
            let text = choice.open().unwrap_err().to_string();
            assert!(text.contains(&choice.to_string()) && text.contains(feature), "{text}");
        }
        assert_eq!(DeviceChoice::all().iter().filter(|found| found.is_ok()).count(), 1);
        let chosen = DeviceChoice::Auto.open().unwrap();
        assert!(chosen.passed_over.iter().all(DeviceError::is_not_built_in) && chosen.passed_over.len() == 1);
    }
}
