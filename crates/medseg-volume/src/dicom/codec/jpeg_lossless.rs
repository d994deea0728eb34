//! Lossless JPEG with Huffman codes (ITU-T T.81 process 14, annex H), one component of 2 to 16 bits.
//!
//! The general decoders in Rust read this process in part only (point transform and restarts with errors), so it is
//! decoded here. Damage that shows is an error: a truncated scan, an unassigned code, a sample beyond the precision.

use super::super::pixels::Pixels;

/// Decodes a frame to as many samples as `pixels` has.
pub(super) fn decode(frame: &[u8], pixels: &Pixels) -> Result<Vec<u16>, String> {
    let mut rest = frame.strip_prefix(&[0xFF, 0xD8]).ok_or("a JPEG frame without its start")?;
    let mut tables: [Option<Table>; 4] = [const { None }; 4];
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

/// The next marker, its segment, and what follows.
fn segment(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), String> {
    const TRUNCATED: &str = "a JPEG frame is truncated";
    let bytes = bytes.strip_prefix(&[0xFF]).ok_or("a JPEG frame without a marker where one must be")?;
    // A marker may have any number of FF before it.
    let fill = bytes.iter().take_while(|byte| **byte == 0xFF).count();
    let (&marker, bytes) = bytes[fill..].split_first().ok_or(TRUNCATED)?;
    if matches!(marker, 0x00 | 0x01 | 0xD0..=0xD9) {
        return Err("a JPEG frame ends before its pixels".into());
    }
    let length = usize::from(short(bytes, 0)?);
    if length < 2 || length > bytes.len() {
        return Err(TRUNCATED.into());
    }
    Ok((marker, &bytes[2..length], &bytes[length..]))
}

fn short(bytes: &[u8], at: usize) -> Result<u16, String> {
    let two = bytes.get(at..at + 2).ok_or("a JPEG segment is truncated")?;
    Ok(u16::from_be_bytes([two[0], two[1]]))
}

/// Reads a frame header that must fit the image: its precision.
fn frame_header(segment: &[u8], pixels: &Pixels) -> Result<u8, String> {
    let (rows, columns) = (short(segment, 1)?, short(segment, 3)?);
    let (precision, components) = (segment[0], segment.get(5).copied());
    if (rows, columns) != (pixels.rows, pixels.columns) {
        return Err(format!("a JPEG frame of {rows}x{columns} in an image of {}x{}", pixels.rows, pixels.columns));
    }
    if components != Some(1) {
        return Err("a JPEG frame of several components".into());
    }
    if !(2..=16).contains(&precision) || u16::from(precision) > pixels.allocated {
        return Err(format!("a JPEG frame of {precision} bits in pixels of {}", pixels.allocated));
    }
    Ok(precision)
}

/// A Huffman code by the next 16 bits: the length of the code (0: none) and what it stands for.
struct Table(Vec<(u8, u8)>);

fn huffman_tables(mut segment: &[u8], tables: &mut [Option<Table>; 4]) -> Result<(), String> {
    while let Some((&id, rest)) = segment.split_first() {
        let (counts, rest) = rest.split_first_chunk::<16>().ok_or("a JPEG code table is truncated")?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (symbols, rest) = rest.split_at_checked(total).ok_or("a JPEG code table is truncated")?;
        // The class in the upper half: only codes of differences, class 0, are used.
        if usize::from(id) < tables.len() {
            tables[usize::from(id)] = Some(table(counts, symbols)?);
        }
        segment = rest;
    }
    Ok(())
}

fn table(counts: &[u8; 16], symbols: &[u8]) -> Result<Table, String> {
    let mut codes = vec![(0, 0); 1 << 16];
    let (mut next, mut symbols) = (0_usize, symbols.iter());
    for (length, count) in (1_u8..).zip(counts) {
        let span = 1_usize << (16 - length);
        for _ in 0..*count {
            let symbol = symbols.next().copied().filter(|symbol| *symbol <= 16);
            let symbol = symbol.ok_or("a JPEG code table with a difference of more than 16 bits")?;
            codes.get_mut(next..next + span).ok_or("a JPEG code table is overfull")?.fill((length, symbol));
            next += span;
        }
    }
    Ok(Table(codes))
}

/// Decodes the only scan.
fn scan(
    header: &[u8],
    data: &[u8],
    precision: Option<u8>,
    tables: &[Option<Table>; 4],
    restart: usize,
    pixels: &Pixels,
) -> Result<Vec<u16>, String> {
    let precision = precision.ok_or("a JPEG scan before its frame")?;
    // One component: its number and table, the predictor, 0, the point transform.
    let &[1, _, table, predictor, _, point_transform] = header else {
        return Err("a JPEG scan that is not of one component".into());
    };
    let table = tables.get(usize::from(table >> 4)).and_then(Option::as_ref).ok_or("a JPEG scan without its codes")?;
    let (columns, shift) = (usize::from(pixels.columns), point_transform & 0x0F);
    if !(1..=7).contains(&predictor) || shift >= precision || !restart.is_multiple_of(columns) {
        return Err("a JPEG scan with a predictor, point transform or restart interval that cannot be".into());
    }
    let mut samples = Vec::new();
    samples.try_reserve_exact(pixels.count()).map_err(|_| "no memory for a JPEG frame")?;
    let mut bits = Bits::new(data);
    let lines_between = restart / columns;
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
            // Modulo 2^16.
            let sample = (prediction + bits.difference(table)?) as u16;
            above_left = if begins { 0 } else { i32::from(samples[above + column]) };
            left = i32::from(sample);
            samples.push(sample);
        }
    }
    bits.check()?;
    if samples.iter().any(|sample| u32::from(*sample) >> (precision - shift) != 0) {
        return Err("a JPEG frame with a sample beyond its precision".into());
    }
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

