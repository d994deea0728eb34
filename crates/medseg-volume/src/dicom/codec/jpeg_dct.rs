//! Lossy JPEG of one component: baseline (8 bits) and extended sequential (8 or 12 bits) with Huffman codes (ITU-T T.81
//! annex F).
//!
//! The decoders in Rust read 8 bits only. The inverse transform is that of libjpeg's `jidctint`, number by number, so that
//! voxels are those of GDCM, SimpleITK and pydicom and not merely near them.

use super::super::pixels::Pixels;
use super::jpeg::{Bits, Table, Tables, frame_header, huffman_tables, segment, short};

/// The frequencies of a block in the order of the scan (figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

type Block = [i64; 64];

/// Largest mean of a block, before its step.
const MOST_MEAN: i64 = 1 << 20;

/// Decodes a frame to as many samples as `pixels` has.
pub(super) fn decode(frame: &[u8], pixels: &Pixels) -> Result<Vec<u16>, String> {
    let mut rest = frame.strip_prefix(&[0xFF, 0xD8]).ok_or("a JPEG frame without its start")?;
    let mut tables: Tables = [const { None }; 8];
    let mut steps: [Option<Block>; 4] = [None; 4];
    let mut header = None;
    let mut restart = 0;
    loop {
        let (marker, segment, after) = segment(rest)?;
        rest = after;
        match marker {
            0xC0 | 0xC1 => {
                let precision = frame_header(segment, pixels)?;
                if ![8, 12].contains(&precision) {
                    return Err(format!("a lossy JPEG frame of {precision} bits"));
                }
                let table = usize::from(segment.get(8).copied().unwrap_or(u8::MAX));
                header = Some((precision, table));
            }
            0xC4 => huffman_tables(segment, &mut tables)?,
            0xDB => quantization_tables(segment, &mut steps)?,
            0xDD => restart = usize::from(short(segment, 0)?),
            0xDA => {
                let (precision, table) = header.ok_or("a JPEG scan before its frame")?;
                let steps = steps.get(table).and_then(Option::as_ref).ok_or("a JPEG frame without its steps")?;
                return scan(segment, rest, precision, &tables, steps, restart, pixels);
            }
            // Any other frame: progressive, lossless, arithmetic codes.
            0xC0..=0xCF if marker != 0xC8 && marker != 0xCC => {
                return Err("a JPEG frame that is neither baseline nor extended sequential".into());
            }
            _ => {}
        }
    }
}

/// Reads tables of quantization steps, which come in the order of the scan.
fn quantization_tables(mut segment: &[u8], steps: &mut [Option<Block>; 4]) -> Result<(), String> {
    while let Some((&id, rest)) = segment.split_first() {
        let width = if id >> 4 == 0 { 1 } else { 2 };
        let (table, rest) = rest.split_at_checked(64 * width).ok_or("a JPEG table of steps is truncated")?;
        let mut block = [0; 64];
        for (bytes, place) in table.chunks(width).zip(ZIGZAG) {
            block[usize::from(place)] = bytes.iter().fold(0, |value, byte| value << 8 | i64::from(*byte));
        }
        *steps.get_mut(usize::from(id & 0x0F)).ok_or("a JPEG table of steps with a number above 3")? = Some(block);
        segment = rest;
    }
    Ok(())
}

/// Decodes the only scan, block by block.
fn scan(
    header: &[u8],
    data: &[u8],
    precision: u8,
    tables: &Tables,
    steps: &Block,
    restart: usize,
    pixels: &Pixels,
) -> Result<Vec<u16>, String> {
    // One component: its number and tables; all frequencies, all bits.
    let &[1, _, codes, 0, 63, 0] = header else {
        return Err("a JPEG scan that is not of all of one component".into());
    };
    let table = |class: usize, number: u8| {
        let found = (number < 4).then(|| tables[4 * class + usize::from(number)].as_ref()).flatten();
        found.ok_or("a JPEG scan without its codes")
    };
    let (dc, ac) = (table(0, codes >> 4)?, table(1, codes & 0x0F)?);
    let (rows, columns) = (usize::from(pixels.rows), usize::from(pixels.columns));
    let mut samples = Vec::new();
    samples.try_reserve_exact(pixels.count()).map_err(|_| "no memory for a JPEG frame")?;
    samples.resize(pixels.count(), 0);
    let mut bits = Bits::new(data);
    let mut mean = 0;
    let across = columns.div_ceil(8);
    for number in 0..across * rows.div_ceil(8) {
        if restart > 0 && number > 0 && number.is_multiple_of(restart) {
            bits.restart(((number / restart - 1) % 8) as u8)?;
            mean = 0;
        }
        let block = inverse_transform(&coefficients(&mut bits, dc, ac, &mut mean, steps)?, precision);
        let (top, left) = (8 * (number / across), 8 * (number % across));
        for (row, line) in block.as_chunks::<8>().0.iter().enumerate().take(rows - top) {
            let width = (columns - left).min(8);
            samples[(top + row) * columns + left..][..width].copy_from_slice(&line[..width]);
        }
    }
    bits.check()?;
    Ok(samples)
}

