//! A folder that is replaced as a whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::unfinished::Unfinished;

/// A hidden name beside `path` that says what it is for and carries the process's number.
///
/// ```
/// let path = medseg_files::neighbour("runs/bundle", "writing");
/// assert_eq!(path, std::path::PathBuf::from(format!("runs/.bundle.writing-{}", std::process::id())));
/// ```
#[must_use]
pub fn neighbour(path: impl AsRef<Path>, purpose: &str) -> PathBuf {
    let path = path.as_ref();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{purpose}-{}", std::process::id()))
}

/// Renames the finished folder `new` to `folder`; a folder that has this name is removed once that is done.
///
/// If the last rename fails, the old folder gets its name back. Between the two renames neither stands under the name:
/// a process that is killed just then leaves both, complete, under hidden names beside it.
///
/// # Errors
/// The system's; `new` then still exists.
pub fn replace_folder(new: impl AsRef<Path>, folder: impl AsRef<Path>) -> io::Result<()> {
    let (new, folder) = (new.as_ref(), folder.as_ref());
    if !folder.exists() {
        return fs::rename(new, folder);
    }
    let old = neighbour(folder, "replaced");
    fs::rename(folder, &old)?;
    if let Err(failed) = fs::rename(new, folder) {
        fs::rename(&old, folder)?;
        return Err(failed);
    }
    // The new folder is in its place; remains of the old one do no harm.
    let _ = fs::remove_dir_all(&old);
    Ok(())
}

/// Writes a folder under a hidden name beside `folder`, and gives it its name once it is complete.
///
/// `write` gets the new, empty folder. Whatever fails, a folder that stood there before is left as it was, and the new one is
/// removed. `io` makes the caller's error of the system's.
///
/// ```
/// let parent = tempfile::tempdir()?;
/// let folder = parent.path().join("bundle");
/// medseg_files::write_folder(&folder, |new| std::fs::write(new.join("file"), "text"), |error| error)?;
/// assert_eq!(std::fs::read_to_string(folder.join("file"))?, "text");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of `write`, and the system's.
pub fn write_folder<E>(
    folder: impl AsRef<Path>,
    write: impl FnOnce(&Path) -> Result<(), E>,
    io: impl Fn(io::Error) -> E,
) -> Result<(), E> {
    let folder = folder.as_ref();
    let new = neighbour(folder, "writing");
    let _ = fs::remove_dir_all(&new);
    let unfinished = Unfinished::new(&new);
    let made = fs::create_dir_all(&new).map_err(&io);
    let rename = || unfinished.finish(|| replace_folder(&new, folder)).map_err(&io);
    let written = made.and_then(|()| write(&new)).and_then(|()| rename());
    if written.is_err() {
        let _ = fs::remove_dir_all(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_the_place_of_another_and_leaves_no_third() {
        let parent = tempfile::tempdir().unwrap();
        let (new, folder) = (parent.path().join("new"), parent.path().join("bundle"));
        for content in ["first", "second"] {
            fs::create_dir(&new).unwrap();
            fs::write(new.join("file"), content).unwrap();
            replace_folder(&new, &folder).unwrap();
            assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), content);
            assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn the_old_folder_stays_where_the_new_one_is_missing() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("bundle");
        fs::create_dir(&folder).unwrap();
        assert!(replace_folder(parent.path().join("missing"), &folder).is_err());
        assert!(folder.is_dir());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_finished_leaves_the_old_one_and_no_other() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("bundle");
        write_folder(&folder, |new| fs::write(new.join("file"), "old"), |error| error).unwrap();
        let failed = write_folder(
            &folder,
            |new| fs::write(new.join("file"), "new").and(Err(io::Error::other("full"))),
            |error| error,
        );
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "old");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
        assert!(write_folder(parent.path().join("bundle/file/x"), |_| Ok(()), |error| error).is_err());
    }
}
