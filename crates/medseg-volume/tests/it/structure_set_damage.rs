//! Damaged structure sets: an error or regions, never a panic, a hang or memory that the file does not prove.
//!
//! More: `(ulimit -v 3145728; MEDSEG_DICOM_DAMAGE=1000000 cargo test -p medseg-volume --features dicom --test it
//! structure_set_damage)`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use medseg_volume::contours::Holes;
use medseg_volume::dicom::structure_set::{self, RasteriseOptions, ReadOptions, WriteOptions};
use medseg_volume::segments::Overlap;
use medseg_volume::{Dhw, Geometry};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::structure_set::{AXIAL, random_mask, series, table};

/// Damaged files of a run; set `MEDSEG_DICOM_DAMAGE` for more.
const FILES: usize = 4_000;

/// The golden files of rt-utils, and files of this crate in both encodings of holes.
fn sound_files() -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        fs::read_dir("tests/golden/structure_set").unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "dcm"));
    paths.sort();
    let mut files: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    let (folder, source) = series(AXIAL);
    for (seed, holes) in [(1, Holes::Keyhole), (2, Holes::ExclusiveOr)] {
        let mask = random_mask(&mut ChaCha8Rng::seed_from_u64(seed), &source, 4, 0.6);
        let path = folder.path().join("rtstruct");
        structure_set::write(&path, &mask, &table(4), &source, &WriteOptions::default().with_holes(holes)).unwrap();
        files.push(fs::read(path).unwrap());
    }
    files
}

/// One to four changes: of bits, bytes, lengths, or a number's text to one that readers fear.
fn damage(bytes: &mut [u8], random: &mut impl Rng) {
    const FEARED: [&[u8]; 10] =
        [b"1e308\\", b"-1e308\\", b"1e999\\", b"nan\\", b"inf\\", b"\\\\\\", b"0\\0\\0\\0", b"9999999999", b"-1", b" "];
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(128..bytes.len());
        let mut put = |new: &[u8]| {
            let end = (at + new.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&new[..end - at]);
        };
        match random.random_range(0..5) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random_range(0..=255),
            2 => put(&random.random_range(0..=u32::MAX).to_le_bytes()),
            3 => put(&random.random_range(0..200_u32).to_le_bytes()),
            _ => put(FEARED[random.random_range(0..FEARED.len())]),
        }
    }
}

/// Reads a file and makes masks of it; true if it was read.
fn read(path: &Path, bytes: &[u8]) -> bool {
    fs::write(path, bytes).unwrap();
    let started = Instant::now();
    let set = structure_set::read_with(path, &ReadOptions::default().with_max_bytes(16 << 20));
    if let Ok(set) = &set {
        let geometry = Geometry::from_affine([
            [-0.8, 0.0, 0.0, 31.25],
            [0.0, -0.8, 0.0, -17.5],
            [0.0, 0.0, 2.5, 203.75],
            [0.0, 0.0, 0.0, 1.0],
        ])
        .unwrap();
        let options = RasteriseOptions::default().with_overlap(Overlap::Last);
        match set.rasterise(&geometry, Dhw::from([4, 14, 14]), &options) {
            Ok(read) => read.warnings.iter().for_each(|warning| drop(warning.to_string())),
            Err(error) => drop(error.to_string()),
        }
    }
    assert!(started.elapsed() < Duration::from_secs(20), "a hang");
    set.is_ok()
}

#[test]
fn damaged_files_never_panic() {
    let count = std::env::var("MEDSEG_DICOM_DAMAGE").map_or(FILES, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    let (files, mut random) = (sound_files(), ChaCha8Rng::seed_from_u64(31));
    let mut bytes = Vec::new();
    let mut sound = 0;
    for round in 0..count {
        bytes.clone_from(&files[round % files.len()]);
        damage(&mut bytes, &mut random);
        if random.random_range(0..10) == 0 {
            bytes.truncate(random.random_range(0..=bytes.len()));
        }
        sound += usize::from(read(&path, &bytes));
    }
    println!("{sound} of {count} files read");
    assert!(sound > count / 20 && sound < count - count / 20, "{sound}: the damage is too much or too little");
}

/// A truncated file is refused, or lost nothing but elements behind the regions.
#[test]
fn truncated_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truncated");
    for bytes in sound_files() {
        let whole = {
            fs::write(&path, &bytes).unwrap();
            structure_set::read(&path).unwrap()
        };
        for length in (0..bytes.len()).step_by(61) {
            fs::write(&path, &bytes[..length]).unwrap();
            if let Ok(read) = structure_set::read(&path) {
                // It ends between two sequences: all contours of those that are there, or none.
                let contours = |n: usize| read.rois.get(n).map(|roi| &roi.contours);
                assert!(
                    (0..whole.rois.len())
                        .all(|n| contours(n)
                            .is_none_or(|found| { found.is_empty() || *found == whole.rois[n].contours }))
                );
            }
        }
    }
}
