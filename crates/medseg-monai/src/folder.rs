//! Files of a bundle's folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::MonaiError;
use crate::checkpoint::inside;

/// Largest configuration.
pub(crate) const LARGEST_TEXT: u64 = 4 << 20;

/// A bundle's folder. No path that it gives leads out of it, not even by a link.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub fn open(path: &Path) -> Result<Self, MonaiError> {
        let root = path.canonicalize().map_err(|source| MonaiError::Io { path: path.to_owned(), source })?;
        Ok(Self { root })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file, which need not exist.
    pub fn path(&self, relative: &str) -> Result<PathBuf, MonaiError> {
        let outside = || MonaiError::Outside { path: relative.into(), bundle: self.root.clone() };
        let path = self.root.join(inside(relative).ok_or_else(outside)?);
        match path.canonicalize() {
            Ok(real) if real.starts_with(&self.root) => Ok(path),
            Ok(_) => Err(outside()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path),
            Err(source) => Err(MonaiError::Io { path, source }),
        }
    }

    /// True if a file exists within the folder.
    pub fn has(&self, relative: &str) -> bool {
        self.path(relative).is_ok_and(|path| path.is_file())
    }

    /// True if a file or folder exists within the folder.
    pub fn exists(&self, relative: &str) -> bool {
        self.path(relative).is_ok_and(|path| path.exists())
    }

    /// The text of a file that a macro names, relative to the bundle's folder or to its configurations.
    pub fn text_of_macro(&self, file: &str) -> Result<String, String> {
        let below = format!("configs/{file}");
        let place = if !self.has(file) && self.has(&below) { &below } else { file };
        self.text(place).map_err(|error| match error {
            MonaiError::Io { source, .. } => source.to_string(),
            error => error.to_string(),
        })
    }

    /// The text of a configuration.
    pub fn text(&self, relative: &str) -> Result<String, MonaiError> {
        let path = self.path(relative)?;
        let failed = |source| MonaiError::Io { path: path.clone(), source };
        let bytes = fs::metadata(&path).map_err(failed)?.len();
        if bytes > LARGEST_TEXT {
            return Err(MonaiError::TooLarge { path, bytes, limit: LARGEST_TEXT });
        }
        let mut text = String::new();
        File::open(&path).map_err(failed)?.take(LARGEST_TEXT).read_to_string(&mut text).map_err(failed)?;
        Ok(text)
    }
}
