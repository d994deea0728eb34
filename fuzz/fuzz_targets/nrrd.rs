//! NRRD files after their magic number: whatever the bytes, an error or a sound volume of at most 64 MiB.
#![no_main]

use libfuzzer_sys::fuzz_target;
use medseg_volume::{ReadOptions, VolumeFile};

fuzz_target!(|bytes: &[u8]| {
    let file = [b"NRRD0004\n", bytes].concat();
    let Ok(file) = VolumeFile::from_bytes(file) else { return };
    let options = ReadOptions::default().with_max_bytes(64 << 20);
    assert!(file.info().geometry.affine().iter().flatten().all(|v| v.is_finite()));
    let _ = (file.image(&options), file.label(&options), file.channels(&options), file.stored(&options));
});
