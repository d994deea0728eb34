//! The format before PyTorch 1.6, written byte by byte.

use medseg_torch::{TorchFile, TorchFormat};

use crate::written::{legacy, legacy_of, legacy_tensor, message, numbers, one, open_bytes, text};

/// The key under which the written files have their weights.
const KEY: &[&str] = &["weights"];

/// Values of the tensor `w`.
fn values(file: &TorchFile) -> Vec<f32> {
    file.state_dict(KEY).unwrap()["w"].values().unwrap()
}

fn weight(storage: &str, values: i64, part: &[u8], shape: i64) -> Vec<u8> {
    one("w", &legacy_tensor(storage, "0", values, part, shape))
}

#[test]
fn storages_follow_the_pickles() {
    let two = [
        &one("v", &legacy_tensor("HalfStorage", "1", 1, b"N", 1))[..],
        &text("w"),
        &legacy_tensor("FloatStorage", "0", 12, b"N", 12),
        b"s",
    ]
    .concat();
    // The keys' order is that of the storages, whatever that of the tensors.
    let file = open_bytes(&legacy(&two, &[("0", 12, &numbers()), ("1", 1, &[0, 0x3c])])).unwrap();
    assert_eq!(file.format(), TorchFormat::Legacy);
    assert_eq!(values(&file), (0..12).map(|number| number as f32).collect::<Vec<_>>());
    assert_eq!(file.state_dict(KEY).unwrap()["v"].values().unwrap(), [1.0]);
}

#[test]
fn parts_of_storages_are_read_inside_of_them() {
    let part = |first: i64, size: i64| {
        [b"(", &text("part")[..], &crate::written::int(first), &crate::written::int(size), b"t"].concat()
    };
    let open =
        |part: &[u8], shape| open_bytes(&legacy(&weight("FloatStorage", 12, part, shape), &[("0", 12, &numbers())]));
    assert_eq!(values(&open(&part(4, 3), 3).unwrap()), [4.0, 5.0, 6.0]);
    for (first, size, shape, expected) in [
        (4, 3, 4, "it reaches past the end of its storage"),
        (10, 3, 1, "its part of a storage reaches past the end of it"),
        (i64::MAX, i64::MAX, 1, "its part of a storage reaches past the end of it"),
        (-1, 3, 1, "its part of a storage is negative"),
        (1, -1, 1, "its part of a storage is negative"),
    ] {
        let message = message(open(&part(first, size), shape).unwrap().state_dict(KEY));
        assert!(message.ends_with(&format!("tensor w: {expected}")), "{message}");
    }
    assert!(message(open(b")", 1).unwrap().state_dict(KEY)).ends_with("its part of a storage is not described"));
}

#[test]
fn counts_are_compared_with_the_file_before_memory_is_taken() {
    let huge = 1_i64 << 60;
    for (described, stored, expected) in [
        (12, 11, "its size in the file is not the described one"),
        (12, -1, "its size in the file is not the described one"),
        (13, 13, "it ends early"),
        (huge, huge, "it ends early"),
        (-1, -1, "its size is negative"),
        (i64::MAX, i64::MAX, "its size overflows"),
    ] {
        let file = legacy(&weight("FloatStorage", described, b"N", 1), &[("0", stored, &numbers())]);
        let message = message(open_bytes(&file));
        assert!(message.ends_with(&format!("storage 0: {expected}")), "{message}");
    }
}

#[test]
fn storages_and_keys_must_belong_together() {
    let one = weight("FloatStorage", 1, b"N", 1);
    let number: &[u8] = &[0; 4];
    let refused = |weights: &[u8], storages: &[(&str, i64, &[u8])]| message(open_bytes(&legacy(weights, storages)));
    assert!(refused(&one, &[("0", 1, number), ("0", 1, number)]).ends_with("storage 0: two storages have its key"));
    assert!(refused(&one, &[("0", 1, number), ("1", 1, number)]).ends_with("storage 1: no tensor describes it"));
    assert!(refused(&weight("StrangeStorage", 1, b"N", 1), &[("0", 1, number)]).ends_with("its numbers is unknown"));
    let file = open_bytes(&legacy(&one, &[])).unwrap();
    assert!(message(file.state_dict(KEY)).ends_with("storage 0: the file lacks it"));
    let both = [&one[..], &text("v"), &legacy_tensor("DoubleStorage", "0", 1, b"N", 1), b"s"].concat();
    assert!(refused(&both, &[("0", 1, number)]).ends_with("storage 0: two tensors describe it differently"));
}

#[test]
fn other_computers_and_versions_are_refused() {
    let one_weight = weight("FloatStorage", 1, b"N", 1);
    let refused = |version: &[u8], system: &[u8]| {
        message(open_bytes(&legacy_of(version, system, &one_weight, &[("0", 1, &[0; 4])])))
    };
    let little = one("little_endian", b"\x88");
    let version = b"M\xe9\x03";
    assert!(refused(version, &one("little_endian", b"\x89")).contains("by a big-endian computer"));
    assert!(refused(version, b"}").ends_with("its byte order is not described"));
    assert!(refused(version, &one("little_endian", b"K\x01")).ends_with("its byte order is not described"));
    assert!(refused(b"M\xea\x03", &little).ends_with("a version before PyTorch 1.6 that is not 1001"));
}

#[test]
fn pickles_longer_than_the_first_look_are_read() {
    let long = [&weight("FloatStorage", 12, b"N", 12)[..], &text("note"), &text(&"x".repeat(3 << 20)), b"s"].concat();
    assert_eq!(values(&open_bytes(&legacy(&long, &[("0", 12, &numbers())])).unwrap()).len(), 12);
    let cut = [&b"}"[..], b"X\xff\xff\xff\x7f"].concat();
    assert!(message(open_bytes(&legacy(&cut, &[]))).ends_with("the pickle ends early"));
}

#[test]
fn classes_of_modules_may_be_described_like_storages() {
    let module = [b"(", &text("module")[..], b"cnet\nNet\nNNtQ)\x81"].concat();
    let weights = [&weight("FloatStorage", 1, b"N", 1)[..], &text("net"), &module, b"s"].concat();
    assert_eq!(values(&open_bytes(&legacy(&weights, &[("0", 1, &[0; 4])])).unwrap()), [0.0]);
}
