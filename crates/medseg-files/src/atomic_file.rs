//! A file that takes its name only when it is complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::unfinished::Unfinished;

/// Ending of the files that are being written.
pub const PART: &str = "part";
/// Beginning of their names.
pub const UNFINISHED: &str = ".writing-";

/// A new file that takes its name on [`commit`](AtomicFile::commit) and is removed if it is dropped before.
///
/// It is written beside its final path, so the rename stays on one file system. Its permissions are those of a file that
/// [`File::create`] makes.
///
/// ```
/// use std::io::Write;
/// use medseg_files::AtomicFile;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("mask.nii");
/// let mut file = AtomicFile::create(&path)?;
/// file.write_all(b"header, then voxels")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"header, then voxels");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    temporary: NamedTempFile,
    path: PathBuf,
    // Dropped after the file is removed.
    unfinished: Unfinished,
}

impl AtomicFile {
    /// Opens a hidden file in the folder of `path`.
    ///
    /// # Errors
    /// The system's, such as a missing folder or no permission.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_path_buf();
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let suffix = format!(".{PART}");
        let mut builder = Builder::new();
        builder.prefix(UNFINISHED).suffix(&suffix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Less the process's umask; temporary files are private by default, and this one stays.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let temporary = builder.tempfile_in(folder)?;
        let unfinished = Unfinished::new(temporary.path());
        Ok(Self { temporary, path, unfinished })
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Brings the content to the disk and gives the file its name, in place of a file that has it.
    ///
    /// # Errors
    /// The system's, such as a full disk, or a folder of that name.
    pub fn commit(self) -> io::Result<()> {
        let Self { temporary, path, unfinished } = self;
        temporary.as_file().sync_all()?;
        unfinished.finish(|| temporary.persist(&path)).map(drop).map_err(|failed| failed.error)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.as_file_mut().flush()
    }
}

/// Writes `bytes` to `path`, which is the old file or the new one at any moment.
///
/// # Errors
/// The system's; the old file is then still there.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn the_new_content_replaces_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.b.json");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.b.json"]);
    }

    #[test]
    fn a_file_that_is_not_committed_leaves_the_old_one_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.nii.gz");
        write_atomic(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half of").unwrap();
        let part = names(folder.path()).into_iter().find(|name| name != "mask.nii.gz").unwrap();
        assert!(part.starts_with('.') && part.ends_with(PART), "{part}");
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["mask.nii.gz"]);
    }

    #[test]
    fn a_folder_in_the_way_or_a_missing_one_is_an_error_that_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(write_atomic(&taken, b"x").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
        let missing = write_atomic(folder.path().join("missing/a.json"), b"x").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_name_of_the_greatest_length_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n".repeat(255));
        write_atomic(&path, b"x").unwrap();
        assert!(path.is_file());
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_the_file_as_they_may_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (atomic, plain) = (folder.path().join("atomic"), folder.path().join("plain"));
        write_atomic(&atomic, b"x").unwrap();
        fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&atomic), mode(&plain));
    }

    #[test]
    fn many_threads_that_write_one_path_leave_one_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared");
        std::thread::scope(|scope| {
            for byte in 0..8_u8 {
                let path = &path;
                scope.spawn(move || (0..20).for_each(|_| write_atomic(path, &[byte; 4096]).unwrap()));
            }
        });
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() == 4096 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert_eq!(names(folder.path()), ["shared"]);
    }
}
