//! Requirements of CUDA, checked in the order in which Burn needs them, before Burn panics for want of one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use cudarc::driver::CudaContext;
use cudarc::driver::result::DriverError;
use cudarc::driver::sys::CUresult;
use cudarc::nvrtc::{CompileError, CompileOptions, Ptx, compile_ptx_with_opts};

use crate::quiet::{Panicked, one_line, quietly};
use crate::{DeviceChoice, DeviceError, DeviceMemory};

/// Headers that CubeCL's kernels include; the first is in every CUDA toolkit.
const HEADERS: [&str; 3] = ["cuda_fp16.h", "cuda_bf16.h", "mma.h"];

/// A kernel that does nothing.
const KERNEL: &str = "extern \"C\" __global__ void nothing() {}";

/// A GPU whose driver, compiler and headers are there and fit together.
pub(crate) struct Working {
    /// The GPU's make.
    pub(crate) make: String,
    /// The versions of driver and compiler, as a name for what depends on them.
    pub(crate) versions: String,
}

/// The GPU, if all that it needs is there.
pub(crate) fn check(number: usize) -> Result<Working, DeviceError> {
    let device = DeviceChoice::Cuda(number);
    let found = count(device)?;
    if number >= found {
        let hint = if found == 0 { "; does nvidia-smi list one, and is it passed on to this container?" } else { "" };
        return Err(DeviceError::NoDevice { device, found, hint });
    }
    check_headers(device, cuda_path().as_deref())?;
    let trial = |reason| DeviceError::Trial { device, reason };
    let context = quietly(|| CudaContext::new(number));
    let context = context.map_err(|p| trial(p.reason()))?.map_err(|e| driver_error(device, e))?;
    let ptx = compile(device, &context)?;
    let versions = versions(&driver_version(), &ptx.to_src());
    match quietly(|| context.load_module(ptx)) {
        Err(panicked) => Err(trial(panicked.reason())),
        Ok(Err(DriverError(CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION))) => {
            Err(DeviceError::OldDriver { device, version: driver_version() })
        }
        Ok(Err(error)) => Err(driver_error(device, error)),
        Ok(Ok(_)) => Ok(Working { make: context.name().unwrap_or_else(|_| "no name".into()), versions }),
    }
}

/// Free and total memory, if it is a CUDA device.
pub(crate) fn memory(device: &Device) -> Option<DeviceMemory> {
    let count = count(DeviceChoice::Cuda(0)).ok()?;
    let number = (0..count).find(|number| *device == Device::cuda(*number))?;
    let (free, total) = quietly(|| CudaContext::new(number).and_then(|context| context.mem_get_info())).ok()?.ok()?;
    Some(DeviceMemory { free: free as u64, total: total as u64 })
}

/// Number of the driver's GPUs.
fn count(device: DeviceChoice) -> Result<usize, DeviceError> {
    match quietly(CudaContext::device_count) {
        Ok(Ok(count)) => Ok(usize::try_from(count).unwrap_or(0)),
        Ok(Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE))) => Ok(0),
        Ok(Err(error)) => Err(driver_error(device, error)),
        Err(panicked) if is_missing_library(&panicked) => Err(DeviceError::NoDriver { device }),
        // A driver too old to have a function that is asked for.
        Err(panicked) => Err(DeviceError::Driver { device, version: driver_version(), reason: panicked.reason() }),
    }
}

/// cudarc panics where it finds none of a library's names.
fn is_missing_library(panicked: &Panicked) -> bool {
    panicked.messages.iter().any(|message| message.contains("Unable to dynamically load"))
}

fn driver_error(device: DeviceChoice, error: DriverError) -> DeviceError {
    let reason = one_line(&format!("{error:?}"));
    if error.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY {
        // Nothing of ours is on it yet.
        let reason = format!("{reason}; other programs use it, says nvidia-smi?");
        return DeviceError::OutOfMemory { device: device.to_string(), reason };
    }
    DeviceError::Driver { device, version: driver_version(), reason }
}

