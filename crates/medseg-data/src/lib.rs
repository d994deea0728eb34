#![doc = include_str!("../README.md")]

mod cache;
mod cache_fill;
mod cache_stats;
mod case;
mod check;
mod compact;
mod discover;
mod disk;
mod error;
mod identity;
mod json_file;
mod loader;
mod offline;
mod random;
mod split;
mod split_rule;

pub use ndarray;

pub use cache::CachedDataset;
pub use cache_fill::FillProgress;
pub use cache_stats::CacheStats;
pub use case::Case;
pub use check::{GRID_TOLERANCE_MM, check_case, check_case_within, check_cases};
pub use compact::{CompactImage, CompactLabel, CompactSample};
pub use discover::discover;
pub use disk::{CacheItem, CacheKey, DiskCache, ItemReader, ItemWriter};
pub use error::DataError;
pub use identity::{ContentHash, ContentHashes, DataDifference, DataIdentity, SplitPart};
pub use loader::{Loader, LoaderOptions};
pub use offline::{Offline, OfflineCase, OfflineOutcome, OfflinePlan, OfflineReport, OfflineStep};
pub use random::{epoch_order, fnv1a, mix, rng_for};
pub use split::Split;
pub use split_rule::SplitRule;
