//! Names of files.

use std::path::{Path, PathBuf};

/// Compares a name's ending without regard to case.
pub(crate) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// The file beside a header that a name in it stands for. `None` for a name that leads out of the header's folder, which
/// no writer makes and a stranger's file could misuse.
pub(crate) fn beside(header: &Path, name: &str) -> Option<PathBuf> {
    let name = name.strip_prefix("./").unwrap_or(name);
    let plain = Path::new(name).file_name().is_some_and(|last| last == name) && !name.contains('\\');
    plain.then(|| header.with_file_name(name))
}
