//! The start of a DICOM file: a preamble or none, group 2 or none, and the encoding of what follows.

use std::io::Read;
use std::path::Path;

use super::DicomError;
use super::data_set::{Meta, read_meta};
use super::elements::{Elements, WalkError};
use super::syntax::{Encoding, Syntax, is_representation};
use crate::file::{Input, Packing, Source};

/// Bytes of the preamble and the letters `DICM` after it.
const PREAMBLE: usize = 132;
/// Bytes that show a start: a preamble, and the head of an element.
const LONGEST_START: usize = PREAMBLE + 8;
/// Buffer that headers are read with.
const BUFFER: usize = 1 << 14;

/// A file whose data set comes next.
pub(super) struct Start {
    pub syntax: Syntax,
    /// True if no group 2 names the syntax.
    pub guessed: bool,
    pub elements: Elements,
    /// The bytes that positions of the elements count in.
    pub source: Source,
    /// The length of these bytes; of packed ones the most that it can be.
    pub end: u64,
}

/// The kinds of start.
pub(super) enum Found {
    DataSet(Box<Start>),
    /// A directory of other files.
    Directory,
    NotDicom,
}

/// True for a file that begins as DICOM files do, with a preamble or without; false also for one that cannot be read.
#[must_use]
pub fn is_dicom(path: &Path) -> bool {
    let input = Source::path(path).from(0, Packing::None).open(LONGEST_START);
    let first = input.map_err(DicomError::from).and_then(|mut input| first_bytes(path, &mut input));
    first.is_ok_and(|first| first_element(&first).is_some())
}

/// Opens a file and reads its group 2.
pub(super) fn open(path: &Path) -> Result<Found, DicomError> {
    let file = Source::path(path).from(0, Packing::None);
    let mut input = file.open(BUFFER)?;
    let mut first = first_bytes(path, &mut input)?;
    let Some(at) = first_element(&first) else { return Ok(Found::NotDicom) };
    let fail = |error: WalkError| error.of_file(path);
    let end = input.available;
    first.drain(..at);
    let mut elements = Elements::new(input.content, first, Encoding::ExplicitLittle, at as u64, end);
    let uid = match read_meta(&mut elements).map_err(fail)? {
        Meta::Directory => return Ok(Found::Directory),
        Meta::Syntax(uid) => uid,
    };
    let data_set = elements.peek().map_err(fail)?;
    let guess = Encoding::guess(&data_set);
    let (mut syntax, guessed) = match (uid, guess) {
        (Some(uid), _) => (Syntax::of(&uid), false),
        (None, Some(encoding)) => (Syntax::native(encoding), true),
        (None, None) => return Err(DicomError::header(path, "the file names no transfer syntax")),
    };
    if syntax.deflated {
        let start = elements.position();
        let source = file.from(start, Packing::Deflate);
        let input = source.open(BUFFER)?;
        let elements = Elements::new(input.content, Vec::new(), syntax.encoding, 0, input.available);
        return Ok(Found::DataSet(Box::new(Start { syntax, guessed, elements, source, end: input.available })));
    }
    // An explicit data set after the UID of the implicit syntax, which elements without representation cannot be.
    if syntax.encoding == Encoding::ImplicitLittle && guess == Some(Encoding::ExplicitLittle) {
        syntax.encoding = Encoding::ExplicitLittle;
    }
    elements.set_encoding(syntax.encoding);
    Ok(Found::DataSet(Box::new(Start { syntax, guessed, elements, source: file, end })))
}

/// The bytes in which a start can be recognised.
fn first_bytes(path: &Path, input: &mut Input) -> Result<Vec<u8>, DicomError> {
    let mut first = Vec::with_capacity(LONGEST_START);
    let read = (&mut input.content).take(LONGEST_START as u64).read_to_end(&mut first);
    read.map_err(DicomError::io("read", path))?;
    Ok(first)
}

/// The position of the first element: after the preamble, or at the file's start where it can be nothing else.
fn first_element(first: &[u8]) -> Option<usize> {
    if first.get(128..PREAMBLE) == Some(b"DICM") {
        return Some(PREAMBLE);
    }
    if first.starts_with(b"DICM") {
        return Some(4);
    }
    let group_2 = first.len() >= 8 && first[..2] == [2, 0] && is_representation([first[4], first[5]]);
    (group_2 || Encoding::guess(first).is_some()).then_some(0)
}
