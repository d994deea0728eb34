//! A folder that one process at a time writes to.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Name of the file that holds the lock of a folder.
pub const LOCK_FILE: &str = ".medseg-lock";

/// Bytes of a lock's file that are read for a message.
const LONGEST: u64 = 200;

/// The right to write to a folder, until it is dropped or its process ends.
///
/// The operating system holds the lock, on a file [`LOCK_FILE`] in the folder, and releases it when the process ends,
/// however it ends: the lock of a dead process is free. The file tells who holds the lock and is removed with it. On a
/// file system without locks every process gets the lock.
///
/// ```
/// use medseg_files::{FolderLock, LockError};
///
/// let parent = tempfile::tempdir()?;
/// let folder = parent.path().join("run");
/// let lock = FolderLock::acquire(&folder)?;
/// let Err(LockError::Held { holder, .. }) = FolderLock::acquire(&folder) else { panic!("two locks") };
/// assert!(holder.starts_with(&format!("process {}", std::process::id())));
/// drop(lock);
/// FolderLock::acquire(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FolderLock {
    /// Open as long as the lock is held; `None` on a file system without locks.
    file: Option<File>,
    folder: PathBuf,
    /// The folder was made for the lock.
    made: bool,
}

/// A folder cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process, or another part of this one, is writing to the folder.
    #[error("{} is being written to by {holder}", folder.display())]
    Held {
        /// The folder.
        folder: PathBuf,
        /// Process and computer, as far as the lock's file tells them.
        holder: String,
    },
    /// The folder cannot be made or the file of its lock cannot be written.
    #[error("cannot lock {}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl FolderLock {
    /// Locks a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`LockError::Held`] at once if the folder is locked; [`LockError::Io`] if the folder or the lock's file cannot be
    /// written.
    pub fn acquire(folder: impl AsRef<Path>) -> Result<Self, LockError> {
        let folder = folder.as_ref();
        let failed = |source| LockError::Io { folder: folder.to_path_buf(), source };
        let made = !folder.exists();
        loop {
            fs::create_dir_all(folder).map_err(failed)?;
            let mut file = match open(&folder.join(LOCK_FILE)) {
                // The holder before has removed the folder that it made.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => continue,
                file => file.map_err(failed)?,
            };
            let lock = |file| Self { file, folder: folder.to_path_buf(), made };
            match file.try_lock() {
                Ok(()) => {
                    // The holder before may have removed the file between the two steps.
                    if !is_at(&file, &folder.join(LOCK_FILE)) {
                        continue;
                    }
                    let (process, host) = (std::process::id(), gethostname::gethostname());
                    file.set_len(0).map_err(failed)?;
                    write!(file, "process {process} on {}", host.to_string_lossy()).map_err(failed)?;
                    return Ok(lock(Some(file)));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { folder: folder.to_path_buf(), holder: holder(file) });
                }
                // A file system without locks says so in several ways, such as ENOLCK of a network's.
                Err(TryLockError::Error(_)) => return Ok(lock(None)),
            }
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        let path = self.folder.join(LOCK_FILE);
        // While it is locked, so that no other process loses its own file. Elsewhere an open file cannot be removed.
        if cfg!(unix) && self.file.as_ref().is_some_and(|file| is_at(file, &path)) {
            let _ = fs::remove_file(&path);
        }
        self.file = None;
        if self.made {
            // Fails, as it should, if anything was written.
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

/// Opens the lock's file and refuses what is none, such as a link to a file elsewhere.
fn open(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other(format!("{} is not a plain file", path.display())));
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// The text that the holder wrote, in printable letters.
fn holder(mut file: File) -> String {
    let mut text = Vec::new();
    let read = file.rewind().and_then(|()| file.take(LONGEST).read_to_end(&mut text));
    let text: String = String::from_utf8_lossy(&text).chars().filter(|letter| !letter.is_control()).collect();
    if read.is_ok() && text.starts_with("process ") { text } else { "another process".into() }
}

/// True if the open file is the one of this name.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |found: fs::Metadata| (found.dev(), found.ino());
        match (file.metadata(), fs::symlink_metadata(path)) {
            (Ok(open), Ok(named)) => identity(open) == identity(named),
            _ => false,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_lock_leaves_no_file_and_no_folder_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let (new, old) = (parent.path().join("a/new"), parent.path().join("old"));
        fs::create_dir(&old).unwrap();
        for folder in [&new, &old] {
            drop(FolderLock::acquire(folder).unwrap());
        }
        assert!(!new.exists() && old.is_dir());
        assert_eq!(fs::read_dir(&old).unwrap().count(), 0);
        let lock = FolderLock::acquire(&new).unwrap();
        fs::write(new.join("result"), "x").unwrap();
        drop(lock);
        assert_eq!(fs::read_dir(&new).unwrap().count(), 1);
    }

    #[test]
    fn the_file_of_a_dead_process_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOCK_FILE), "process 1 on elsewhere, and more text than is written now").unwrap();
        let _lock = FolderLock::acquire(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join(LOCK_FILE)).unwrap();
        assert!(text.starts_with(&format!("process {} on ", std::process::id())) && !text.contains("more"), "{text}");
    }

    #[test]
    fn strange_text_in_the_file_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::acquire(folder.path()).unwrap();
        for (text, shown) in
            [("\u{1b}[31mred", "another process"), ("", "another process"), ("process 7\n\u{7}", "process 7")]
        {
            fs::write(folder.path().join(LOCK_FILE), text).unwrap();
            let Err(LockError::Held { holder, .. }) = FolderLock::acquire(folder.path()) else { panic!("two locks") };
            assert_eq!(holder, shown);
        }
        drop(lock);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_the_file_is_refused_and_its_target_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("scan.nii");
        fs::write(&target, "voxels").unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join(LOCK_FILE)).unwrap();
        assert!(matches!(FolderLock::acquire(folder.path()), Err(LockError::Io { .. })));
        assert_eq!(fs::read_to_string(&target).unwrap(), "voxels");
    }

    #[test]
    fn many_threads_hold_it_one_at_a_time() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("run");
        let (holders, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let Ok(_lock) = FolderLock::acquire(&folder) else { continue };
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        taken.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        holders.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(taken.load(Ordering::SeqCst) >= 1);
    }
}
