//! Applications' data between a header and its voxels.

use std::io::{self, Read};

use crate::Warning;

/// A header extension: an application's own data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Whose it is: 2 DICOM, 4 AFNI, 6 a comment, ...
    pub code: i32,
    /// Its content as it stands in the file, with the zeros that fill it up.
    pub data: Vec<u8>,
}

/// Bytes of an extension's own size and code.
const HEAD: usize = 8;
/// Sizes are multiples of it.
const STEP: usize = 16;
/// More than this in all is left out.
const MOST: u64 = 64 << 20;

/// Reads the flag after a header and the extensions it announces, at most `room` bytes of them; the number of bytes that
/// were taken from the input.
pub(super) fn read(
    input: &mut dyn Read,
    room: u64,
    big_endian: bool,
    warnings: &mut Vec<Warning>,
) -> io::Result<(Vec<Extension>, u64)> {
    let (mut found, mut taken) = (Vec::new(), 0);
    if room < 4 {
        return Ok((found, taken));
    }
    let mut flag = Vec::with_capacity(4);
    taken += input.take(4).read_to_end(&mut flag)? as u64;
    if flag.len() < 4 || flag[0] == 0 {
        return Ok((found, taken));
    }
    while room - taken >= STEP as u64 {
        let mut head = Vec::with_capacity(HEAD);
        taken += input.take(HEAD as u64).read_to_end(&mut head)? as u64;
        let Some((size, code)) = size_and_code(&head, big_endian) else { break };
        if size == 0 && code == 0 {
            // Zeros up to the voxels.
            break;
        }
        let valid = usize::try_from(size).ok().filter(|s| *s >= STEP && s.is_multiple_of(STEP));
        let content = valid.map(|size| (size - HEAD) as u64).filter(|n| *n <= room - taken && taken + n <= MOST);
        let Some(content) = content else {
            warnings.push(Warning::Extension(format!("a size of {size} bytes; the rest is left out")));
            break;
        };
        let mut data = Vec::new();
        taken += input.take(content).read_to_end(&mut data)? as u64;
        if (data.len() as u64) < content {
            warnings.push(Warning::Extension("cut off".into()));
            break;
        }
        found.push(Extension { code, data });
    }
    Ok((found, taken))
}

fn size_and_code(head: &[u8], big_endian: bool) -> Option<(i32, i32)> {
    let number = |at: usize| {
        let bytes = head.get(at..at + 4)?.try_into().ok()?;
        Some(if big_endian { i32::from_be_bytes(bytes) } else { i32::from_le_bytes(bytes) })
    };
    Some((number(0)?, number(4)?))
}

/// The flag and the extensions as bytes, little-endian, each filled up to its step.
pub(super) fn to_bytes(extensions: &[Extension]) -> Vec<u8> {
    let mut bytes = vec![u8::from(!extensions.is_empty()), 0, 0, 0];
    for extension in extensions {
        let size = (HEAD + extension.data.len()).next_multiple_of(STEP);
        let end = bytes.len() + size;
        bytes.extend((size as i32).to_le_bytes());
        bytes.extend(extension.code.to_le_bytes());
        bytes.extend(&extension.data);
        bytes.resize(end, 0);
    }
    bytes
}
