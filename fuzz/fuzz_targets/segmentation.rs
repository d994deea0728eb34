//! Bytes as a DICOM segmentation: read on its own grid and on one that is given, with 64 MiB for the result.
//!
//! `cargo +nightly fuzz run segmentation fuzz/corpus/segmentation crates/medseg-volume/tests/golden/segmentation -- \
//! -rss_limit_mb=3072`
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use medseg_volume::dicom::segmentation::{ReadOptions, read};
use medseg_volume::segments::Overlap;
use medseg_volume::{Dhw, Geometry};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder for the file"));

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.path().join("segmentation");
    std::fs::write(&path, bytes).expect("a written file");
    let options = ReadOptions::default().with_max_bytes(64 << 20).with_overlap(Overlap::Last);
    if let Ok(found) = read(&path, &options) {
        assert!(found.mask.data.iter().all(|label| *label == 0 || found.table.get(*label).is_some()));
    }
    let grid = Geometry::from_spacing(Dhw { d: 2.5, h: -0.8, w: -0.8 }).expect("a grid");
    let _ = read(&path, &options.with_grid(Dhw::splat(32), grid).with_nearest(true)).map_err(|error| error.to_string());
});
