//! Damaged files of every kind: an error or a sound volume, never a panic, an abort, a hang or much memory.
//!
//! The large counts: `(ulimit -v 3145728; cargo test -p medseg-volume --test it mutations -- --ignored)`.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::gzip;
use crate::support::header::Made;
use medseg_volume::{ReadOptions, VolumeFile};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Sound files of both versions and byte orders, several types, with and without forms, extensions and scaling.
fn sound_files() -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = Vec::new();
    for entry in fs::read_dir("tests/golden/nifti").unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".nii") {
            files.push(fs::read(path).unwrap());
        }
    }
    files.sort();
    let types = [(2, 8), (512, 16), (4, 16), (8, 32), (1024, 64), (16, 32), (64, 64)];
    for (n, (code, bits)) in types.into_iter().enumerate() {
        for (version, big_endian) in [(1, false), (1, true), (2, false), (2, true)] {
            let plain = Made { version, big_endian, code, bits, lengths: vec![3, 4, 5, 2], ..Made::default() };
            let int = |v: i32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
            let extension = [&[1, 0, 0, 0][..], &int(32), &int(6), &[b'x'; 24], &int(16), &int(4), &[b'y'; 8]].concat();
            let made = match n % 4 {
                0 => plain,
                1 => Made { srow: None, qform_code: 1, quatern: [0.5, 0.5, 0.5, 1.0, 2.0, 3.0], ..plain },
                2 => Made { slope: 0.5, intercept: -7.0, between: extension, ..plain },
                _ => Made { srow: None, pixdim: [0.0, 1.0, 2.0, 3.0], lengths: vec![5, 7], ..plain },
            };
            let bytes = usize::from(bits as u16) / 8 * made.lengths.iter().product::<u64>() as usize;
            files.push(made.file(&(0..bytes).map(|b| (b % 3) as u8).collect::<Vec<_>>()));
        }
    }
    files
}

/// One to four changes within the first `end` bytes: of bits, bytes, or whole numbers to what headers fear.
fn damage(bytes: &mut [u8], end: usize, rng: &mut ChaCha8Rng) {
    const FEARED: [&[u8]; 12] = [
        &[0, 0],
        &[0xff, 0xff],
        &[0x7f, 0xff],
        &[0xff, 0x7f],
        &[0x80, 0],
        &[0, 0, 0xc0, 0x7f],
        &[0, 0, 0x80, 0xff],
        &[0x7f, 0x80, 0, 0],
        &[0xff; 4],
        &[0xff; 8],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0; 16],
    ];
    let end = end.min(bytes.len());
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..end);
        match rng.random_range(0..4) {
            0 => bytes[at] = rng.random(),
            1 => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => bytes[at] = rng.random_range(0..9),
            _ => {
                let feared = FEARED[rng.random_range(0..FEARED.len())];
                let at = if rng.random() { at & !1 } else { at };
                let length = feared.len().min(bytes.len() - at);
                bytes[at..at + length].copy_from_slice(&feared[..length]);
            }
        }
    }
}

/// Reads bytes every way there is; whether they were read as an image.
fn read_all(bytes: &[u8], rng: &mut ChaCha8Rng) -> bool {
    let started = Instant::now();
    let Ok(file) = VolumeFile::from_bytes(bytes) else { return false };
    let options = ReadOptions::default().with_max_bytes(1 << 30);
    let image = file.image(&options);
    if let Ok(image) = &image {
        assert!(image.geometry.affine().iter().flatten().all(|v| v.is_finite()));
        assert_eq!(image.data.dim(), file.info().shape.to_array().into());
    }
    match rng.random_range(0..4) {
        0 => drop(file.label(&options)),
        1 => drop(file.stored(&options)),
        2 => drop(file.channels(&options)),
        _ => {
            let start = rng.random_range(0..4);
            let slices = Some(start..start + rng.random_range(0..3));
            drop(file.image(&options.with_slices(slices)));
        }
    }
    file.info().warnings.iter().for_each(|warning| drop(warning.to_string()));
    assert!(started.elapsed() < Duration::from_secs(20), "a hang");
    image.is_ok()
}

/// Damages headers of plain files; how many were read.
fn damaged_headers(rounds: usize, seed: u64) -> usize {
    let (files, mut rng) = (sound_files(), ChaCha8Rng::seed_from_u64(seed));
    let mut bytes = Vec::new();
    let mut read = 0;
    for round in 0..rounds {
        bytes.clone_from(&files[round % files.len()]);
        let header = if bytes[..4].contains(&0x1c) { 556 } else { 400 };
        damage(&mut bytes, header, &mut rng);
        read += usize::from(read_all(&bytes, &mut rng));
    }
    read
}

