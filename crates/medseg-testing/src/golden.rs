//! Golden files: one case, computed by MONAI or PyTorch, as a safetensors file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::compare::is_close;

/// One golden file; its metadata entry `case` holds the parameters and the tolerance.
///
/// For tests only: everything panics with the file's name.
#[derive(Clone, Debug)]
pub struct Golden {
    /// Folder and file name, for messages.
    pub name: String,
    /// The case's parameters.
    pub params: Value,
    /// Tolerance relative to the expected value.
    pub rtol: f64,
    /// Absolute tolerance.
    pub atol: f64,
    tensors: BTreeMap<String, Values>,
}

/// A tensor of any stored type as f64, which holds all of them exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// Shape, slowest axis first.
    pub shape: Vec<usize>,
    /// Values in C order.
    pub values: Vec<f64>,
}

impl Golden {
    /// Reads one file.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let shown = path.display();
        let bytes = fs::read(path).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let case = header.metadata().as_ref().and_then(|m| m.get("case")).unwrap_or_else(|| panic!("{shown}: no case"));
        let case: Value = serde_json::from_str(case).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let tensors = file.iter().map(|(name, view)| {
            let values = decode(view.dtype(), view.data()).unwrap_or_else(|| panic!("{shown}: type of {name}"));
            (name.to_string(), Values { shape: view.shape().to_vec(), values })
        });
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().display();
        Self {
            name: format!("{folder}/{}", path.file_stem().unwrap_or_default().display()),
            rtol: case["tolerance"]["rtol"].as_f64().unwrap_or(0.0),
            atol: case["tolerance"]["atol"].as_f64().unwrap_or(0.0),
            params: case["params"].clone(),
            tensors: tensors.collect(),
        }
    }

    /// Every case of an operation in the tested crate's `tests/golden`, by name.
    #[must_use]
    pub fn all(op: &str) -> Vec<Self> {
        Self::all_in(Path::new(""), op)
    }

    /// Every case of an operation in another crate's `tests/golden`, by name; for tests that run in the repository's root.
    #[must_use]
    pub fn all_of(krate: &str, op: &str) -> Vec<Self> {
        Self::all_in(&Path::new("crates").join(krate), op)
    }

    fn all_in(krate: &Path, op: &str) -> Vec<Self> {
        let cases: Vec<Self> = files(krate, op).iter().map(|path| Self::read(path)).collect();
        assert!(!cases.is_empty(), "no golden file for {op}");
        cases
    }

    /// Returns true if the file has a tensor of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor.
    #[must_use]
    pub fn tensor(&self, name: &str) -> &Values {
        self.tensors.get(name).unwrap_or_else(|| panic!("{}: no tensor {name}", self.name))
    }

    /// Names and tensors, by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Values)> {
        self.tensors.iter().map(|(name, values)| (name.as_str(), values))
    }

    /// Fails unless every value is within the file's tolerance of tensor `name`; NaN equals NaN.
    pub fn check(&self, name: &str, got: impl IntoIterator<Item = f64>) {
        self.check_within(name, got, self.rtol, self.atol);
    }

    /// As [`check`](Self::check) with another tolerance.
    pub fn check_within(&self, name: &str, got: impl IntoIterator<Item = f64>, rtol: f64, atol: f64) {
        let want = &self.tensor(name).values;
        let got: Vec<f64> = got.into_iter().collect();
        assert_eq!(got.len(), want.len(), "{}: number of values of {name}", self.name);
        for (at, (got, want)) in got.iter().zip(want).enumerate() {
            assert!(is_close(*got, *want, rtol, atol), "{}: {name}[{at}] is {got}, not {want}", self.name);
        }
    }
}

impl Values {
    /// As f32, exactly if it was stored so.
    #[must_use]
    pub fn f32(&self) -> Vec<f32> {
        self.values.iter().map(|v| *v as f32).collect()
    }

    /// As u8.
    #[must_use]
    pub fn u8(&self) -> Vec<u8> {
        self.values.iter().map(|v| *v as u8).collect()
    }

    /// The shape as an array.
    ///
    /// # Panics
    /// If the tensor is not `D`-dimensional.
    #[must_use]
    pub fn dims<const D: usize>(&self) -> [usize; D] {
        self.shape.as_slice().try_into().unwrap_or_else(|_| panic!("{:?} is not {D}-dimensional", self.shape))
    }
}

/// The files in a crate's `tests/golden/<op>`, sorted. The path is relative to where cargo runs tests: an absolute one would
/// be compiled in, and wrong for another checkout that shares the build folder.
fn files(krate: &Path, op: &str) -> Vec<PathBuf> {
    let folder = krate.join("tests/golden").join(op);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "safetensors"));
    paths.sort();
    paths
}

fn decode(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f64>> {
    fn each<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
    }
    Some(match dtype {
        Dtype::F32 => each(bytes, |b| f32::from_le_bytes(b).into()),
        Dtype::F64 => each(bytes, f64::from_le_bytes),
        Dtype::U8 | Dtype::BOOL => each(bytes, |[b]| b.into()),
        Dtype::I16 => each(bytes, |b| i16::from_le_bytes(b).into()),
        Dtype::U16 => each(bytes, |b| u16::from_le_bytes(b).into()),
        Dtype::I32 => each(bytes, |b| i32::from_le_bytes(b).into()),
        Dtype::I64 => each(bytes, |b| i64::from_le_bytes(b) as f64),
        _ => return None,
    })
}
