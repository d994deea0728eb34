//! Zip archives that no writer of PyTorch makes, and large ones.

use crate::written::{checkpoint, message, one, open_bytes, tensor, zip};

#[test]
fn strange_archives_are_refused() {
    assert!(message(open_bytes(b"")).ends_with("or its end is missing"));
    assert!(message(open_bytes(&zip(&[]))).ends_with("has no entry data.pkl"));
    let pickle = checkpoint(b"}");
    assert!(message(open_bytes(&zip(&[("a/data.pkl", &pickle), ("a/data.pkl", &pickle)]))).ends_with("one name"));
    let storage = checkpoint(&one("w", &tensor("FloatStorage", 0, &[2], &[1])));
    assert!(
        message(open_bytes(&zip(&[("a/data.pkl", &storage)])).unwrap().state_dict(&["weights"]))
            .ends_with("has no entry a/data/0")
    );

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
    assert!(open_bytes(&file).unwrap().state_dict(&["weights"]).unwrap().is_empty());
}

#[test]
fn the_format_before_the_legacy_one_is_refused() {
    let mut tar = vec![0; 1024];
    tar[..8].copy_from_slice(b"storages");
    tar[257..262].copy_from_slice(b"ustar");
    assert!(message(open_bytes(&tar)).contains("the file has the tar format before PyTorch 0.1.10"));
}
