//! Parts out of a stream.

use std::io::{ErrorKind, Read};

use memchr::memmem::Finder;

use super::MultipartError;

/// Bytes held at a time.
const BUFFER: usize = 64 << 10;
/// Largest preamble in bytes; archives send none.
const MAX_PREAMBLE: u64 = 64 << 10;
/// Largest headers of a part in bytes.
const MAX_HEADERS: usize = 8 << 10;
/// Largest number of a part's headers.
const MAX_HEADER_LINES: usize = 32;
/// Largest number of blanks behind a boundary.
const MAX_BLANKS: usize = 64;

/// The headers of a part that matter here.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PartHeaders {
    /// The part's media type.
    pub content_type: Option<String>,
    /// The part's length in bytes, compared with the body when that is read.
    pub content_length: Option<u64>,
}

/// Reads the parts of a multipart body one after the other, in 64 KiB of memory.
///
/// ```
/// use std::io::Write;
///
/// use medseg_dicomweb::multipart::{MultipartError, MultipartReader};
/// let body = b"--b\r\nContent-Type: application/dicom\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--";
/// let mut reader = MultipartReader::new(&body[..], "b", 1000)?;
/// let mut parts = Vec::new();
/// while let Some(_headers) = reader.next_part()? {
///     let mut part = Vec::new();
///     reader.read_body(|bytes| part.write_all(bytes).map_err(MultipartError::Io))?;
///     parts.push(part);
/// }
/// assert_eq!(parts, [b"one", b"two"]);
/// # Ok::<(), MultipartError>(())
/// ```
pub struct MultipartReader<R> {
    source: R,
    delimiter: Finder<'static>,
    max_part: u64,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    place: Place,
}

/// The next thing in the stream.
#[derive(Clone, Copy)]
enum Place {
    Preamble,
    /// The end of a line that begins with the boundary.
    Delimited,
    Body {
        declared: Option<u64>,
    },
    /// The last boundary or an error was met.
    Finished,
}

