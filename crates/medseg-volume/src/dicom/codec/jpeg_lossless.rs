//! Lossless JPEG with Huffman codes (ITU-T T.81 process 14, annex H), one component of 2 to 16 bits.
//!
//! The general decoders in Rust read this process in part only (point transform and restarts with errors), so it is
//! decoded here. Damage that shows is an error: a truncated scan, an unassigned code.

use super::super::pixels::Pixels;
use super::jpeg::{Bits, Table, Tables, frame_header, huffman_tables, segment, short};

/// Decodes a frame to as many samples as `pixels` has.
pub(super) fn decode(frame: &[u8], pixels: &Pixels) -> Result<Vec<u16>, String> {
    let mut rest = frame.strip_prefix(&[0xFF, 0xD8]).ok_or("a JPEG frame without its start")?;
    let mut tables: Tables = [const { None }; 8];
    let mut precision = None;
    let mut restart = 0;
    loop {
        let (marker, segment, after) = segment(rest)?;
        rest = after;
        match marker {
            0xC3 => precision = Some(frame_header(segment, pixels)?),
            0xC4 => huffman_tables(segment, &mut tables)?,
            0xDD => restart = usize::from(short(segment, 0)?),
            0xDA => break scan(segment, rest, precision, &tables, restart, pixels),
            // Any other frame: another process of JPEG.
            0xC0..=0xCF if marker != 0xC8 && marker != 0xCC => return Err("a JPEG frame that is not lossless".into()),
            _ => {}
        }
    }
}

/// Decodes the only scan.
fn scan(
    header: &[u8],
    data: &[u8],
    precision: Option<u8>,
    tables: &Tables,
    restart: usize,
    pixels: &Pixels,
) -> Result<Vec<u16>, String> {
    let precision = precision.ok_or("a JPEG scan before its frame")?;
    // One component: its number and table, the predictor, 0, the point transform.
    let &[1, _, table, predictor, _, point_transform] = header else {
        return Err("a JPEG scan that is not of one component".into());
    };
    let table =
        tables[..4].get(usize::from(table >> 4)).and_then(Option::as_ref).ok_or("a JPEG scan without its codes")?;
    let (columns, shift) = (usize::from(pixels.columns), point_transform & 0x0F);
    if !(1..=7).contains(&predictor) || shift >= precision || !restart.is_multiple_of(columns) {
        return Err("a JPEG scan with a predictor, point transform or restart interval that cannot be".into());
    }
    let mut samples = Vec::new();
    samples.try_reserve_exact(pixels.count()).map_err(|_| "no memory for a JPEG frame")?;
    let mut bits = Bits::new(data);
    let lines_between = restart / columns;
    let mask = u16::MAX >> (16 - (precision - shift));
    let start = 1_i32 << (precision - shift - 1);
    for line in 0..usize::from(pixels.rows) {
        let begins = line == 0 || (lines_between > 0 && line.is_multiple_of(lines_between));
        if begins && line > 0 {
            bits.restart(((line / lines_between - 1) % 8) as u8)?;
        }
        let above = samples.len().saturating_sub(columns);
        let mut left = if begins { start } else { i32::from(samples[above]) };
        let mut above_left = 0;
        for column in 0..columns {
            let prediction = if begins || column == 0 {
                left
            } else {
                predict(predictor, left, i32::from(samples[above + column]), above_left)
            };
            // Modulo 2^16 by the standard; some writers take differences modulo 2^P, which leaves the lowest bits.
            let sample = (prediction + difference(&mut bits, table)?) as u16 & mask;
            above_left = if begins { 0 } else { i32::from(samples[above + column]) };
            left = i32::from(sample);
            samples.push(sample);
        }
    }
    bits.check()?;
    samples.iter_mut().for_each(|sample| *sample <<= shift);
    Ok(samples)
}

/// Table H.1: a sample from its neighbours to the left, above, and above the left one.
#[inline]
fn predict(predictor: u8, left: i32, above: i32, above_left: i32) -> i32 {
    match predictor {
        1 => left,
        2 => above,
        3 => above_left,
        4 => left + above - above_left,
        5 => left + ((above - above_left) >> 1),
        6 => above + ((left - above_left) >> 1),
        _ => (left + above) >> 1,
    }
}

/// The next difference: a code for its number of bits, then these.
#[inline]
fn difference(bits: &mut Bits<'_>, table: &Table) -> Result<i32, String> {
    Ok(match bits.symbol(table)? {
        0 => 0,
        16 => 1 << 15,
        size => bits.number(size),
    })
}
