//! Whole files, plain and gzipped, read every way there is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use medseg_volume::{ReadOptions, StoredVoxels, VolumeFile};

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = VolumeFile::from_bytes(bytes) else { return };
    let options = ReadOptions::default().with_max_bytes(1 << 28);
    let part = options.clone().with_slices(1..2);
    let whole = file.channels(&options);
    let _ = (file.image(&options), file.label(&options), file.image(&part));
    // One type's exact reading and the general one agree.
    if let (Ok((whole, _)), Ok((StoredVoxels::F32(stored), _)), None) = (whole, file.stored(&options), file.info().scaling)
    {
        assert!(whole.iter().zip(&stored).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
});
