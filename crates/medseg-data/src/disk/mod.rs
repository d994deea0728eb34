//! Prepared cases on the disk.

mod cache;
mod entry;
mod key;

pub use cache::DiskCache;
pub use entry::{CacheItem, ItemReader, ItemWriter};
pub use key::CacheKey;

pub(crate) use cache::Found;
