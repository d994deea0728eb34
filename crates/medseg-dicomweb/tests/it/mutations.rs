//! Multipart bodies that are damaged at random.

use std::io::{Read, Write};

use medseg_dicomweb::multipart::{MultipartError, MultipartReader};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::server::{body_of, dicom_file};

const LIMIT: u64 = 4096;

/// Gives a few bytes at a time, as networks do.
struct Trickle<'a> {
    bytes: &'a [u8],
    rng: ChaCha8Rng,
    most: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let wanted = self.rng.random_range(1..=self.most).min(self.bytes.len()).min(buffer.len());
        buffer[..wanted].copy_from_slice(&self.bytes[..wanted]);
        self.bytes = &self.bytes[wanted..];
        Ok(wanted)
    }
}

/// All parts, or an error in words.
fn parts(source: impl Read) -> Result<Vec<Vec<u8>>, String> {
    let mut reader = MultipartReader::new(source, "edge", LIMIT).unwrap();
    let mut parts = Vec::new();
    let mut next = || -> Result<bool, MultipartError> {
        let Some(_) = reader.next_part()? else { return Ok(false) };
        let mut part = Vec::new();
        let length = reader.read_body(|bytes| part.write_all(bytes).map_err(MultipartError::Io))?;
        assert_eq!(length, part.len() as u64);
        parts.push(part);
        Ok(true)
    };
    while next().map_err(|error| error.to_string())? {}
    Ok(parts)
}

/// The same by splitting the whole body, without a stream: what a part is by RFC 2046.
fn parts_at_once(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let body = [b"\r\n", body].concat();
    let at = |from: usize| body[from..].windows(8).position(|window| window == b"\r\n--edge").map(|n| from + n);
    let mut parts = Vec::new();
    let mut edge = at(0)?;
    if edge > 65_536 + 2 {
        return None;
    }
    loop {
        let mut rest = edge + 8;
        if body[rest..].starts_with(b"--") {
            return Some(parts);
        }
        while matches!(body.get(rest), Some(b' ' | b'\t')) {
            rest += 1;
        }
        if !body[rest..].starts_with(b"\r\n") {
            return None;
        }
        let start = rest + body[rest..].windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        edge = at(start)?;
        parts.push(body[start..edge].to_vec());
    }
}

#[test]
fn a_hundred_thousand_damaged_bodies_neither_panic_nor_hang_nor_invent_parts() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let files = [dicom_file("1.2.3", 40), dicom_file("1.2.4", 300), dicom_file("1.2.5", 0)];
    let whole = body_of(&files);
    let tokens: [&[u8]; 9] = [
        b"\r\n--edge\r\n",
        b"\r\n--edge--",
        b"--edge",
        b"\r\n\r\n",
        b"\r\n",
        b"\r",
        b"Content-Length: 9\r\n",
        b"--",
        b" ",
    ];
    let (mut good, mut bad) = (0, 0);
    for _ in 0..100_000 {
        let mut body = whole.clone();
        for _ in 0..rng.random_range(1..4) {
            let place = rng.random_range(0..=body.len());
            match rng.random_range(0..5) {
                0 => body.truncate(place),
                1 => body.insert(place, (rng.next_u32() & 255) as u8),
                2 if place < body.len() => body[place] = (rng.next_u32() & 255) as u8,
                3 => {
                    let token = tokens[rng.random_range(0..tokens.len())];
                    body.splice(place..place, token.iter().copied());
                }
                _ => {
                    let end = (place + rng.random_range(0..40)).min(body.len());
                    body.drain(place..end);
                }
            }
        }
        let seed = rng.next_u64();
        let most = [1, 3, 50, 4096][rng.random_range(0..4)];
        let found = parts(Trickle { bytes: &body, rng: ChaCha8Rng::seed_from_u64(seed), most });
        assert_eq!(found, parts(&body[..]), "the pieces in which a body comes do not matter");
        match found {
            Ok(parts) => {
                good += 1;
                assert_eq!(Some(parts), parts_at_once(&body));
            }
            Err(_) => bad += 1,
        }
    }
    assert!(good > 5_000 && bad > 5_000, "{good} and {bad}");
}

#[test]
fn a_body_is_the_same_in_whatever_pieces_it_comes() {
    // Larger than the reader's memory, and full of beginnings of boundaries.
    let part = b"\r\n--edg\r\n--ed\r\n-\r\n\r".repeat(200);
    let files: Vec<Vec<u8>> = (0..60).map(|n| part[..part.len() - n].to_vec()).collect();
    let body = body_of(&files);
    assert!(body.len() > 200_000);
    for most in [1, 7, 8, 9, 1000, 65_536, 1 << 20] {
        let found = parts(Trickle { bytes: &body, rng: ChaCha8Rng::seed_from_u64(1), most });
        assert!(found.unwrap() == files, "{most}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    let whole = body_of(&[dicom_file("1.2.3", 40), dicom_file("1.2.4", 3)]);
    let needed = whole.len() - 2;
    for length in 0..whole.len() {
        assert_eq!(parts(&whole[..length]).is_ok(), length >= needed, "{length}");
    }
}

#[test]
fn lengths_and_limits_of_parts_are_held() {
    let part = |headers: &str, body: &str| format!("--edge\r\n{headers}\r\n{body}\r\n--edge--").into_bytes();
    let whole = |headers: &str, body: &str| parts(&part(headers, body)[..]);
    assert_eq!(whole("Content-Length: 3\r\n", "abc"), Ok(vec![b"abc".to_vec()]));
    assert_eq!(whole("", ""), Ok(vec![Vec::new()]));
    assert!(whole("Content-Length: 4\r\n", "abc").unwrap_err().contains("3 bytes, its header says 4"));
    assert!(whole("Content-Length: -3\r\n", "abc").unwrap_err().contains("no number"));
    assert!(whole("Content-Length: 3\r\nContent-Length: 3\r\n", "abc").unwrap_err().contains("two lengths"));
    assert!(whole("Content-Encoding: gzip\r\n", "abc").unwrap_err().contains("compressed"));
    assert!(whole("Content-Transfer-Encoding: base64\r\n", "abc").unwrap_err().contains("encoded"));
    assert!(whole("no header\r\n", "abc").unwrap_err().contains("not header lines"));
    assert!(whole(&"A: b\r\n".repeat(33), "abc").unwrap_err().contains("more than 32"));
    assert!(whole(&format!("A: {}\r\n", "b".repeat(9000)), "abc").unwrap_err().contains("8 KiB"));
    assert!(whole("", &"a".repeat(4096)).is_ok());
    assert!(whole("", &"a".repeat(4097)).unwrap_err().contains("more than 4096 bytes"));
    assert!(parts(&[b' '; 70_000][..]).unwrap_err().contains("within the first 65536"));
    for bad in ["", "a\r\nb", "ä", "a ", &"a".repeat(71)] {
        assert!(matches!(MultipartReader::new(&b""[..], bad, 1), Err(MultipartError::Boundary)), "{bad}");
    }
}
