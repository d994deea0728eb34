//! The name of a device.

use std::fmt;
use std::str::FromStr;

use crate::DeviceError;

/// A device by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum DeviceChoice {
    /// The first GPU that works, else the CPU.
    #[default]
    Auto,
    /// Burn's Flex backend.
    Cpu,
    /// Burn's ndarray backend.
    NdArray,
    /// An NVIDIA GPU by its number, counted from 0.
    Cuda(usize),
    /// An adapter of the system's graphics interface by its number, counted from 0: GPUs first, then software.
    WebGpu(usize),
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { name: name.to_string() };
        let (kind, number) = match name.split_once(':') {
            Some((kind, number)) => (kind, Some(number)),
            None => (name, None),
        };
        match (kind, number) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("ndarray", None) => Ok(Self::NdArray),
            ("cuda", number) => Ok(Self::Cuda(parse_number(name, number)?)),
            ("webgpu", number) => Ok(Self::WebGpu(parse_number(name, number)?)),
            _ => Err(unknown()),
        }
    }
}

/// The number after the colon; none is the first device.
fn parse_number(name: &str, number: Option<&str>) -> Result<usize, DeviceError> {
    let digits = number.unwrap_or("0");
    let only_digits = digits.bytes().all(|b| b.is_ascii_digit());
    // CubeCL counts devices in 16 bits.
    let parsed = digits.parse::<u16>().ok().filter(|_| only_digits);
    parsed.map(usize::from).ok_or_else(|| DeviceError::Number { name: name.to_string(), number: digits.to_string() })
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::NdArray => f.write_str("ndarray"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::WebGpu(number) => write!(f, "webgpu:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let all = [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("ndarray", DeviceChoice::NdArray),
            ("cuda", DeviceChoice::Cuda(0)),
            ("cuda:0", DeviceChoice::Cuda(0)),
            ("cuda:12", DeviceChoice::Cuda(12)),
            ("webgpu", DeviceChoice::WebGpu(0)),
            ("webgpu:3", DeviceChoice::WebGpu(3)),
        ];
        for (name, choice) in all {
            assert_eq!(name.parse(), Ok(choice), "{name}");
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
    }

    #[test]
    fn what_is_no_device_is_named() {
        for name in ["", "tpu", "CUDA", "cpu:0", "auto:1", "cuda0", ":0", "gpu:0"] {
            let error = name.parse::<DeviceChoice>().unwrap_err();
            assert_eq!(error, DeviceError::Unknown { name: name.into() });
            assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
        }
        for name in ["cuda:", "cuda:x", "cuda:-1", "cuda:+1", "cuda:0:1", "webgpu:1.5", "cuda:65536", "cuda: 1"] {
            let error = name.parse::<DeviceChoice>().unwrap_err();
            assert!(matches!(error, DeviceError::Number { .. }), "{name}: {error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
