//! JPEG 2000 codestreams of one component, decoded by `hayro-jpeg2000` in its strict mode.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::super::pixels::Pixels;

/// Most tiles of a codestream, by T.800 A.4.2.
const MOST_TILES: u64 = 65535;
/// Widest samples that DICOM images have and that the decoder's floats hold exactly.
const MOST_BITS: u8 = 16;

/// Decodes a frame to the samples' bits, which are those of two's complement for a signed codestream.
pub(super) fn decode(frame: &[u8], pixels: &Pixels) -> Result<Vec<u32>, String> {
    let frame = codestream(frame)?;
    let (precision, signed) = check_size(frame, pixels)?;
    // The decoder forbids unsafe code but asserts what it believes of a codestream.
    let decoded = catch_unwind(AssertUnwindSafe(|| samples(frame)));
    let samples = decoded.unwrap_or_else(|_| Err("a damaged JPEG 2000 codestream".into()))?;
    if samples.len() != pixels.count() {
        return Err("a JPEG 2000 codestream of another size than its image".into());
    }
    // The decoder adds half the range to signed components too.
    let (offset, most) = (if signed { 1_i32 << (precision - 1) } else { 0 }, (1_i32 << precision) - 1);
    // As pydicom has it: signed pixels in an unsigned codestream that is narrower have their sign at its highest bit.
    let narrow = pixels.signed && !signed && u16::from(precision) < pixels.stored;
    let unused = if narrow { 32 - u32::from(precision) } else { 0 };
    let bits = |sample: f32| {
        let value = (sample.round() as i32).clamp(0, most) - offset;
        (value << unused >> unused) as u32
    };
    Ok(samples.into_iter().map(bits).collect())
}

/// The codestream of a frame: the frame itself, or the first `jp2c` box of a JP2 file in its place (T.800 annex I).
fn codestream(frame: &[u8]) -> Result<&[u8], String> {
    const SIGNATURE: [u8; 8] = *b"\0\0\0\x0cjP  ";
    if !frame.starts_with(&SIGNATURE) {
        return Ok(frame);
    }
    let mut rest = frame;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (kind, content) = after.split_first_chunk::<4>().ok_or("a JP2 box is truncated")?;
        let content = match u32::from_be_bytes(*length) {
            // To the end.
            0 => content,
            length => {
                let length = (length as usize).checked_sub(8).ok_or("a JP2 box of a length that is not read")?;
                content.get(..length).ok_or("a JP2 box is truncated")?
            }
        };
        if kind == b"jp2c" {
            return Ok(content);
        }
        rest = &after[4 + content.len()..];
    }
    Err("a JP2 file without a codestream".into())
}

fn samples(frame: &[u8]) -> Result<Vec<f32>, String> {
    let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
    let fail = |error: hayro_jpeg2000::error::DecodeError| format!("JPEG 2000: {error}");
    let image = Image::new(frame, &settings).map_err(fail)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(fail)?;
    match decoded.components() {
        [component] => Ok(component.samples().to_vec()),
        _ => Err("a JPEG 2000 codestream of several components".into()),
    }
}

/// Holds the codestream's size (T.800 A.5.1) against the image before memory is taken: its precision, and whether it is
/// signed.
fn check_size(frame: &[u8], pixels: &Pixels) -> Result<(u8, bool), String> {
    let start = frame.strip_prefix(&[0xFF, 0x4F, 0xFF, 0x51]).ok_or("no JPEG 2000 codestream at the frame's start")?;
    let header = start.first_chunk::<39>().ok_or("a JPEG 2000 codestream is truncated")?;
    // After the lengths and capabilities (2 bytes each): eight numbers of 4 bytes, then the components.
    let word = |index: usize| {
        let at = 4 + 4 * index;
        u64::from(u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]))
    };
    let (width, height, tile_width, tile_height) = (word(0), word(1), word(4), word(5));
    let components = u16::from_be_bytes([header[36], header[37]]);
    let (precision, signed) = ((header[38] & 0x7F) + 1, header[38] & 0x80 != 0);
    let offsets = [word(2), word(3), word(6), word(7)];
    if (width, height) != (u64::from(pixels.columns), u64::from(pixels.rows)) || offsets != [0; 4] {
        let size = format!("{}x{}", pixels.rows, pixels.columns);
        return Err(format!("a JPEG 2000 codestream of {height}x{width} in an image of {size}"));
    }
    if tile_width == 0 || tile_height == 0 || width.div_ceil(tile_width) * height.div_ceil(tile_height) > MOST_TILES {
        return Err("a JPEG 2000 codestream with too many tiles".into());
    }
    if components != 1 || precision > MOST_BITS || u16::from(precision) > pixels.allocated {
        return Err(format!("a JPEG 2000 codestream of {components} components of {precision} bits"));
    }
    if signed && !pixels.signed {
        return Err("a signed JPEG 2000 codestream in an image of unsigned pixels".into());
    }
    Ok((precision, signed))
}
