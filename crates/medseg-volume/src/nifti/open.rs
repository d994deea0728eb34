//! NIfTI files and pairs: the header, and the source of the voxels.

use std::path::{Path, PathBuf};

use super::header;
use crate::file::{Header, Source, has_extension};
use crate::{MalformedKind, UnsupportedKind, VolumeError};

/// Buffer that headers are read with.
const HEADER_BUFFER: usize = 1 << 13;

/// Reads the header of a `.nii`, or of a `.hdr`/`.img` pair by either name.
pub(crate) fn open(path: &Path) -> Result<(Header, Source), VolumeError> {
    // A name in .img stands for its header, if there is one.
    if let Some(header) = partner(path, "img", "hdr").filter(|header| header.exists()) {
        let (checked, single) = read(&Source::path(&header))?;
        if single {
            let reason = "its magic number is not that of a .hdr/.img pair";
            return Err(VolumeError::malformed(&header, MalformedKind::Format, reason));
        }
        return Ok((checked, Source::path(path)));
    }
    let source = Source::path(path);
    let (header, single) = read(&source)?;
    if single {
        return Ok((header, source));
    }
    let voxels: PathBuf = partner(path, "hdr", "img").ok_or_else(|| {
        let reason = "the header of a .hdr/.img pair, but its name does not end in .hdr";
        VolumeError::unsupported(path, UnsupportedKind::Format, reason)
    })?;
    Ok((header, Source::path(voxels)))
}

/// Reads the header of a source that has its voxels too.
pub(crate) fn from_source(source: Source) -> Result<(Header, Source), VolumeError> {
    let (header, single) = read(&source)?;
    if !single {
        let reason = "the header of a .hdr/.img pair without voxels";
        return Err(VolumeError::unsupported(source.name(), UnsupportedKind::Format, reason));
    }
    Ok((header, source))
}

/// A header, and true if the voxels are in the same file.
fn read(source: &Source) -> Result<(Header, bool), VolumeError> {
    header::read(&mut source.open(HEADER_BUFFER)?.content, source.name())
}

/// The other file of a pair: the `.img` of a `.hdr` or the reverse, packed as the first or else the other way; none for a
/// name that does not end in `from`.
fn partner(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let packed = has_extension(path, "gz");
    let plain = if packed { path.with_extension("") } else { path.to_path_buf() };
    if !has_extension(&plain, from) {
        return None;
    }
    let upper = plain.extension().is_some_and(|e| e.to_string_lossy().chars().all(char::is_uppercase));
    let other = plain.with_extension(if upper { to.to_uppercase() } else { to.to_string() });
    let mut with_gz = other.clone().into_os_string();
    with_gz.push(".gz");
    let candidates = if packed { [PathBuf::from(with_gz), other] } else { [other, PathBuf::from(with_gz)] };
    let found = candidates.iter().position(|candidate| candidate.exists()).unwrap_or(0);
    candidates.into_iter().nth(found)
}
