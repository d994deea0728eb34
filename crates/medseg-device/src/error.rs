//! Errors of choosing and opening a device.

use crate::DeviceChoice;

/// Reason that a device cannot be used; each message is one line that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device has this name.
    #[error("device {name:?} is unknown; use auto, cpu, ndarray, cuda, cuda:N, webgpu or webgpu:N")]
    Unknown {
        /// The requested device.
        name: String,
    },
    /// The text after the colon is not a device number.
    #[error("device {name}: {number:?} is not a device number")]
    Number {
        /// The requested device.
        name: String,
        /// Its part after the colon.
        number: String,
    },
    /// This program was built without the device's backend.
    #[error("{device} is not built in: build with `--features {feature}`")]
    NotBuiltIn {
        /// The requested device.
        device: DeviceChoice,
        /// The feature that builds it in.
        feature: &'static str,
    },
    /// There is no NVIDIA driver.
    #[error("{device}: this machine has no NVIDIA driver (libcuda was not found): install it, or use --device cpu")]
    NoDriver {
        /// The requested device.
        device: DeviceChoice,
    },
    /// The NVIDIA driver does not start.
    #[error("{device}: the NVIDIA driver{version} does not start: {reason}; does nvidia-smi work?")]
    Driver {
        /// The requested device.
        device: DeviceChoice,
        /// A blank and the version, where the system reports it.
        version: String,
        /// The driver's own words.
        reason: String,
    },
    /// The NVIDIA driver is older than the CUDA that kernels are compiled by.
    #[error(
        "{device}: the NVIDIA driver{version} is older than the CUDA toolkit whose NVRTC was found: install a newer driver, or \
         an older toolkit, first in LD_LIBRARY_PATH and as CUDA_PATH"
    )]
    OldDriver {
        /// The requested device.
        device: DeviceChoice,
        /// A blank and the version, where the system reports it.
        version: String,
    },
    /// There are fewer devices.
    #[error("{device}: {found} found, counted from 0{hint}", found = devices(*found))]
    NoDevice {
        /// The requested device.
        device: DeviceChoice,
        /// Number of devices.
        found: usize,
        /// A semicolon and what to do, or nothing.
        hint: &'static str,
    },
    /// The only adapter is a software one, which `auto` does not take.
    #[error("{device} is no GPU but software, slower than the CPU backend: name it to use it")]
    SoftwareOnly {
        /// The device that was found.
        device: DeviceChoice,
    },
    /// CUDA's run-time compiler is missing.
    #[error(
        "{device}: CUDA's run-time compiler (libnvrtc) was not found: install the CUDA toolkit, and put its lib64 folder into \
         LD_LIBRARY_PATH"
    )]
    NoCompiler {
        /// The requested device.
        device: DeviceChoice,
    },
    /// CUDA's headers are missing, which the run-time compiler needs.
    #[error(
        "{device}: CUDA's header {header} was not found in {folder}: install the CUDA toolkit, and set CUDA_PATH to it"
    )]
    NoHeaders {
        /// The requested device.
        device: DeviceChoice,
        /// The header.
        header: &'static str,
        /// The searched folder.
        folder: String,
    },
    /// CUDA's run-time compiler does not know this GPU: it is too new for it, or too old.
    #[error(
        "{device}: the CUDA toolkit's NVRTC does not compile for this GPU ({gpu}): {reason}; use another version of the toolkit"
    )]
    UnknownGpu {
        /// The requested device.
        device: DeviceChoice,
        /// The compute capability.
        gpu: String,
        /// The compiler's own words.
        reason: String,
    },
    /// A first small computation failed.
    #[error("{device}: a first computation failed: {reason}")]
    Trial {
        /// The requested device.
        device: DeviceChoice,
        /// The backend's message.
        reason: String,
    },
    /// A computation wanted more memory than the device has.
    #[error("{device} ran out of memory: {reason}")]
    OutOfMemory {
        /// The device's name.
        device: String,
        /// The backend's message.
        reason: String,
    },
}

impl DeviceError {
    /// True where a build with another feature would help, so that nothing is wrong with the machine.
    #[must_use]
    pub fn is_not_built_in(&self) -> bool {
        matches!(self, Self::NotBuiltIn { .. })
    }
}

fn devices(found: usize) -> String {
    match found {
        0 => "no device".into(),
        1 => "1 device".into(),
        n => format!("{n} devices"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every error a user can meet on a machine, with the part that its message must name.
    #[test]
    fn messages_are_one_line_that_names_the_device_and_what_to_do() {
        let device = DeviceChoice::Cuda(1);
        let (version, reason) = (" 470.57".to_string(), "CUDA_ERROR_UNKNOWN".to_string());
        let all = [
            (DeviceError::NotBuiltIn { device, feature: "cuda" }, "--features cuda"),
            (DeviceError::NoDriver { device }, "--device cpu"),
            (DeviceError::Driver { device, version: version.clone(), reason: reason.clone() }, "nvidia-smi"),
            (DeviceError::OldDriver { device, version }, "driver 470.57 is older"),
            (DeviceError::NoDevice { device, found: 1, hint: "" }, "1 device found"),
            (
                DeviceError::NoDevice { device, found: 0, hint: "; is it passed on?" },
                "no device found, counted from 0; is",
            ),
            (DeviceError::NoCompiler { device }, "LD_LIBRARY_PATH"),
            (
                DeviceError::NoHeaders { device, header: "mma.h", folder: "/a/include".into() },
                "mma.h was not found in /a/include",
            ),
            (DeviceError::UnknownGpu { device, gpu: "7.0".into(), reason: reason.clone() }, "(7.0)"),
            (DeviceError::Trial { device, reason }, "CUDA_ERROR_UNKNOWN"),
        ];
        for (error, part) in all {
            let text = error.to_string();
            assert!(text.contains("cuda:1") && text.contains(part) && !text.contains('\n'), "{text}");
        }
    }
}
