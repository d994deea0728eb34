//! A small NIfTI-1 file made by hand, whose header bytes tests change; the axis codes.

pub mod header;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use medseg_volume::{Orientation, read_image};

/// All 48 axis codes.
pub fn codes() -> Vec<Orientation> {
    let pairs = [["R", "L"], ["A", "P"], ["S", "I"]];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let code = |order: [usize; 3], signs: usize| {
        order.iter().map(|axis| pairs[*axis][(signs >> axis) & 1]).collect::<String>().parse().unwrap()
    };
    orders.into_iter().flat_map(|order| (0..8).map(move |signs| code(order, signs))).collect()
}

/// Shape of [`label_file`] along i, j, k.
pub const LENGTHS: [usize; 3] = [4, 3, 2];

/// Number of voxels of [`label_file`].
pub const COUNT: usize = LENGTHS[0] * LENGTHS[1] * LENGTHS[2];

/// A file in a folder of its own, which goes with it.
pub struct File {
    _dir: tempfile::TempDir,
    pub path: PathBuf,
}

/// Writes a file.
pub fn file(name: &str, bytes: &[u8]) -> File {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    File { _dir: dir, path }
}

/// The voxels that are read from a file's bytes.
pub fn voxels(bytes: &[u8]) -> Vec<f32> {
    read_image(&file("a.nii", bytes).path).unwrap().data.into_iter().collect()
}

/// The error of reading a file's bytes.
pub fn error(bytes: &[u8]) -> String {
    read_image(&file("a.nii", bytes).path).unwrap_err().to_string()
}

/// A `.nii` file of u8 labels 0, 1, 2, ... with an sform of spacing 1, 2, 3 mm.
pub fn label_file() -> Vec<u8> {
    let mut bytes = vec![0u8; 352];
    put(&mut bytes, 0, 348i32.to_le_bytes());
    put(&mut bytes, 40, 3i16.to_le_bytes());
    for (axis, length) in LENGTHS.into_iter().enumerate() {
        put(&mut bytes, 42 + 2 * axis, (length as i16).to_le_bytes());
        put(&mut bytes, 80 + 4 * axis, (axis as f32 + 1.0).to_le_bytes());
        // Row and column of the axis in srow.
        put(&mut bytes, 280 + 20 * axis, (axis as f32 + 1.0).to_le_bytes());
    }
    set_type(&mut bytes, 2, 8);
    put(&mut bytes, 76, 1f32.to_le_bytes());
    put(&mut bytes, 108, 352f32.to_le_bytes());
    bytes[123] = 2;
    put(&mut bytes, 254, 1i16.to_le_bytes());
    put(&mut bytes, 344, *b"n+1\0");
    bytes.extend(0..LENGTHS.iter().product::<usize>() as u8);
    bytes
}

/// The same header in front of other voxels.
pub fn with_voxels(datatype: i16, bits: i16, voxels: &[u8]) -> Vec<u8> {
    let mut bytes = label_file();
    bytes.truncate(352);
    set_type(&mut bytes, datatype, bits);
    bytes.extend_from_slice(voxels);
    bytes
}

fn set_type(bytes: &mut [u8], datatype: i16, bits: i16) {
    put(bytes, 70, datatype.to_le_bytes());
    put(bytes, 72, bits.to_le_bytes());
}

/// Overwrites bytes.
pub fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

/// One gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
