//! Files that are cut off or changed.

use medseg_nnunet::Checkpoint;

use crate::fixture;
use crate::written::{checkpoint, one, open_pickle, tensor};

/// Opens bytes and reads all values; errors are fine, anything else is not.
fn read_all(path: &std::path::Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    if let Ok(checkpoint) = Checkpoint::open(path) {
        for tensor in checkpoint.weights.values() {
            let count: usize = tensor.shape().iter().product();
            if let Ok(values) = tensor.values() {
                assert_eq!(values.len(), count);
            }
        }
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pth");
    let bytes = std::fs::read(fixture("odd/protocol4.pth")).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    for length in (0..bytes.len()).rev() {
        file.set_len(length as u64).unwrap();
        assert!(Checkpoint::open(&path).is_err(), "{length} bytes");
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
    for name in ["types", "no_checksums", "protocol3", "protocol5"] {
        let bytes = std::fs::read(fixture(&format!("odd/{name}.pth"))).unwrap();
        let pickle = bytes.windows(2).position(|pair| pair[0] == 0x80 && (2..=5).contains(&pair[1])).unwrap();
        for round in 0..750 {
            let mut changed = bytes.clone();
            // Without its checksum, a changed pickle is looked at.
            let directory = changed.windows(4).rposition(|mark| mark == b"PK\x01\x02").unwrap();
            let first = changed[..=directory].windows(4).position(|mark| mark == b"PK\x01\x02").unwrap();
            changed[first + 16..first + 20].fill(0);
            for _ in 0..=random(3) {
                // Half of the changes hit the pickle, which lies at the beginning.
                let place = if round % 2 == 0 { pickle + random(2500) } else { random(bytes.len()) };
                changed[place] = if random(2) == 0 { random(256) as u8 } else { changed[place] ^ 1 << random(8) };
            }
            read_all(&path, &changed);
        }
    }
}

#[test]
fn damaged_values_are_found_by_their_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.pth");
    let mut bytes = std::fs::read(fixture("plain_regions/fold_0/checkpoint_final.pth")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let checkpoint = Checkpoint::open(&path).unwrap();
    let errors: Vec<_> = checkpoint.weights.values().filter_map(|tensor| tensor.values().err()).collect();
    assert!(!errors.is_empty());
    assert!(errors.iter().all(|error| error.to_string().ends_with("is damaged: its checksum differs")));
}
