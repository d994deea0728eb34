//! Memory that hostile files take, in a process of its own.

#[path = "it/written.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod written;

use written::{checkpoint, one, open_bytes, open_pickle, tensor, weights_of};

/// Most memory that this process had so far, in bytes; known on Linux.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib << 10)
}

#[test]
fn memory_is_bounded_by_the_file() {
    const MANY: usize = 1_000_000;
    let Some(before) = peak() else { return };
    // Each file has at most 5 MB.
    for hostile in [
        [&b"]".repeat(MANY)[..], &b"a".repeat(MANY - 1)].concat(),
        [&b"N"[..], &b"\x85".repeat(MANY)].concat(),
        [&b"](N"[..], &b"2".repeat(MANY), b"e"].concat(),
        [&b"}q\x00"[..], &b"h\x00h\x00s".repeat(MANY)].concat(),
        [&b"("[..], &b"}(NNu".repeat(MANY), b"t"].concat(),
    ] {
        open_pickle(&checkpoint(&one("x", &hostile))).unwrap();
    }
    // A list is shared by many calls of a class that would copy it.
    let copies =
        [&b"]q\x00("[..], &b"N".repeat(MANY), b"e0(", &b"ccollections\nOrderedDict\nh\x00\x85R".repeat(50_000), b"t"];
    open_pickle(&checkpoint(&one("x", &copies.concat()))).unwrap();
    for length in
        [&b"X\xff\xff\xff\xff"[..], b"\x8d\0\0\0\xff\0\0\0\0", b"\x8e\0\0\0\xff\0\0\0\0", b"\x8b\xff\xff\xff\x7f"]
    {
        assert!(open_pickle(length).is_err());
    }
    for (shape, strides) in [([1 << 40, 1], [1, 1]), ([1 << 20, 1 << 20], [0, 0]), ([1 << 40, 1], [0, 0])] {
        assert!(weights_of(&checkpoint(&one("w", &tensor("FloatStorage", 0, &shape, &strides)))).is_err());
    }
    // Sizes in the archive's directory.
    let mut file = written::zip(&[("a/data.pkl", &checkpoint(b"}"))]);
    let directory = file.windows(4).position(|mark| mark == b"PK\x01\x02").unwrap();
    file[directory + 20..directory + 28].fill(0xfe);
    assert!(open_bytes(&file).is_err());
    let end = file.len() - 22;
    file[end + 12..end + 16].fill(0xfe);
    assert!(open_bytes(&file).is_err());

    // One tensor under many long names.
    let names: Vec<u8> = (0..70_000).flat_map(|n| [&written::text(&n.to_string())[..], b"h\x00"].concat()).collect();
    let weight = [&tensor("FloatStorage", 0, &[1], &[1])[..], b"q\x00"].concat();
    let many = [b"}(", &written::text("w")[..], &weight, &names, b"u"].concat();
    assert!(weights_of(&checkpoint(&one(&"x".repeat(1000), &many))).is_err());
    // Counts of the format before PyTorch 1.6.
    for values in [1 << 40, i64::MAX, -1] {
        let weight = one("w", &written::legacy_tensor("FloatStorage", "0", values, b"N", 1));
        assert!(open_bytes(&written::legacy(&weight, &[("0", values, &[0; 4])])).is_err());
    }

    let taken = peak().unwrap() - before;
    assert!(taken < 400 << 20, "{} MiB", taken >> 20);
}
