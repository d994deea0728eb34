//! gzip streams as other tools write and damage them.

use std::io::Write;

use crate::support::{COUNT, file, gzip, label_file};
use flate2::{Compression, GzBuilder};
use medseg_volume::read_label;

#[test]
fn gzip_is_told_by_content_and_not_by_name() {
    for (name, bytes) in [("a.nii", gzip(&label_file())), ("a.nii.gz", label_file()), ("a", gzip(&label_file()))] {
        assert_eq!(read_label(&file(name, &bytes).path).unwrap().data.len(), COUNT, "{name}");
    }
}

#[test]
fn several_gzip_members_are_one_file_and_padding_after_them_is_ignored() {
    let whole = label_file();
    for cut in [1, 100, 348, 352, 360, whole.len()] {
        let mut bytes = [gzip(&whole[..cut]), gzip(&whole[cut..])].concat();
        bytes.extend([0; 512]);
        assert_eq!(read_label(&file("a.nii.gz", &bytes).path).unwrap().data.into_iter().last(), Some(COUNT as u8 - 1));
    }
}

#[test]
fn a_gzip_member_may_begin_anywhere_in_the_file() {
    // Around the sizes of usual read buffers, whose last byte may be the first of a member.
    for length in [1 << 12, 1 << 13, 1 << 16, 1 << 17, 1 << 18] {
        for before in [length - 2, length - 1, length] {
            let mut bytes = members(&label_file()[..10], before);
            bytes.extend(gzip(&label_file()[10..]));
            assert_eq!(read_label(&file("a.nii.gz", &bytes).path).unwrap().data.len(), COUNT, "{before}");
        }
    }
}

/// gzip members of `length` bytes in all, filled up with comments.
fn members(content: &[u8], length: usize) -> Vec<u8> {
    let member = |content: &[u8], comment: usize| {
        let mut encoder = GzBuilder::new().comment(vec![b'x'; comment]).write(Vec::new(), Compression::none());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    let mut bytes = member(content, 0);
    while bytes.len() < length {
        let (left, least) = (length - bytes.len(), member(&[], 0).len());
        // Comments have a limit, and what is left must be long enough for a member.
        bytes.extend(member(&[], if left > 60_000 { 30_000 } else { left - least }));
    }
    assert_eq!(bytes.len(), length);
    bytes
}

#[test]
fn a_wrong_checksum_is_an_error_although_every_voxel_was_read() {
    let mut bytes = gzip(&label_file());
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    assert!(read_label(&file("a.nii.gz", &bytes).path).is_err());
}

#[test]
fn a_stream_cut_anywhere_is_an_error() {
    for bytes in [gzip(&label_file()), label_file()] {
        for length in 0..bytes.len() {
            assert!(read_label(&file("a.nii.gz", &bytes[..length]).path).is_err(), "{length} of {}", bytes.len());
        }
    }
}
