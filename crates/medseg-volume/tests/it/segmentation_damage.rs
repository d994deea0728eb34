//! Damaged DICOM segmentations: an error or a mask, never a panic, a hang or memory that the file does not prove.
//!
//! For more: `MEDSEG_DICOM_DAMAGE=100000 cargo test --release -p medseg-volume --features dicom --test it segmentation_damage`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use medseg_volume::dicom::segmentation::{self, Form, ReadOptions, Segmentation, WriteOptions};
use medseg_volume::dicom::{SeriesOptions, SourceSeries};
use medseg_volume::segments::{Overlap, SegmentTable, SegmentationError};
use medseg_volume::{Dhw, Volume};
use ndarray::Array3;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Damaged copies of every file; set `MEDSEG_DICOM_DAMAGE` for more.
const COPIES: usize = 300;
const SERIES: &str = "tests/golden/segmentation/series";

/// Files of highdicom and of this crate.
fn sound_files() -> Vec<Vec<u8>> {
    let entries = fs::read_dir("tests/golden/segmentation").unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "dcm")).collect();
    paths.sort();
    let mut files: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    let source = SourceSeries::read(SERIES, &SeriesOptions::default()).unwrap();
    let Dhw { d, h, w } = source.shape();
    let folder = tempfile::tempdir().unwrap();
    for (form, labels) in [(Form::Binary, [3, 9]), (Form::LabelMap, [1, 2]), (Form::LabelMap, [7, 300])] {
        let data = Array3::from_shape_fn((d, h, w), |(d, h, w)| [0, labels[0], labels[1]][(d + h * w) % 3]);
        let mask = Volume::new(data, source.geometry().clone());
        let table = SegmentTable::from_names(labels.map(|label| (label, "kidney_left"))).unwrap();
        let path = folder.path().join("a.dcm");
        segmentation::write(&path, &mask, &table, &source, &WriteOptions::default().with_form(form)).unwrap();
        files.push(fs::read(path).unwrap());
    }
    files
}

/// Reads bytes on a random grid; whether they were read.
fn read(folder: &Path, bytes: &[u8], source: &SourceSeries, random: &mut impl Rng) -> bool {
    let path = folder.join("a.dcm");
    fs::write(&path, bytes).unwrap();
    let options = ReadOptions::default().with_max_bytes(64 << 20);
    let options = match random.random_range(0..4) {
        0 => options,
        1 => options.with_overlap(Overlap::Last),
        2 => options.with_grid_of(source).with_overlap(Overlap::First),
        _ => options.with_grid_of(source).with_nearest(true),
    };
    let started = Instant::now();
    let result = segmentation::read(&path, &options);
    assert!(started.elapsed() < Duration::from_secs(20), "a hang");
    match result {
        Ok(found) => {
            let described = |label: u16| label == 0 || found.table.get(label).is_some();
            assert!(found.mask.data.iter().all(|label| described(*label)));
            assert!(found.mask.geometry.affine().iter().flatten().all(|value| value.is_finite()));
            true
        }
        Err(error) => error.to_string().is_empty(),
    }
}

fn damage(bytes: &mut Vec<u8>, random: &mut impl Rng) {
    const FEARED: [&[u8]; 8] =
        [&[0, 0], &[0xff, 0xff], &[0xff; 4], &[0; 8], b"SQ", b"UN", b"\\", &[0xfe, 0xff, 0x00, 0xe0]];
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(128..bytes.len());
        match random.random_range(0..6) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => bytes[at] = b"0123456789.-eE\\"[random.random_range(0..15)],
            3 => {
                let feared = FEARED[random.random_range(0..FEARED.len())];
                let end = (at + feared.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&feared[..end - at]);
            }
            4 => {
                let part = bytes[at..(at + random.random_range(0..40)).min(bytes.len())].to_vec();
                let to = random.random_range(132..bytes.len());
                drop(bytes.splice(to..to, part));
            }
            _ => {
                let end = (at + random.random_range(0..4)).min(bytes.len());
                drop(bytes.drain(at..end));
            }
        }
        if bytes.len() < 140 {
            return;
        }
    }
}

#[test]
fn damaged_segmentations_never_panic() {
    let copies = std::env::var("MEDSEG_DICOM_DAMAGE").map_or(COPIES, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let source = SourceSeries::read(SERIES, &SeriesOptions::default()).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(31);
    let (mut read_anyway, mut refused) = (0_usize, 0_usize);
    for file in sound_files() {
        for _ in 0..copies {
            let mut bytes = file.clone();
            damage(&mut bytes, &mut random);
            if read(folder.path(), &bytes, &source, &mut random) { read_anyway += 1 } else { refused += 1 }
        }
    }
    println!("{read_anyway} read, {refused} refused");
    assert!(read_anyway > copies && refused > copies);
}

#[test]
fn truncated_segmentations_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dcm");
    for file in sound_files() {
        fs::write(&path, &file).unwrap();
        assert!(segmentation::read(&path, &ReadOptions::default().with_overlap(Overlap::First)).is_ok());
        for length in (0..file.len()).step_by(67) {
            fs::write(&path, &file[..length]).unwrap();
            let result = segmentation::read(&path, &ReadOptions::default().with_overlap(Overlap::First));
            // The last bytes may be padding, or the delimiter behind encapsulated pixels.
            assert!(result.is_err() || length + 16 > file.len(), "{length} of {}", file.len());
        }
    }
}

/// Replaces bytes of a golden file, which must be there once.
fn changed(name: &str, from: &[u8], to: &[u8]) -> Result<Segmentation, SegmentationError> {
    let mut bytes = fs::read(Path::new("tests/golden/segmentation").join(name)).unwrap();
    let places: Vec<usize> = (0..bytes.len() - from.len()).filter(|at| &bytes[*at..at + from.len()] == from).collect();
    assert_eq!(places.len(), 1, "{places:?}");
    bytes[places[0]..places[0] + to.len()].copy_from_slice(to);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dcm");
    fs::write(&path, bytes).unwrap();
    segmentation::read(path, &ReadOptions::default())
}

#[test]
fn sizes_that_the_file_does_not_hold_are_refused_before_memory_is_taken() {
    let rows = |rows: u16| {
        changed(
            "binary.dcm",
            b"\x28\x00\x10\x00US\x02\x00\x06\x00",
            &[&b"\x28\x00\x10\x00US\x02\x00"[..], &rows.to_le_bytes()].concat(),
        )
    };
    assert!(rows(6).is_ok());
    for refused in [rows(65535), rows(7), rows(0)] {
        assert!(refused.unwrap_err().to_string().contains(": "));
    }
    let rle = changed("labelmap_rle.dcm", b"\x28\x00\x10\x00US\x02\x00\x06\x00", b"\x28\x00\x10\x00US\x02\x00\xff\xff");
    assert!(rle.is_err());
}
