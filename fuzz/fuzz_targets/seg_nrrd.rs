//! Files of 3D Slicer's segmentations after their magic number: an error or a mask of at most 64 MiB with its segments.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use medseg_volume::segments::{Overlap, SegNrrdOptions, read_seg_nrrd};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder for the file"));

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.path().join("a.seg.nrrd");
    std::fs::write(&path, [b"NRRD0004\n", bytes].concat()).expect("a written file");
    let options = SegNrrdOptions::default().with_max_bytes(64 << 20).with_overlap(Overlap::Last);
    if let Ok((mask, table)) = read_seg_nrrd(&path, &options) {
        assert!(mask.data.iter().all(|label| *label == 0 || table.get(*label).is_some()));
    }
});
