//! Files that are cut off or changed.

use medseg_nnunet::Checkpoint;

use crate::fixture;
use crate::written::{checkpoint, message, one, open_bytes, open_pickle, tensor, zip};

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

#[test]
fn strange_archives_are_refused() {
    assert!(message(open_bytes(b"")).ends_with("or its end is missing"));
    assert!(message(open_bytes(&zip(&[]))).ends_with("has no entry data.pkl"));
    let pickle = checkpoint(b"}");
    assert!(message(open_bytes(&zip(&[("a/data.pkl", &pickle), ("a/data.pkl", &pickle)]))).ends_with("one name"));
    let storage = checkpoint(&one("w", &tensor("FloatStorage", 0, &[2], &[1])));
    assert!(message(open_bytes(&zip(&[("a/data.pkl", &storage)]))).ends_with("has no entry a/data/0"));

    let good = zip(&[("a/data.pkl", &pickle)]);
    let directory = good.windows(4).position(|mark| mark == b"PK\x01\x02").unwrap();
    let with = |place: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[place..place + bytes.len()].copy_from_slice(bytes);
        message(open_bytes(&changed))
    };
    assert!(with(directory + 10, &[8]).contains("a/data.pkl of the zip archive is compressed or encrypted"));
    assert!(with(directory + 8, &[1]).contains("is compressed or encrypted"));
    assert!(with(directory + 16, &[1]).contains("its checksum differs"));
    assert!(with(directory + 20, &[255, 255, 0, 0, 255, 255, 0, 0]).contains("its entries overlap"));
    assert!(with(directory + 42, &[255, 255, 255, 0]).contains("an entry lies outside of the file"));
    assert!(with(directory + 42, &[1]).contains("an entry has no header"));
    assert!(with(directory + 28, &[255, 255]).contains("its directory"));
}

#[test]
fn archives_with_sizes_of_64_bits_are_read() {
    let pickle = checkpoint(b"}");
    let small = zip(&[("a/data.pkl", &pickle)]);
    let directory = small.windows(4).position(|mark| mark == b"PK\x01\x02").unwrap();
    let mut file = small[..directory].to_vec();
    // The directory's record, whose three sizes stand in the extra field.
    let mut record = small[directory..directory + 46 + 10].to_vec();
    for place in [20, 24, 42] {
        record[place..place + 4].fill(255);
    }
    record[30..32].copy_from_slice(&32_u16.to_le_bytes());
    let size = pickle.len() as u64;
    record.extend(b"\x99\x99\0\0\x01\0\x18\0");
    record.extend([size, size, 0].iter().flat_map(|number| number.to_le_bytes()));
    file.extend(&record);
    let end = file.len() as u64;
    file.extend(b"PK\x06\x06");
    file.extend(44_u64.to_le_bytes());
    file.extend([0; 12]);
    file.extend([1, 1, record.len() as u64, directory as u64].iter().flat_map(|number| number.to_le_bytes()));
    file.extend(b"PK\x06\x07\0\0\0\0");
    file.extend(end.to_le_bytes());
    file.extend([1, 0, 0, 0]);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([255; 12]);
    file.extend([0, 0]);
    assert_eq!(open_bytes(&file).unwrap().trainer_name, "T");
}
