//! The elements of a file, one after the other, without taking more memory than the file proves.
//!
//! `dicom-encoding` decodes each element's head (tag, representation, length). The walk over them is this module's: a
//! declared length is compared with what is left of the file before anything is read or skipped, values that nobody
//! asked for (the patient's among them) are never read, and nesting is followed with a counter, so that neither a length
//! nor a depth in a stranger's file costs memory or stack.

use std::io::{self, BufReader, ErrorKind, Read, Seek};

use dicom_core::header::{DataElementHeader, Header};
use dicom_core::{Tag, VR};
use dicom_encoding::decode::explicit_be::ExplicitVRBigEndianDecoder;
use dicom_encoding::decode::explicit_le::ExplicitVRLittleEndianDecoder;
use dicom_encoding::decode::implicit_le::ImplicitVRLittleEndianDecoder;
use dicom_encoding::decode::{Decode, Error};

use super::syntax::Encoding;
use crate::MalformedKind;

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// The head of an element whose value comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub tag: Tag,
    pub vr: VR,
    /// Bytes of the value; `None` if only a delimiter says where it ends.
    pub length: Option<u64>,
}

/// Why a walk ended early.
#[derive(Debug)]
pub(super) enum WalkError {
    Io(io::Error),
    /// A fault of the file.
    Malformed(MalformedKind, String),
}

impl From<io::Error> for WalkError {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::UnexpectedEof {
            return Self::Malformed(MalformedKind::Truncated, "the file is truncated".into());
        }
        Self::Io(error)
    }
}

/// A walk over a file's elements.
pub(super) struct Elements<R> {
    reader: BufReader<R>,
    encoding: Encoding,
    position: u64,
    /// The file's length.
    end: u64,
}

impl<R: Read + Seek> Elements<R> {
    /// From a reader that stands at `position` of a file of `end` bytes.
    pub(super) fn new(reader: BufReader<R>, encoding: Encoding, position: u64, end: u64) -> Self {
        Self { reader, encoding, position, end }
    }

    /// The position of the next byte in the file.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Reads on in another encoding.
    pub(super) fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    /// The group of the next element without consuming it, as a little-endian file has it; `None` at the end.
    pub(super) fn peek_group(&mut self) -> Result<Option<u16>, WalkError> {
        if self.end - self.position < 2 {
            return Ok(None);
        }
        let mut group = [0; 2];
        self.reader.read_exact(&mut group)?;
        self.reader.seek_relative(-2)?;
        Ok(Some(u16::from_le_bytes(group)))
    }

    /// The next element's head, or `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Head>, WalkError> {
        if self.position == self.end {
            return Ok(None);
        }
        let head = self.head(self.encoding)?;
        if head.tag.group() == ITEM.group() {
            return Err(WalkError::Malformed(MalformedKind::Header, "an item outside a sequence".into()));
        }
        Ok(Some(head))
    }

    /// The value after a head, at most `most` bytes of it.
    pub(super) fn value(&mut self, head: &Head, most: u64) -> Result<Vec<u8>, WalkError> {
        let length = match head.length {
            Some(length) if length <= most => length,
            _ => {
                return Err(WalkError::Malformed(
                    MalformedKind::Header,
                    format!("the value of {} is too long", head.tag),
                ));
            }
        };
        let mut value = vec![0; length as usize];
        self.reader.read_exact(&mut value)?;
        self.position += length;
        Ok(value)
    }

    /// Passes over the value after a head.
    pub(super) fn skip(&mut self, head: &Head) -> Result<(), WalkError> {
        match head.length {
            Some(length) => self.skip_bytes(length),
            None => self.skip_nested(head),
        }
    }

    /// Passes over a value that ends at a delimiter, whatever is nested in it.
    fn skip_nested(&mut self, outer: &Head) -> Result<(), WalkError> {
        let mut depth = 1_usize;
        // PS3.5 6.2.2: an unknown value of undefined length holds implicit little endian, whatever surrounds it.
        let mut implicit_from = (outer.vr == VR::UN).then_some(depth);
        while depth > 0 {
            let encoding = if implicit_from.is_some() { Encoding::ImplicitLittle } else { self.encoding };
            let head = self.head(encoding)?;
            match (head.tag, head.length) {
                (ITEM_END | SEQUENCE_END, _) => {
                    depth -= 1;
                    implicit_from = implicit_from.filter(|from| depth >= *from);
                }
                (tag, None) => {
                    depth += 1;
                    let unknown = tag != ITEM && head.vr == VR::UN;
                    implicit_from = implicit_from.or(unknown.then_some(depth));
                }
                (_, Some(length)) => self.skip_bytes(length)?,
            }
        }
        Ok(())
    }

    fn skip_bytes(&mut self, length: u64) -> Result<(), WalkError> {
        // Lengths are 32 bits wide and were compared with the rest of the file.
        self.reader.seek_relative(length as i64)?;
        self.position += length;
        Ok(())
    }

    /// Decodes a head and holds its length against the rest of the file.
    fn head(&mut self, encoding: Encoding) -> Result<Head, WalkError> {
        let decoded = match encoding {
            Encoding::ImplicitLittle => ImplicitVRLittleEndianDecoder::with_std_dict().decode_header(&mut self.reader),
            Encoding::ExplicitLittle => ExplicitVRLittleEndianDecoder::default().decode_header(&mut self.reader),
            Encoding::ExplicitBig => ExplicitVRBigEndianDecoder::default().decode_header(&mut self.reader),
        };
        let (header, bytes): (DataElementHeader, usize) = decoded.map_err(|e| damaged_head(&e))?;
        self.position += bytes as u64;
        let length = header.len.get().map(u64::from);
        let left = self.end.saturating_sub(self.position);
        match length {
            Some(length) if length > left => Err(WalkError::Malformed(
                MalformedKind::Header,
                format!("{} declares {length} bytes, but the file has {left} left", header.tag()),
            )),
            _ => Ok(Head { tag: header.tag(), vr: header.vr, length }),
        }
    }
}

fn damaged_head(_: &Error) -> WalkError {
    WalkError::Malformed(MalformedKind::Header, "the file is truncated or damaged at the head of an element".into())
}
