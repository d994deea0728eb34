//! A folder that is replaced as a whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
}