/// The bits of a scan's data. Beyond a marker or the end they are 0, which [`Bits::check`] finds out.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, from the top.
    word: u64,
    /// Number of them.
    count: u32,
    /// Number of them that are made up.
    beyond: u32,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, word: 0, count: 0, beyond: 0 }
    }

    /// Makes at least 32 bits ready.
    #[inline]
    fn refill(&mut self) {
        while self.count <= 56 {
            let byte = match self.data.get(self.at) {
                Some(0xFF) if self.data.get(self.at + 1) == Some(&0) => {
                    self.at += 2;
                    0xFF
                }
                Some(0xFF) | None => {
                    self.beyond += 8;
                    0
                }
                Some(byte) => {
                    self.at += 1;
                    *byte
                }
            };
            self.word |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next difference: a code for its number of bits, then these.
    #[inline]
    fn difference(&mut self, table: &Table) -> Result<i32, String> {
        if self.count < 32 {
            if self.beyond > self.count {
                return Err("a JPEG scan is truncated".into());
            }
            self.refill();
        }
        let (length, size) = table.0[(self.word >> 48) as usize];
        if length == 0 {
            return Err("a JPEG scan with a code that is not assigned".into());
        }
        self.take(u32::from(length));
        match size {
            0 => Ok(0),
            16 => Ok(1 << 15),
            _ => {
                let bits = (self.word >> (64 - size)) as i32;
                self.take(u32::from(size));
                // F.2.2.1: a first bit of 0 marks a negative difference.
                Ok(if bits >> (size - 1) == 0 { bits - (1 << size) + 1 } else { bits })
            }
        }
    }

    #[inline]
    fn take(&mut self, count: u32) {
        self.word <<= count;
        self.count -= count;
    }

    /// Refuses a scan of which more was used than there is.
    fn check(&self) -> Result<(), String> {
        if self.beyond > self.count { Err("a JPEG scan is truncated".into()) } else { Ok(()) }
    }

    /// Passes over the marker between two restart intervals.
    fn restart(&mut self, number: u8) -> Result<(), String> {
        self.check()?;
        // Whole bytes that were read ahead would lie before a marker that comes too late.
        let expected = [0xFF, 0xD0 + number];
        let rest = self.data.get(self.at..).unwrap_or_default();
        if self.count - self.beyond >= 8 || !rest.starts_with(&expected) {
            return Err("a JPEG scan without a restart marker where one must be".into());
        }
        *self = Self { at: self.at + 2, ..Self::new(self.data) };
        Ok(())
    }
}
