//! Files of `torch.save`, written byte by byte.

/// An archive of stored entries without checksums.
#[must_use]
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

/// Numbers 0 to 11 as f32.
#[must_use]
pub fn numbers() -> Vec<u8> {
    (0..12).flat_map(|number| (number as f32).to_le_bytes()).collect()
}

/// A text in a pickle.
#[must_use]
pub fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// A whole number in a pickle.
#[must_use]
pub fn int(number: i64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &number.to_le_bytes()].concat()
}

/// A tuple of whole numbers in a pickle.
#[must_use]
pub fn ints(numbers: &[i64]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| int(*number)).collect();
    [b"(", &numbers[..], b"t"].concat()
}

/// A tensor in a pickle.
#[must_use]
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

/// A dictionary of one key.
#[must_use]
pub fn one(key: &str, value: &[u8]) -> Vec<u8> {
    [b"}", &text(key)[..], value, b"s"].concat()
}
