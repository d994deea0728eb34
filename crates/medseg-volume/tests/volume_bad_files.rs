//! Files that are broken, cut or hostile give an error that names them, and never a panic or much memory.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use medseg_volume::{read_channels, read_image, read_info, read_label};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::{gzip, label_file};

fn golden(folder: &str) -> PathBuf {
    Path::new("tests/golden").join(folder)
}

#[test]
fn every_known_defect_is_met_as_expected() {
    let list: serde_json::Value = serde_json::from_slice(&fs::read(golden("bad/expected.json")).unwrap()).unwrap();
    let files = list["files"].as_array().unwrap();
    assert!(files.len() >= 20);
    for entry in files {
        let name = entry["file"].as_str().unwrap();
        let path = golden("bad").join(name);
        match (entry["expect"].as_str().unwrap(), read_image(&path)) {
            ("error", Ok(_)) => panic!("{name} was read"),
            (_, Err(error)) => {
                let text = error.to_string();
                assert!(text.contains(name) && !text.contains('\n'), "{text}");
            }
            ("error_or_empty", Ok(volume)) => assert_eq!(volume.data.len(), 0, "{name}"),
            ("error_or_fallback", Ok(volume)) => {
                assert!(volume.geometry.affine().iter().flatten().all(|v| v.is_finite()), "{name}");
            }
            ("ok_or_error", Ok(volume)) => assert_eq!(volume.data.dim(), (7, 6, 5), "{name}"),
            (other, Ok(_)) => panic!("{name}: unknown expectation {other}"),
        }
    }
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no.nii.gz");
    for path in [missing.as_path(), dir.path()] {
        let error = read_image(path).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
}

/// Reads a file every way there is; only the absence of a panic counts.
fn try_all(path: &Path) {
    let _ = read_image(path);
    let _ = read_label(path);
    let _ = read_channels(path);
    let _ = read_info(path);
}

#[test]
fn random_damage_never_panics() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.nii.gz");
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for entry in fs::read_dir(golden("nifti")).unwrap() {
        let entry = entry.unwrap().path();
        if entry.to_string_lossy().contains(".nii") {
            seeds.push(fs::read(entry).unwrap());
        }
    }
    assert!(seeds.len() >= 8);
    for round in 0..4000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..rng.random_range(1..6) {
            // The header is where damage does most.
            let end = if rng.random() { bytes.len().min(352) } else { bytes.len() };
            let at = rng.random_range(0..end);
            bytes[at] = if rng.random() { rng.random() } else { bytes[at] ^ (1 << rng.random_range(0..8)) };
        }
        if rng.random_bool(0.2) {
            bytes.truncate(rng.random_range(0..=bytes.len()));
        }
        fs::write(&path, &bytes).unwrap();
        try_all(&path);
    }
}

#[test]
fn headers_of_random_bytes_never_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("noise.nii");
    for _ in 0..2000 {
        let mut bytes = label_file();
        rng.fill_bytes(&mut bytes[4..344]);
        // Some dimensions that get past the first check.
        bytes[40..42].copy_from_slice(&rng.random_range(0i16..8).to_le_bytes());
        fs::write(&path, if rng.random() { gzip(&bytes) } else { bytes }).unwrap();
        try_all(&path);
    }
}
