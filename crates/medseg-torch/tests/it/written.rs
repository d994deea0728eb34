//! Files written byte by byte.

use std::collections::BTreeMap;

use medseg_torch::{StoredTensor, TorchError, TorchFile};

/// An archive of stored entries without checksums.
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for (name, bytes) in entries {
        let header = file.len() as u32;
        let sizes = [0, bytes.len() as u32, bytes.len() as u32];
        let names = [name.len() as u16, 0];
        file.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        file.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        file.extend(names.iter().flat_map(|length| length.to_le_bytes()));
        file.extend(name.as_bytes());
        file.extend(*bytes);
        directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
        directory.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        directory.extend(names.iter().flat_map(|length| length.to_le_bytes()));
        directory.extend([0; 10]);
        directory.extend(header.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = file.len() as u32;
    let count = entries.len() as u16;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}

/// Opens bytes as a file.
pub fn open_bytes(bytes: &[u8]) -> Result<TorchFile, TorchError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.pth");
    std::fs::write(&path, bytes).unwrap();
    TorchFile::open(&path)
}

/// Numbers 0 to 11 as f32.
pub fn numbers() -> Vec<u8> {
    (0..12).flat_map(|number| (number as f32).to_le_bytes()).collect()
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

/// A text in a pickle.
pub fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// A whole number in a pickle.
pub fn int(number: i64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &number.to_le_bytes()].concat()
}

/// A tuple of whole numbers in a pickle.
pub fn ints(numbers: &[i64]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| int(*number)).collect();
    [b"(", &numbers[..], b"t"].concat()
}

/// A tensor in a pickle.
pub fn tensor(storage: &str, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage")[..],
        format!("ctorch\n{storage}\n").as_bytes(),
        &text("0"),
        &text("cuda:0"),
        &int(12),
        b"tQ",
        &int(offset),
        &ints(shape),
        &ints(strides),
        b"\x89)tR",
    ]
    .concat()
}

/// A whole pickle whose `weights` are these bytes.
pub fn checkpoint(weights: &[u8]) -> Vec<u8> {
    [b"\x80\x02", &one("weights", weights)[..], b"."].concat()
}

/// A dictionary of one key.
pub fn one(key: &str, value: &[u8]) -> Vec<u8> {
    [b"}", &text(key)[..], value, b"s"].concat()
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
