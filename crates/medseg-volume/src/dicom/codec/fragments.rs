//! Encapsulated pixel data: items of bytes.

use std::borrow::Cow;

const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const END: [u8; 4] = [0xFE, 0xFF, 0xDD, 0xE0];

/// The one frame of encapsulated pixel data: its fragments joined, without the offset table before them.
///
/// Bytes after the closing delimiter belong to other elements and are ignored.
pub(super) fn join(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let (_offset_table, mut rest) = item(bytes)?.ok_or("encapsulated PixelData without an offset table")?;
    let mut frame: Option<Cow<'_, [u8]>> = None;
    while let Some((fragment, after)) = item(rest)? {
        match &mut frame {
            None => frame = Some(Cow::Borrowed(fragment)),
            Some(frame) => frame.to_mut().extend_from_slice(fragment),
        }
        rest = after;
    }
    frame.ok_or_else(|| "encapsulated PixelData without a fragment".into())
}

/// An item's bytes and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// The next item; `None` at the closing delimiter.
fn item(bytes: &[u8]) -> Result<Option<Split<'_>>, String> {
    let (tag, rest) = bytes.split_first_chunk::<4>().ok_or("encapsulated PixelData ends without its delimiter")?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or("encapsulated PixelData is truncated")?;
    let length = u32::from_le_bytes(*length) as usize;
    match *tag {
        END => Ok(None),
        ITEM if length <= rest.len() => Ok(Some(rest.split_at(length))),
        ITEM => Err(format!("a fragment declares {length} bytes, but the file has {} left", rest.len())),
        _ => Err("encapsulated PixelData holds something else than items".into()),
    }
}
