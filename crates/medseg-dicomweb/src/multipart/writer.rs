//! A body of files.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;

/// Files as a body of `multipart/related; type="application/dicom"`.
#[derive(Clone, Debug)]
pub struct FileParts {
    boundary: String,
    files: Vec<(PathBuf, u64)>,
}

impl FileParts {
    /// Looks through the files for a boundary that none of them has. An error comes with the file it is about.
    pub fn new(files: &[PathBuf]) -> Result<Self, (PathBuf, io::Error)> {
        let mut number = 0u32;
        let boundary = loop {
            let boundary = format!("medseg-dicomweb-part-{number}");
            let mut used = false;
            for path in files {
                used |= File::open(path).and_then(|file| contains(file, &boundary)).map_err(|e| (path.clone(), e))?;
            }
            if !used {
                break boundary;
            }
            number += 1;
        };
        let length = |path: &PathBuf| match path.metadata() {
            Ok(metadata) => Ok((path.clone(), metadata.len())),
            Err(error) => Err((path.clone(), error)),
        };
        Ok(Self { boundary, files: files.iter().map(length).collect::<Result<_, _>>()? })
    }

    /// The media type of the body.
    pub fn content_type(&self) -> String {
        format!("multipart/related; type=\"application/dicom\"; boundary={}", self.boundary)
    }

    /// The body's length in bytes.
    pub fn length(&self) -> u64 {
        let parts: u64 =
            self.files.iter().enumerate().map(|(n, (_, bytes))| self.head(n, *bytes).len() as u64 + bytes).sum();
        parts + self.tail().len() as u64
    }

    /// The body as a stream; the files are opened one after the other.
    pub fn reader(&self) -> impl Read + Send + 'static {
        let mut pieces = Vec::new();
        for (n, (path, bytes)) in self.files.iter().enumerate() {
            pieces.push(Piece::Text(Cursor::new(self.head(n, *bytes).into_bytes())));
            pieces.push(Piece::File(path.clone(), *bytes));
        }
        pieces.push(Piece::Text(Cursor::new(self.tail().into_bytes())));
        pieces.reverse();
        Pieces { left: pieces, current: None }
    }

    fn head(&self, number: usize, bytes: u64) -> String {
        let line = if number == 0 { "" } else { "\r\n" };
        format!("{line}--{}\r\nContent-Type: application/dicom\r\nContent-Length: {bytes}\r\n\r\n", self.boundary)
    }

    fn tail(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }
}

/// Says whether a stream has a text in it.
fn contains(mut stream: impl Read, text: &str) -> io::Result<bool> {
    let finder = Finder::new(text);
    let mut buffer = vec![0; 64 << 10];
    let mut held = 0;
    loop {
        let read = stream.read(&mut buffer[held..])?;
        if read == 0 {
            return Ok(false);
        }
        held += read;
        if finder.find(&buffer[..held]).is_some() {
            return Ok(true);
        }
        let rest = held.min(text.len() - 1);
        buffer.copy_within(held - rest..held, 0);
        held = rest;
    }
}

enum Piece {
    Text(Cursor<Vec<u8>>),
    File(PathBuf, u64),
}

/// Pieces one after the other, the last of `left` first.
struct Pieces {
    left: Vec<Piece>,
    current: Option<Box<dyn Read + Send>>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(current) = &mut self.current {
                let read = current.read(buffer)?;
                if read > 0 || buffer.is_empty() {
                    return Ok(read);
                }
            }
            self.current = match self.left.pop() {
                None => return Ok(0),
                Some(Piece::Text(text)) => Some(Box::new(text)),
                Some(Piece::File(path, bytes)) => Some(Box::new(Exact { file: open(&path, bytes)?, left: bytes })),
            };
        }
    }
}

/// Opens a file that has the length it had before.
fn open(path: &Path, bytes: u64) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.len() != bytes {
        return Err(changed());
    }
    Ok(file)
}

/// Exactly so many bytes of a file.
struct Exact {
    file: File,
    left: u64,
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut buffer[..wanted])?;
        if read == 0 && wanted > 0 {
            return Err(changed());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

fn changed() -> io::Error {
    io::Error::other("a file changed while it was sent")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::multipart::{MultipartError, MultipartReader, boundary_of};

    #[test]
    fn files_come_back_from_the_body_whatever_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let contents: [Vec<u8>; 4] = [
            b"DICM".repeat(50_000),
            b"\r\n--medseg-dicomweb-part-0--\r\n".to_vec(),
            Vec::new(),
            [vec![7; (64 << 10) - 9], b"medseg-dicomweb-part-1".to_vec()].concat(),
        ];
        let files: Vec<PathBuf> = (0..4).map(|n| folder.path().join(n.to_string())).collect();
        files.iter().zip(&contents).for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
        let parts = FileParts::new(&files).unwrap();
        let boundary = boundary_of(&parts.content_type()).unwrap();
        assert_eq!(boundary, "medseg-dicomweb-part-2");
        let mut body = Vec::new();
        parts.reader().read_to_end(&mut body).unwrap();
        assert_eq!(body.len() as u64, parts.length());
        let mut reader = MultipartReader::new(&body[..], &boundary, 1 << 20).unwrap();
        for bytes in &contents {
            assert_eq!(reader.next_part().unwrap().unwrap().content_length, Some(bytes.len() as u64));
            let mut found = Vec::new();
            reader.read_body(|piece| found.write_all(piece).map_err(MultipartError::Io)).unwrap();
            assert!(found == *bytes);
        }
        assert_eq!(reader.next_part().unwrap(), None);
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "long content").unwrap();
        let parts = FileParts::new(std::slice::from_ref(&path)).unwrap();
        std::fs::write(&path, "short").unwrap();
        assert!(parts.reader().read_to_end(&mut Vec::new()).is_err());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(FileParts::new(std::slice::from_ref(&path)).unwrap_err().0, path);
    }
}