impl<R: Read> MultipartReader<R> {
    /// Reads a body with this boundary, whose parts have at most `max_part` bytes.
    ///
    /// # Errors
    /// [`MultipartError::Boundary`] if it is not 1 to 70 of the allowed characters.
    pub fn new(source: R, boundary: &str, max_part: u64) -> Result<Self, MultipartError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
        let good = (1..=70).contains(&boundary.len()) && boundary.bytes().all(allowed) && !boundary.ends_with(' ');
        if !good {
            return Err(MultipartError::Boundary);
        }
        let delimiter = Finder::new(&format!("\r\n--{boundary}")).into_owned();
        let mut buffer = vec![0; BUFFER].into_boxed_slice();
        // The first boundary has no line before it, the others do: now they are alike.
        buffer[..2].copy_from_slice(b"\r\n");
        Ok(Self { source, delimiter, max_part, buffer, start: 0, end: 2, place: Place::Preamble })
    }

    /// Goes to the next part and reads its headers; a body that was not read is passed over. `None` after the last part, and
    /// after an error.
    ///
    /// # Errors
    /// A damaged or truncated body, one beyond a limit, or a failure of the stream.
    pub fn next_part(&mut self) -> Result<Option<PartHeaders>, MultipartError> {
        if let Place::Body { .. } = self.place {
            self.read_body(|_| Ok::<_, MultipartError>(()))?;
        }
        match std::mem::replace(&mut self.place, Place::Finished) {
            Place::Finished => return Ok(None),
            Place::Preamble => {
                let beyond = || MultipartError::Preamble { limit: MAX_PREAMBLE };
                self.until_delimiter(MAX_PREAMBLE, beyond, |_| Ok::<_, MultipartError>(()))?;
            }
            Place::Delimited | Place::Body { .. } => {}
        }
        if self.is_last()? {
            return Ok(None);
        }
        let headers = self.headers()?;
        self.place = Place::Body { declared: headers.content_length };
        Ok(Some(headers))
    }

    /// Reads the body of the part whose headers came last, piece by piece, and returns its length in bytes.
    ///
    /// # Errors
    /// As [`next_part`](Self::next_part), and those of `sink`. The rest of the stream is then lost.
    pub fn read_body<E: From<MultipartError>>(&mut self, sink: impl FnMut(&[u8]) -> Result<(), E>) -> Result<u64, E> {
        let Place::Body { declared } = self.place else {
            return Ok(0);
        };
        self.place = Place::Finished;
        let limit = self.max_part;
        let found = self.until_delimiter(limit, || MultipartError::PartTooLong { limit }, sink)?;
        if let Some(declared) = declared.filter(|declared| *declared != found) {
            return Err(MultipartError::Length { declared, found }.into());
        }
        self.place = Place::Delimited;
        Ok(found)
    }

    /// Hands over what lies before the next delimiter and passes over that; at most `limit` bytes.
    fn until_delimiter<E: From<MultipartError>>(
        &mut self,
        limit: u64,
        beyond: impl Fn() -> MultipartError,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let length = self.delimiter.needle().len();
        let mut found = 0;
        loop {
            let held = &self.buffer[self.start..self.end];
            let at = self.delimiter.find(held);
            // The last bytes may be the beginning of a delimiter.
            let piece = at.unwrap_or_else(|| held.len().saturating_sub(length - 1));
            found += piece as u64;
            if found > limit {
                return Err(beyond().into());
            }
            if piece > 0 {
                sink(&held[..piece])?;
            }
            self.start += piece;
            if at.is_some() {
                self.start += length;
                return Ok(found);
            }
            self.fill()?;
        }
    }

    /// Reads the rest of a line that begins with the boundary: whether it was the last of them.
    fn is_last(&mut self) -> Result<bool, MultipartError> {
        let mut blanks = 0;
        loop {
            let held = &self.buffer[self.start..self.end];
            if blanks == 0 && held.starts_with(b"--") {
                self.start += 2;
                return Ok(true);
            }
            match held {
                [b' ' | b'\t', ..] if blanks < MAX_BLANKS => {
                    blanks += 1;
                    self.start += 1;
                }
                [b'\r', b'\n', ..] => {
                    // Left in place for parts without headers, which begin with the end of this line.
                    return Ok(false);
                }
                [] | [b'-' | b'\r'] => self.fill()?,
                _ => return Err(MultipartError::Delimiter),
            }
        }
    }

    /// Reads the headers of a part, from the end of the boundary's line to the empty line.
    fn headers(&mut self) -> Result<PartHeaders, MultipartError> {
        let length = loop {
            let held = &self.buffer[self.start..self.end];
            let within = &held[..held.len().min(MAX_HEADERS)];
            if let Some(at) = memchr::memmem::find(within, b"\r\n\r\n") {
                break at + 4;
            }
            if held.len() >= MAX_HEADERS {
                return Err(MultipartError::Headers { reason: "no end within 8 KiB" });
            }
            self.fill()?;
        };
        let headers = parse(&self.buffer[self.start + 2..self.start + length])?;
        self.start += length;
        Ok(headers)
    }

    /// Reads more of the stream behind what is held, of which at least a byte is then new.
    fn fill(&mut self) -> Result<(), MultipartError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(MultipartError::Truncated),
                Ok(read) => {
                    self.end += read;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Reads header lines that end with an empty one.
fn parse(lines: &[u8]) -> Result<PartHeaders, MultipartError> {
    let refuse = |reason| Err(MultipartError::Headers { reason });
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADER_LINES];
    let Ok(httparse::Status::Complete((read, found))) = httparse::parse_headers(lines, &mut slots) else {
        return refuse("they are not header lines, or more than 32");
    };
    if read != lines.len() {
        return refuse("they end too early");
    }
    let mut headers = PartHeaders::default();
    for header in found {
        let Ok(value) = std::str::from_utf8(header.value) else {
            return refuse("a value is not UTF-8");
        };
        if header.name.eq_ignore_ascii_case("content-type") {
            if headers.content_type.replace(value.to_owned()).is_some() {
                return refuse("two types");
            }
        } else if header.name.eq_ignore_ascii_case("content-length") {
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let Some(length) = value.parse().ok().filter(|_| digits) else {
                return refuse("a length that is no number");
            };
            if headers.content_length.replace(length).is_some() {
                return refuse("two lengths");
            }
        } else if header.name.eq_ignore_ascii_case("content-encoding") && !value.eq_ignore_ascii_case("identity") {
            return refuse("a compressed part, which was not asked for");
        } else if header.name.eq_ignore_ascii_case("content-transfer-encoding")
            && !["binary", "8bit", "7bit"].iter().any(|plain| value.eq_ignore_ascii_case(plain))
        {
            return refuse("an encoded part, which was not asked for");
        }
    }
    Ok(headers)
}
