//! Files that are cut off or changed.

use std::fs::File;
use std::path::Path;

use medseg_torch::TorchFile;
use proptest::prelude::*;

use crate::fixture;
use crate::written::{checkpoint, legacy, legacy_tensor, numbers, one, open_bytes, open_pickle, tensor};

/// Reads all values of all tensors; errors are fine, anything else is not.
fn read_all(file: &TorchFile) {
    for keys in [&["model", "weights"][..], &[]] {
        for tensor in file.state_dict(keys).iter().flat_map(|tensors| tensors.values()) {
            if let Ok(values) = tensor.values() {
                assert_eq!(values.len(), tensor.shape().iter().product::<usize>());
            }
        }
    }
}

/// Writes bytes and reads all values of them.
fn try_all(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    if let Ok(file) = TorchFile::open(path) {
        read_all(&file);
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pth");
    for name in ["legacy.pth", "legacy_protocol4.pth", "legacy_python2.pth", "nested.pt", "script.pt"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        for length in (0..bytes.len()).rev() {
            file.set_len(length as u64).unwrap();
            assert!(TorchFile::open(&path).is_err(), "{name}: {length} bytes");
        }
    }
}

#[test]
fn a_file_that_shrinks_after_it_was_opened_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pth");
    for name in ["legacy.pth", "nested.pt"] {
        std::fs::copy(fixture(name), &path).unwrap();
        let file = TorchFile::open(&path).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(40).unwrap();
        let tensors = file.state_dict(&["model"]).unwrap();
        assert!(tensors.values().all(|tensor| tensor.shape().contains(&0) || tensor.values().is_err()), "{name}");
    }
}

#[test]
fn a_pickle_that_is_cut_off_anywhere_is_refused() {
    let pickle = checkpoint(&one("w", &tensor("FloatStorage", 0, &[2], &[1])));
    assert!(open_pickle(&pickle).is_ok());
    for length in 0..pickle.len() {
        assert!(open_pickle(&pickle[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn random_changes_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.pth");
    let mut state = 1_u64;
    let mut random = |below: usize| {
        // Knuth's generator; its upper bits are good enough.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for name in ["checkpoint.pt", "legacy.pth", "legacy_python2.pth", "module.pt", "script.pt"] {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        // Without their checksums, changed entries are looked at.
        for at in 0..bytes.len() - 46 {
            if bytes[at..].starts_with(b"PK\x01\x02") {
                bytes[at + 16..at + 20].fill(0);
            }
        }
        for _ in 0..1500 {
            let mut changed = bytes.clone();
            for _ in 0..=random(3) {
                let place = random(bytes.len());
                changed[place] = if random(2) == 0 { random(256) as u8 } else { changed[place] ^ 1 << random(8) };
            }
            try_all(&path, &changed);
        }
    }
}

#[test]
fn each_byte_of_the_old_format_may_be_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.pth");
    let weights = one("w", &legacy_tensor("FloatStorage", "0", 12, b"N", 12));
    let bytes = legacy(&weights, &[("0", 12, &numbers())]);
    for place in 0..bytes.len() {
        for change in [0x01, 0x08, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[place] ^= change;
            try_all(&path, &changed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_may_stand_for_a_pickle(pickle in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(file) = open_pickle(&[b"\x80\x02}", &pickle[..], b"."].concat()) {
            read_all(&file);
        }
        if let Ok(file) = open_bytes(&legacy(&pickle, &[])) {
            read_all(&file);
        }
    }

    #[test]
    fn any_opcodes_may_follow_each_other(
        opcodes in prop::collection::vec(prop::sample::select(&b"(02N)]}t\x85\x86adsuebRQ\x81\x88lo."[..]), 0..60),
    ) {
        if let Ok(file) = open_pickle(&opcodes) {
            read_all(&file);
        }
    }
}
