//! Files and folders that are either the old or the new one, whenever a process is killed.
//!
//! | Item | Use |
//! |---|---|
//! | [`AtomicFile`] | writes a large file in parts |
//! | [`write_atomic`] | writes a small file at once |
//! | [`replace_folder`] | puts a finished folder in the place of another |
//!
//! Content goes to a hidden neighbour named `.writing-*.part`, is synchronised with the disk, and is renamed. A killed
//! process leaves the old file, or the new one; at worst a hidden `.part` file stays behind, which nothing reads.
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("scores.csv");
//! medseg_files::write_atomic(&path, b"case,dice\n")?;
//! assert_eq!(std::fs::read(&path)?, b"case,dice\n");
//! # Ok::<(), std::io::Error>(())
//! ```

mod atomic_file;
mod folder;

pub use atomic_file::{AtomicFile, PART, write_atomic};
pub use folder::{neighbour, replace_folder};
