//! Parts that all processes of JPEG share (ITU-T T.81): segments, codes, bits.

use super::super::pixels::Pixels;

/// The next marker, its segment, and what follows.
pub(super) fn segment(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), String> {
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

pub(super) fn short(bytes: &[u8], at: usize) -> Result<u16, String> {
    let two = bytes.get(at..at + 2).ok_or("a JPEG segment is truncated")?;
    Ok(u16::from_be_bytes([two[0], two[1]]))
}

/// Reads a frame header that must fit the image: its precision.
pub(super) fn frame_header(segment: &[u8], pixels: &Pixels) -> Result<u8, String> {
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
pub(super) struct Table(Vec<(u8, u8)>);

/// Code tables by class and number: first the four of class 0 (differences), then those of class 1.
pub(super) type Tables = [Option<Table>; 8];

pub(super) fn huffman_tables(mut segment: &[u8], tables: &mut Tables) -> Result<(), String> {
    while let Some((&id, rest)) = segment.split_first() {
        let (counts, rest) = rest.split_first_chunk::<16>().ok_or("a JPEG code table is truncated")?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (symbols, rest) = rest.split_at_checked(total).ok_or("a JPEG code table is truncated")?;
        // The class in the upper half.
        let (class, number) = (usize::from(id >> 4), usize::from(id & 0x0F));
        if class < 2 && number < 4 {
            tables[4 * class + number] = Some(table(counts, symbols, if class == 0 { 16 } else { u8::MAX })?);
        }
        segment = rest;
    }
    Ok(())
}

fn table(counts: &[u8; 16], symbols: &[u8], most: u8) -> Result<Table, String> {
    let mut codes = vec![(0, 0); 1 << 16];
    let (mut next, mut symbols) = (0_usize, symbols.iter());
    for (length, count) in (1_u8..).zip(counts) {
        let span = 1_usize << (16 - length);
        for _ in 0..*count {
            let symbol = symbols.next().copied().filter(|symbol| *symbol <= most);
            let symbol = symbol.ok_or("a JPEG code table that lacks symbols or has impossible ones")?;
            codes.get_mut(next..next + span).ok_or("a JPEG code table is overfull")?.fill((length, symbol));
            next += span;
        }
    }
    Ok(Table(codes))
}

/// The bits of a scan's data. Beyond a marker or the end they are 0, which [`Bits::check`] finds out.
pub(super) struct Bits<'a> {
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
    pub fn new(data: &'a [u8]) -> Self {
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

    /// The next code's symbol.
    #[inline]
    pub fn symbol(&mut self, table: &Table) -> Result<u8, String> {
        if self.count < 32 {
            if self.beyond > self.count {
                return Err("a JPEG scan is truncated".into());
            }
            self.refill();
        }
        let (length, symbol) = table.0[(self.word >> 48) as usize];
        if length == 0 {
            return Err("a JPEG scan with a code that is not assigned".into());
        }
        self.take(u32::from(length));
        Ok(symbol)
    }

    /// The number of 1 to 15 bits that follows its code: F.2.2.1, a first bit of 0 marks a negative one.
    #[inline]
    pub fn number(&mut self, size: u8) -> i32 {
        let bits = (self.word >> (64 - size)) as i32;
        self.take(u32::from(size));
        if bits >> (size - 1) == 0 { bits - (1 << size) + 1 } else { bits }
    }

    #[inline]
    fn take(&mut self, count: u32) {
        self.word <<= count;
        self.count -= count;
    }

    /// Refuses a scan of which more was used than there is.
    pub fn check(&self) -> Result<(), String> {
        if self.beyond > self.count { Err("a JPEG scan is truncated".into()) } else { Ok(()) }
    }

    /// Passes over the marker between two restart intervals.
    pub fn restart(&mut self, number: u8) -> Result<(), String> {
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
