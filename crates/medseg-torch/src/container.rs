//! The places of storages in a file.

use crate::element::ByteOrder;
use crate::legacy::LegacyStorages;
use crate::source::Source;
use crate::zip::Archive;
use crate::{TorchError, TorchProblem};

/// An open file that holds storages by their keys.
#[derive(Debug)]
pub(crate) enum Container {
    Zip(Archive),
    Legacy(LegacyStorages),
}

impl Container {
    /// The file.
    pub(crate) fn source(&self) -> &Source {
        match self {
            Self::Zip(archive) => archive.source(),
            Self::Legacy(storages) => storages.source(),
        }
    }

    /// Order of the bytes of all numbers: little unless the archive says otherwise.
    pub(crate) fn byte_order(&self) -> Result<ByteOrder, TorchError> {
        let Self::Zip(archive) = self else { return Ok(ByteOrder::Little) };
        let name = archive.entry("byteorder");
        let Some(bytes) = archive.bytes(&name) else { return Ok(ByteOrder::Little) };
        match &archive.read(&name, 0, bytes.min(16))?[..] {
            b"little" => Ok(ByteOrder::Little),
            b"big" => Ok(ByteOrder::Big),
            _ => Err(archive.source().error(TorchProblem::ByteOrder)),
        }
    }

    /// Size of a storage in bytes.
    pub(crate) fn bytes(&self, storage: &str) -> Result<u64, TorchProblem> {
        match self {
            Self::Zip(archive) => {
                let entry = archive.entry(&format!("data/{storage}"));
                archive.bytes(&entry).ok_or(TorchProblem::MissingEntry { entry })
            }
            Self::Legacy(storages) => storages.bytes(storage),
        }
    }

    /// Reads bytes of a storage.
    pub(crate) fn read(&self, storage: &str, start: u64, bytes: u64) -> Result<Vec<u8>, TorchError> {
        match self {
            Self::Zip(archive) => archive.read(&archive.entry(&format!("data/{storage}")), start, bytes),
            Self::Legacy(storages) => storages.read(storage, start, bytes),
        }
    }
}
