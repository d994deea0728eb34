//! Bytes as the only file of a folder: described and read, with 64 MiB for the result.
//!
//! `cargo +nightly fuzz run dicom fuzz/corpus/dicom crates/medseg-volume/tests/golden/dicom \
//! crates/medseg-volume/tests/golden/dicom_kinds -- -rss_limit_mb=3072`
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use medseg_volume::dicom::{SeriesOptions, describe_folder, read_series_with};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder for the file"));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(FOLDER.path().join("slice"), bytes).expect("a written file");
    let _ = describe_folder(FOLDER.path());
    let options = SeriesOptions::default().with_max_bytes(64 << 20).with_accept_tilt(true);
    let _ = read_series_with(FOLDER.path(), &options);
});
