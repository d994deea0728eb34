//! Headers of both versions: whatever the bytes, an error or a finite geometry.
#![no_main]

use libfuzzer_sys::fuzz_target;
use medseg_volume::{Dhw, VolumeFile};

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = VolumeFile::from_bytes(bytes) else { return };
    let info = file.info();
    assert!(info.geometry.affine().iter().flatten().all(|v| v.is_finite()));
    assert!(info.shape.to_array().iter().all(|side| *side > 0) && info.channels > 0);
    let _ = (info.geometry.orientation(), info.geometry.voxel_to_world(Dhw::splat(1.0)), info.geometry.orthogonal());
    for warning in &info.warnings {
        assert!(!warning.to_string().is_empty());
    }
});
