#![doc = include_str!("../README.md")]

mod atomic_file;
mod file_digest;
mod folder;
mod folder_lock;
mod plain_name;
mod unfinished;

pub use atomic_file::{AtomicFile, PART, UNFINISHED, write_atomic};
pub use file_digest::{DigestError, FileDigest};
pub use folder::{neighbour, replace_folder, write_folder};
pub use folder_lock::{FolderLock, LOCK_FILE, LockError};
pub use plain_name::plain_name;
pub use unfinished::{NothingUnfinished, remove_unfinished};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_can_cross_threads() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<AtomicFile>();
        assert_send_sync::<FolderLock>();
    }
}