/// Damages whole files, plain and gzipped, anywhere: bytes, cuts, additions, several members; how many were read.
fn damaged_files(rounds: usize, seed: u64) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let plain = sound_files();
    let packed: Vec<Vec<u8>> = plain
        .iter()
        .map(|bytes| {
            let cut = rng.random_range(0..=bytes.len());
            [gzip(&bytes[..cut]), gzip(&bytes[cut..])].concat()
        })
        .chain(plain.iter().map(|bytes| gzip(bytes)))
        .collect();
    let mut read = 0;
    for round in 0..rounds {
        let mut bytes =
            if round % 3 == 0 { &plain[round % plain.len()] } else { &packed[round % packed.len()] }.clone();
        let end = bytes.len();
        damage(&mut bytes, end, &mut rng);
        match rng.random_range(0..8) {
            0 => bytes.truncate(rng.random_range(0..=end)),
            1 => bytes.extend_from_within(rng.random_range(0..end)..),
            2 => bytes.resize(end + rng.random_range(0..64), rng.random()),
            // Damage within the stream's content, where the checksum does not see it.
            3 => {
                let mut inner = plain[round % plain.len()].clone();
                damage(&mut inner, 600, &mut rng);
                bytes = gzip(&inner);
            }
            _ => {}
        }
        if !bytes.is_empty() {
            read += usize::from(read_all(&bytes, &mut rng));
        }
    }
    read
}

/// Damages NRRD and MetaImage files: bytes, and digits and words of their headers, which text makes likelier to be read;
/// how many were read.
fn damaged_text(rounds: usize, seed: u64) -> usize {
    const WORDS: [&str; 14] = [
        "0",
        "-1",
        "4",
        "65536",
        "99999999999",
        "18446744073709551616",
        "1e308",
        "nan",
        "none",
        "(1,0,0)",
        "raw",
        "gzip",
        "MET_DOUBLE",
        "True",
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let paths = fs::read_dir("tests/golden/formats").unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|p| p.extension().is_some_and(|e| e == "nrrd" || e == "mha")).collect();
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    let mut read = 0;
    for round in 0..rounds {
        let mut bytes = files[round % files.len()].clone();
        let header = 350;
        // Replaces a word of the header.
        for _ in 0..rng.random_range(0..3) {
            let at = rng.random_range(8..header.min(bytes.len()));
            let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
            let start = bytes[..at].iter().rposition(|byte| !word(byte)).map_or(0, |last| last + 1);
            let end = at + bytes[at..].iter().position(|byte| !word(byte)).unwrap_or(0);
            bytes.splice(start..end.max(start), WORDS[rng.random_range(0..WORDS.len())].bytes());
        }
        let end = bytes.len();
        match rng.random_range(0..5) {
            0 => damage(&mut bytes, header.min(end), &mut rng),
            1 => damage(&mut bytes, end, &mut rng),
            2 => bytes.truncate(rng.random_range(0..=end)),
            _ => {}
        }
        read += usize::from(read_all(&bytes, &mut rng));
    }
    read
}

#[test]
fn damaged_nrrd_and_metaimage_files_never_panic() {
    let read = damaged_text(30_000, 14);
    assert!((1_000..29_000).contains(&read), "{read} read: the damage is too much or too little");
}

#[test]
#[ignore = "minutes; run once in a while, under a memory limit"]
fn a_million_damaged_nrrd_and_metaimage_files() {
    println!("{} of 1,000,000 files read", damaged_text(1_000_000, 103));
}

#[test]
fn damaged_headers_never_panic() {
    let read = damaged_headers(60_000, 11);
    assert!((10_000..59_000).contains(&read), "{read} read: the damage is too much or too little");
}

#[test]
fn damaged_files_never_panic() {
    let read = damaged_files(20_000, 12);
    assert!((500..19_000).contains(&read), "{read} read: the damage is too much or too little");
}

#[test]
fn headers_of_random_bytes_never_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    for _ in 0..20_000 {
        let mut bytes = crate::support::label_file();
        rng.fill_bytes(&mut bytes[4..344]);
        // Some dimensions that get past the first check.
        bytes[40..42].copy_from_slice(&rng.random_range(0i16..8).to_le_bytes());
        read_all(&if rng.random() { gzip(&bytes) } else { bytes }, &mut rng);
    }
}

#[test]
fn no_bit_flip_in_a_packed_file_alters_a_voxel() {
    let plain = crate::support::label_file();
    let want = VolumeFile::from_bytes(plain.clone()).unwrap().stored(&ReadOptions::default()).unwrap();
    let packed = gzip(&plain);
    let mut harmless = 0;
    for bit in 0..8 * packed.len() {
        let mut bytes = packed.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(got) = VolumeFile::from_bytes(bytes).and_then(|file| file.stored(&ReadOptions::default())) {
            // Some bits do not matter: the member's time and system, padding, one of several ways to say the same.
            assert!(got == want, "bit {bit}");
            harmless += 1;
        }
    }
    assert!(harmless < 100, "{harmless} of {} flips were not noticed", 8 * packed.len());
}

#[test]
#[ignore = "minutes; run once in a while, under a memory limit"]
fn ten_million_damaged_headers() {
    println!("{} of 10,000,000 headers read", damaged_headers(10_000_000, 101));
}

#[test]
#[ignore = "minutes; run once in a while, under a memory limit"]
fn a_million_damaged_files() {
    println!("{} of 1,200,000 files read", damaged_files(1_200_000, 102));
}
