//! Length and checksum of a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes read at once.
const CHUNK: usize = 1 << 16;

/// Length and checksum of a file, by which it is found whole later.
///
/// ```
/// use medseg_files::{DigestError, FileDigest};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("weights");
/// std::fs::write(&path, "abc")?;
/// let digest = FileDigest::of(&path)?;
/// assert_eq!(digest.bytes, 3);
/// assert!(digest.sha256.starts_with("ba7816bf"));
/// digest.check(&path)?;
/// std::fs::write(&path, "abd")?;
/// assert!(matches!(digest.check(&path), Err(DigestError::Checksum)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
}

/// A file that is not the one remembered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// It has another length.
    #[error("it has {found} bytes and not {expected}: it is damaged")]
    Length {
        /// Its length.
        found: u64,
        /// The length remembered.
        expected: u64,
    },
    /// It has another content.
    #[error("its SHA-256 is not the one remembered: it is damaged")]
    Checksum,
}

impl FileDigest {
    /// Reads a file through.
    ///
    /// # Errors
    /// The system's.
    pub fn of(path: impl AsRef<Path>) -> io::Result<Self> {
        let (mut file, mut sha256, mut bytes) = (File::open(path)?, Sha256::new(), 0);
        let mut chunk = vec![0; CHUNK];
        loop {
            match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => {
                    sha256.update(&chunk[..read]);
                    bytes += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let sha256 = sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { bytes, sha256 })
    }

    /// Compares a file with the one remembered; one of another length is not read.
    ///
    /// # Errors
    /// Another length or content, or the system's.
    pub fn check(&self, path: impl AsRef<Path>) -> Result<(), DigestError> {
        let path = path.as_ref();
        let wrong_length = |found| DigestError::Length { found, expected: self.bytes };
        let found = path.metadata()?.len();
        if found != self.bytes {
            return Err(wrong_length(found));
        }
        let found = Self::of(path)?;
        if found.bytes != self.bytes {
            return Err(wrong_length(found.bytes));
        }
        if !found.sha256.eq_ignore_ascii_case(&self.sha256) {
            return Err(DigestError::Checksum);
        }
        Ok(())
    }
}