/// Compiles as CubeCL does: for the GPU itself.
fn compile(device: DeviceChoice, context: &Arc<CudaContext>) -> Result<Ptx, DeviceError> {
    let (major, minor) = context.compute_capability().map_err(|e| driver_error(device, e))?;
    let features = if major >= 9 { "a" } else { "" };
    let options = CompileOptions {
        options: vec![format!("--gpu-architecture=sm_{major}{minor}{features}")],
        ..CompileOptions::default()
    };
    match quietly(|| compile_ptx_with_opts(KERNEL, options)) {
        Ok(Ok(ptx)) => Ok(ptx),
        Ok(Err(CompileError::CompileError { log, .. })) => Err(DeviceError::UnknownGpu {
            device,
            gpu: format!("compute capability {major}.{minor}"),
            reason: one_line(log.to_string_lossy().trim()),
        }),
        Ok(Err(error)) => Err(DeviceError::Trial { device, reason: one_line(&error.to_string()) }),
        Err(panicked) if is_missing_library(&panicked) => Err(DeviceError::NoCompiler { device }),
        Err(panicked) => Err(DeviceError::Trial { device, reason: panicked.reason() }),
    }
}

fn check_headers(device: DeviceChoice, toolkit: Option<&Path>) -> Result<(), DeviceError> {
    let missing = |header, folder| Err(DeviceError::NoHeaders { device, header, folder });
    let Some(toolkit) = toolkit else {
        return missing(HEADERS[0], "/usr/local/cuda, /opt/cuda or CUDA_PATH".into());
    };
    let folder = toolkit.join("include");
    match HEADERS.into_iter().find(|header| !folder.join(header).is_file()) {
        Some(header) => missing(header, folder.display().to_string()),
        None => Ok(()),
    }
}

/// The folder in which CubeCL looks for the toolkit.
fn cuda_path() -> Option<PathBuf> {
    cubecl_cuda::install::cuda_path()
}

/// A blank and the version of the driver's kernel module, where the system reports it.
fn driver_version() -> String {
    let text = std::fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    version_in(&text).map_or_else(String::new, |version| format!(" {version}"))
}

/// A name for these versions of the driver and of the compiler, which writes its own into each kernel's text.
fn versions(driver: &str, compiled: &str) -> String {
    const RELEASE: &str = "Cuda compilation tools, release ";
    let compiler = compiled.lines().find_map(|line| line.split_once(RELEASE)).map_or("unknown", |(_, release)| release);
    let driver = if driver.is_empty() { "unknown" } else { driver.trim() };
    format!("cuda {compiler} driver {driver}").replace([' ', ','], "-")
}

/// The first word of digits with points in between, such as `580.159.04`.
fn version_in(text: &str) -> Option<&str> {
    let is_version = |word: &&str| word.contains('.') && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.lines().next()?.split_whitespace().find(is_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_version_is_read() {
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (dvs-builder)\nGCC version:  gcc 12.3.0";
        assert_eq!(version_in(open), Some("580.159.04"));
        assert_eq!(
            version_in("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.57.02  Tue Jul 13"),
            Some("470.57.02")
        );
        assert_eq!(version_in(""), None);
    }

    #[test]
    fn versions_of_compiler_and_driver_make_a_name() {
        let ptx =
            "//\n// Generated by NVIDIA NVVM Compiler\n// Cuda compilation tools, release 13.0, V13.0.88\n.version 9.0";
        assert_eq!(versions(" 580.159.04", ptx), "cuda-13.0--V13.0.88-driver-580.159.04");
        assert_eq!(versions("", ".version 9.0"), "cuda-unknown-driver-unknown");
    }

    #[test]
    fn missing_headers_are_named_with_their_folder() {
        let device = DeviceChoice::Cuda(0);
        let none = check_headers(device, None).unwrap_err().to_string();
        assert!(none.contains("cuda_fp16.h") && none.contains("CUDA_PATH"), "{none}");
        let empty = check_headers(device, Some(Path::new("/no/such/toolkit"))).unwrap_err().to_string();
        assert!(empty.contains("/no/such/toolkit/include"), "{empty}");
    }

    /// On a machine with a working GPU this is the GPU's make; elsewhere the first thing that is missing.
    #[test]
    fn what_is_missing_is_an_error_and_not_a_panic() {
        match check(0) {
            Ok(working) => assert!(!working.make.is_empty()),
            Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        }
        assert!(check(9999).is_err());
    }
}
