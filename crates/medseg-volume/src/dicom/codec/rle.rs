//! RLE (PS3.5 annex G): one segment for each byte of a pixel, the most significant first, each packed by runs.

/// Bytes of the header: the number of segments and 15 offsets.
const HEADER: usize = 64;

/// Bytes of pixels that a frame of so many bytes has at most: a run of 128 takes two.
pub(in crate::dicom) fn longest(packed: u64) -> u64 {
    packed.saturating_mul(64)
}

/// Unpacks `count` pixels of `width` bytes, least significant byte first.
pub(super) fn decode(frame: &[u8], count: usize, width: usize) -> Result<Vec<u8>, String> {
    let header = frame.get(..HEADER).ok_or("an RLE frame is shorter than its header")?;
    let (words, _) = header.as_chunks::<4>();
    let word = |index: usize| u32::from_le_bytes(words[index]) as usize;
    if word(0) != width {
        return Err(format!("an RLE frame has {} segments, pixels of {width} bytes have {width}", word(0)));
    }
    if count.saturating_mul(width) > longest(frame.len() as u64) as usize {
        return Err("an RLE frame is too short for its pixels".into());
    }
    let mut pixels = Vec::new();
    pixels.try_reserve_exact(count * width).map_err(|_| "no memory for an RLE frame")?;
    pixels.resize(count * width, 0);
    for segment in 0..width {
        let start = word(1 + segment);
        let end = if segment + 1 < width { word(2 + segment) } else { frame.len() };
        let packed =
            frame.get(start..end).filter(|_| start >= HEADER).ok_or("an RLE segment lies outside its frame")?;
        unpack(packed, pixels[width - 1 - segment..].iter_mut().step_by(width))?;
    }
    Ok(pixels)
}

/// Unpacks one segment into places, all of which must be filled.
fn unpack<'a>(packed: &[u8], mut places: impl ExactSizeIterator<Item = &'a mut u8>) -> Result<(), String> {
    let mut rest = packed;
    while places.len() > 0 {
        let (&control, after) = rest.split_first().ok_or("an RLE segment ends too early")?;
        let control = usize::from(control);
        let run = match control {
            0..=127 => {
                let literal = after.get(..=control).ok_or("an RLE segment ends too early")?;
                rest = &after[control + 1..];
                literal.iter().zip(places.by_ref()).map(|(byte, place)| *place = *byte).count() == control + 1
            }
            // Does nothing.
            128 => {
                rest = after;
                true
            }
            _ => {
                let (&byte, after) = after.split_first().ok_or("an RLE segment ends too early")?;
                rest = after;
                let length = 257 - control;
                places.by_ref().take(length).map(|place| *place = byte).count() == length
            }
        };
        if !run {
            return Err("an RLE segment holds more than its pixels".into());
        }
    }
    Ok(())
}
