//! Checkpoints written byte by byte.

use medseg_nnunet::{Checkpoint, NnUnetError};

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

/// Opens bytes as a checkpoint.
pub fn open_bytes(bytes: &[u8]) -> Result<Checkpoint, NnUnetError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint_final.pth");
    std::fs::write(&path, bytes).unwrap();
    Checkpoint::open(&path)
}

/// Opens a pickle as a checkpoint whose only storage holds the numbers 0 to 11.
pub fn open_pickle(pickle: &[u8]) -> Result<Checkpoint, NnUnetError> {
    let numbers: Vec<u8> = (0..12).flat_map(|number| (number as f32).to_le_bytes()).collect();
    open_bytes(&zip(&[("a/data.pkl", pickle), ("a/data/0", &numbers)]))
}

/// The message of an error.
pub fn message<T: std::fmt::Debug>(result: Result<T, NnUnetError>) -> String {
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

/// A whole checkpoint whose `network_weights` are these bytes.
pub fn checkpoint(weights: &[u8]) -> Vec<u8> {
    checkpoint_of("T", weights)
}

/// A whole checkpoint of a trainer.
pub fn checkpoint_of(trainer: &str, weights: &[u8]) -> Vec<u8> {
    [
        b"\x80\x02}(",
        &text("network_weights")[..],
        weights,
        &text("init_args"),
        b"}",
        &text("configuration"),
        &text("2d"),
        b"s",
        &text("trainer_name"),
        &text(trainer),
        b"u.",
    ]
    .concat()
}

/// A dictionary of one key.
pub fn one(key: &str, value: &[u8]) -> Vec<u8> {
    [b"}", &text(key)[..], value, b"s"].concat()
}