/// A block's coefficients, times their steps.
fn coefficients(bits: &mut Bits<'_>, dc: &Table, ac: &Table, mean: &mut i64, steps: &Block) -> Result<Block, String> {
    let mut block = [0; 64];
    let size = bits.symbol(dc)?;
    match size {
        0 => {}
        // No sound mean is beyond; a damaged one must not grow without end.
        1..=15 => *mean = (*mean + i64::from(bits.number(size))).clamp(-MOST_MEAN, MOST_MEAN),
        _ => return Err("a JPEG block with a difference of too many bits".into()),
    }
    block[0] = *mean * steps[0];
    let mut at = 1;
    while at < 64 {
        let symbol = bits.symbol(ac)?;
        let (zeros, size) = (usize::from(symbol >> 4), symbol & 0x0F);
        match (zeros, size) {
            (0, 0) => break,
            (15, 0) => at += 16,
            (_, 0) => return Err("a JPEG block with an impossible code".into()),
            _ => {
                at += zeros;
                let place = usize::from(*ZIGZAG.get(at).ok_or("a JPEG block with too many coefficients")?);
                block[place] = i64::from(bits.number(size)) * steps[place];
                at += 1;
            }
        }
    }
    Ok(block)
}

/// Bits after the point of the constants.
const CONSTANT_BITS: u32 = 13;

/// From coefficients to samples by columns and then rows.
fn inverse_transform(block: &Block, precision: u8) -> [u16; 64] {
    // Bits that are kept between both passes.
    let between = if precision == 8 { 2 } else { 1 };
    let mut columns = [0; 64];
    for column in 0..8 {
        let line = transform(std::array::from_fn(|row| block[8 * row + column]), CONSTANT_BITS - between);
        for (row, value) in line.into_iter().enumerate() {
            columns[8 * row + column] = value;
        }
    }
    let middle = 1_i64 << (precision - 1);
    let most = (1_i64 << precision) - 1;
    let mut samples = [0; 64];
    for (to, from) in samples.as_chunks_mut::<8>().0.iter_mut().zip(columns.as_chunks::<8>().0) {
        *to = transform(*from, CONSTANT_BITS + between + 3).map(|value| (value + middle).clamp(0, most) as u16);
    }
    samples
}

/// One pass over eight values, after Loeffler, Ligtenberg and Moschytz (1989), rounded to the place of `bits`.
fn transform(v: [i64; 8], bits: u32) -> [i64; 8] {
    // Even frequencies.
    let z1 = (v[2] + v[6]) * 4433;
    let (t2, t3) = (z1 - v[6] * 15137, z1 + v[2] * 6270);
    let (t0, t1) = ((v[0] + v[4]) << CONSTANT_BITS, (v[0] - v[4]) << CONSTANT_BITS);
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];
    // Odd ones.
    let z5 = (v[7] + v[3] + v[5] + v[1]) * 9633;
    let (z1, z2) = ((v[7] + v[1]) * -7373, (v[5] + v[3]) * -20995);
    let (z3, z4) = ((v[7] + v[3]) * -16069 + z5, (v[5] + v[1]) * -3196 + z5);
    let odd = [v[1] * 12299 + z1 + z4, v[3] * 25172 + z2 + z3, v[5] * 16819 + z2 + z4, v[7] * 2446 + z1 + z3];
    let rounded = |value: i64| (value + (1 << (bits - 1))) >> bits;
    std::array::from_fn(|n| rounded(if n < 4 { even[n] + odd[n] } else { even[7 - n] - odd[7 - n] }))
}
