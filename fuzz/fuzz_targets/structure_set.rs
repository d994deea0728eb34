//! Bytes as a structure set: read, and its regions made a mask of 32³ voxels.
//!
//! `cargo +nightly fuzz run structure_set fuzz/corpus/structure_set crates/medseg-volume/tests/golden/structure_set -- \
//! -rss_limit_mb=3072`
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use medseg_volume::dicom::structure_set::{RasteriseOptions, ReadOptions, read_with};
use medseg_volume::segments::Overlap;
use medseg_volume::{Dhw, Geometry};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder for the file"));

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.path().join("structure_set");
    std::fs::write(&path, bytes).expect("a written file");
    let Ok(set) = read_with(&path, &ReadOptions::default().with_max_bytes(64 << 20)) else { return };
    let grid = Geometry::from_spacing(Dhw { d: 2.5, h: -0.8, w: -0.8 }).expect("a grid");
    let options = RasteriseOptions::default().with_overlap(Overlap::Last);
    let _ = set.rasterise(&grid, Dhw::splat(32), &options).map_err(|error| error.to_string());
});
