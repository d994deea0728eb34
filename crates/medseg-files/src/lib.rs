#![doc = include_str!("../README.md")]

mod atomic_file;
mod folder;

pub use atomic_file::{AtomicFile, PART, write_atomic};
pub use folder::{neighbour, replace_folder};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_can_cross_threads() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<AtomicFile>();
    }
}
