//! The elements of a file, one after the other, without taking more memory than the file proves.
//!
//! `dicom-encoding` decodes each element's head (tag, representation, length). The walk over them is this module's: a
//! declared length is compared with what is left of the file before anything is read or skipped, values that nobody
//! asked for (the patient's among them) are never read, and nesting is followed with a counter, so that neither a length
//! nor a depth in a stranger's file costs memory or stack.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use dicom_core::header::{DataElementHeader, Header};
use dicom_core::{Tag, VR};
use dicom_encoding::decode::explicit_be::ExplicitVRBigEndianDecoder;
use dicom_encoding::decode::explicit_le::ExplicitVRLittleEndianDecoder;
use dicom_encoding::decode::implicit_le::ImplicitVRLittleEndianDecoder;
use dicom_encoding::decode::{Decode, Error};

use super::DicomError;
use super::syntax::{Encoding, is_representation};
use crate::MalformedKind;
use crate::file::Content;

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

impl WalkError {
    /// The error of reading a file.
    pub(super) fn of_file(self, path: &Path) -> DicomError {
        match self {
            Self::Io(source) => DicomError::io("read", path)(source),
            Self::Malformed(kind, reason) => DicomError::malformed(path, kind, reason),
        }
    }
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
pub(super) struct Elements {
    reader: Ahead,
    encoding: Encoding,
    position: u64,
    /// The file's length; of a packed one the most that it can be.
    end: u64,
}

/// Content whose next bytes can be looked at.
struct Ahead {
    content: Box<dyn Content>,
    bytes: Vec<u8>,
}

impl Ahead {
    /// The next bytes, at most `count`; fewer at the end.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.bytes.len() < count {
            let missing = (count - self.bytes.len()) as u64;
            (&mut self.content).take(missing).read_to_end(&mut self.bytes)?;
        }
        Ok(&self.bytes[..self.bytes.len().min(count)])
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let known = (self.bytes.len() as u64).min(bytes);
        self.bytes.drain(..known as usize);
        if bytes > known { self.content.skip(bytes - known) } else { Ok(()) }
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return self.content.read(buffer);
        }
        let known = self.bytes.len().min(buffer.len());
        buffer[..known].copy_from_slice(&self.bytes[..known]);
        self.bytes.drain(..known);
        Ok(known)
    }
}

impl Elements {
    /// From content of which some bytes are read ahead; the first of these stands at `position` of a file of `end` bytes.
    pub(super) fn new(content: Box<dyn Content>, ahead: Vec<u8>, encoding: Encoding, position: u64, end: u64) -> Self {
        Self { reader: Ahead { content, bytes: ahead }, encoding, position, end }
    }

    /// The position of the next byte in the file.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Reads on in another encoding.
    pub(super) fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    /// The next bytes without consuming them, at most 8; fewer at the end.
    pub(super) fn peek(&mut self) -> Result<Vec<u8>, WalkError> {
        Ok(self.reader.peek(8)?.to_vec())
    }

    /// The group of the next element without consuming it, as a little-endian file has it; `None` at the end.
    pub(super) fn peek_group(&mut self) -> Result<Option<u16>, WalkError> {
        Ok(self.reader.peek(2)?.first_chunk().map(|group| u16::from_le_bytes(*group)))
    }

    /// The next element's head, or `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Head>, WalkError> {
        if self.reader.peek(1)?.is_empty() {
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

    /// Calls `each` for every item of a sequence, with the end of the item if its length is known; `each` reads the item's
    /// elements by [`Elements::next_of_item`].
    pub(super) fn items(
        &mut self,
        sequence: &Head,
        mut each: impl FnMut(&mut Self, Option<u64>) -> Result<(), WalkError>,
    ) -> Result<(), WalkError> {
        let end = sequence.length.map(|length| self.position + length);
        while !self.is_at(end)? {
            let head = self.head(self.encoding)?;
            match head.tag {
                ITEM => each(self, head.length.map(|length| self.position + length))?,
                SEQUENCE_END if end.is_none() => return Ok(()),
                _ => return Err(WalkError::Malformed(MalformedKind::Header, "a sequence without items".into())),
            }
        }
        Ok(())
    }

    /// The next element's head within an item that ends at a position, or at its delimiter.
    pub(super) fn next_of_item(&mut self, end: Option<u64>) -> Result<Option<Head>, WalkError> {
        if self.is_at(end)? {
            return Ok(None);
        }
        let head = self.head(self.encoding)?;
        Ok(Some(head).filter(|head| head.tag != ITEM_END))
    }

    /// True at the end of a part; an error beyond it.
    fn is_at(&self, end: Option<u64>) -> Result<bool, WalkError> {
        match end {
            Some(end) if self.position > end => {
                Err(WalkError::Malformed(MalformedKind::Header, "an item longer than its sequence".into()))
            }
            end => Ok(end == Some(self.position)),
        }
    }

    /// The fragments of encapsulated pixels: their positions and lengths, the offset table first.
    pub(super) fn fragments(&mut self, most: usize) -> Result<Vec<(u64, u64)>, WalkError> {
        let mut fragments = Vec::new();
        loop {
            let head = self.head(Encoding::ImplicitLittle)?;
            match (head.tag, head.length) {
                (SEQUENCE_END, _) => return Ok(fragments),
                (ITEM, Some(length)) if fragments.len() < most => {
                    fragments.push((self.position, length));
                    self.skip_bytes(length)?;
                }
                _ => {
                    let reason = "encapsulated PixelData holds something else than items, or too many";
                    return Err(WalkError::Malformed(MalformedKind::Header, reason.into()));
                }
            }
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
        // Lengths were compared with the rest of the file.
        self.reader.skip(length)?;
        self.position += length;
        Ok(())
    }

    /// True for an element that is not followed by the letters of a representation; items never are.
    fn lacks_representation(&mut self) -> Result<bool, WalkError> {
        let bytes = self.reader.peek(6)?;
        Ok(bytes.len() == 6 && bytes[..2] != [0xFE, 0xFF] && !is_representation([bytes[4], bytes[5]]))
    }

    /// Decodes a head and holds its length against the rest of the file.
    fn head(&mut self, encoding: Encoding) -> Result<Head, WalkError> {
        // Some writers leave the representation out of single elements, or of all.
        let implicit = encoding == Encoding::ExplicitLittle && self.lacks_representation()?;
        let encoding = if implicit { Encoding::ImplicitLittle } else { encoding };
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
