//! Files written byte by byte.

use std::collections::BTreeMap;

pub use medseg_testing::pickles::{int, ints, numbers, one, tensor, text, zip};
use medseg_torch::{StoredTensor, TorchError, TorchFile};

/// Opens bytes as a file.
pub fn open_bytes(bytes: &[u8]) -> Result<TorchFile, TorchError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.pth");
    std::fs::write(&path, bytes).unwrap();
    TorchFile::open(&path)
}

/// Opens a pickle as a file whose only storage holds the numbers 0 to 11.
pub fn open_pickle(pickle: &[u8]) -> Result<TorchFile, TorchError> {
    open_bytes(&zip(&[("a/data.pkl", pickle), ("a/data/0", &numbers())]))
}

/// The tensors of a pickle's key `weights`.
pub fn weights_of(pickle: &[u8]) -> Result<BTreeMap<String, StoredTensor>, TorchError> {
    open_pickle(pickle)?.state_dict(&["weights"])
}

/// The message of an error.
pub fn message<T: std::fmt::Debug>(result: Result<T, TorchError>) -> String {
    result.unwrap_err().to_string()
}

/// A whole pickle whose `weights` are these bytes.
pub fn checkpoint(weights: &[u8]) -> Vec<u8> {
    [b"\x80\x02", &one("weights", weights)[..], b"."].concat()
}

/// A tensor of a file before PyTorch 1.6: type and key of its storage, number of values there, a part of them, and the
/// shape.
pub fn legacy_tensor(storage: &str, key: &str, values: i64, part: &[u8], shape: i64) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage")[..],
        format!("ctorch\n{storage}\n").as_bytes(),
        &text(key),
        &text("cpu"),
        &int(values),
        part,
        b"tQK\0",
        &ints(&[shape]),
        &ints(&[1]),
        b"\x89)tR",
    ]
    .concat()
}

/// A file before PyTorch 1.6 of the pickle of its weights, and of storages with their keys and numbers of values.
pub fn legacy(weights: &[u8], storages: &[(&str, i64, &[u8])]) -> Vec<u8> {
    legacy_of(b"K\xe9M\xe9\x03", &one("little_endian", b"\x88"), weights, storages)
}

/// As [`legacy`], with another version, of which the last opcode counts, and another description of the computer.
pub fn legacy_of(version: &[u8], system: &[u8], weights: &[u8], storages: &[(&str, i64, &[u8])]) -> Vec<u8> {
    let keys: Vec<u8> = storages.iter().flat_map(|(key, ..)| text(key)).collect();
    let mut file = [
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02",
        version,
        b".\x80\x02",
        system,
        b".",
        &checkpoint(weights),
        b"\x80\x02](",
        &keys,
        b"e.",
    ]
    .concat();
    for (_, values, bytes) in storages {
        file.extend(values.to_le_bytes());
        file.extend(*bytes);
    }
    file
}
