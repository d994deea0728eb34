//! Damaged DICOM files: an error or a volume, never a panic, a hang or memory that the file does not prove.

use std::fs;
use std::path::Path;

use medseg_volume::dicom::{DicomError, SeriesOptions, read_series_with};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Damaged copies of every file; set `MEDSEG_DICOM_DAMAGE` for more.
const COPIES: usize = 40;

fn golden() -> Vec<(String, Vec<u8>)> {
    let folders = ["tests/golden/dicom", "tests/golden/dicom_kinds"];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "dcm"));
    files.sort();
    files.into_iter().map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

/// Reads bytes as the only file of a folder.
fn read(folder: &Path, bytes: &[u8]) -> Result<usize, DicomError> {
    fs::write(folder.join("slice"), bytes).unwrap();
    let options = SeriesOptions::default().with_max_bytes(64 << 20);
    read_series_with(folder, &options).map(|(image, _)| image.data.len())
}

fn damage(bytes: &mut [u8], random: &mut impl Rng) {
    for _ in 0..random.random_range(1..5) {
        // Most bytes of a file are the preamble, which is never looked at, where it has one.
        let start = if bytes[128..].starts_with(b"DICM") { 128 } else { 0 };
        let at = random.random_range(start..bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random_range(0..=255),
            2 => bytes[at] = 0xFF,
            _ => {
                let end = (at + 4).min(bytes.len());
                let word = random.random_range(0..=u32::MAX).to_le_bytes();
                bytes[at..end].copy_from_slice(&word[..end - at]);
            }
        }
    }
}

#[test]
fn damaged_files_never_panic() {
    let copies = std::env::var("MEDSEG_DICOM_DAMAGE").map_or(COPIES, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let (mut read_anyway, mut refused) = (0_usize, 0_usize);
    for (_, bytes) in golden() {
        for _ in 0..copies {
            let mut bytes = bytes.clone();
            damage(&mut bytes, &mut random);
            match read(folder.path(), &bytes) {
                Ok(_) => read_anyway += 1,
                Err(_) => refused += 1,
            }
        }
    }
    println!("{read_anyway} read, {refused} refused");
    assert!(refused > 0);
}

/// A truncated file is refused, or lost nothing but the padding and the delimiter behind its pixels.
#[test]
fn truncated_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in golden() {
        let step = if name.contains("dicom_kinds") {
            61
        } else if bytes.len() > 400 {
            7
        } else {
            1
        };
        // A deflated file ends with a byte that holds no content.
        let deflated = name.contains("deflated");
        for length in (0..bytes.len()).step_by(step) {
            let result = read(folder.path(), &bytes[..length]);
            assert!(
                result.is_err() || deflated && length + 8 > bytes.len(),
                "{name} of {length} bytes instead of {}",
                bytes.len()
            );
        }
    }
}
