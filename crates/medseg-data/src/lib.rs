#![doc = include_str!("../README.md")]

mod cache;
mod cache_fill;
mod cache_stats;
mod case;
mod case_error;
mod channels;
mod check;
mod compact;
mod dataset_warning;
mod discover;
mod disk;
mod error;
mod folder;
mod grouping;
mod identity;
mod json_file;
mod listing;
mod loader;
mod names;
mod offline;
mod pairing;
mod random;
mod split;
mod split_rule;

pub use ndarray;

pub use cache::CachedDataset;
pub use cache_fill::FillProgress;
pub use cache_stats::CacheStats;
pub use case::Case;
pub use case_error::case_reason;
pub use check::{GRID_TOLERANCE_MM, check_case, check_case_within, check_cases};
pub use compact::{CompactImage, CompactLabel, CompactSample};
pub use dataset_warning::DatasetWarning;
pub use discover::{discover, discover_with_warnings};
pub use disk::{CacheItem, CacheKey, DiskCache, ItemReader, ItemWriter};
pub use error::{ChannelFault, DataError};
pub use grouping::Grouping;
pub use identity::{ContentHash, ContentHashes, DataDifference, DataIdentity, SplitPart};
pub use loader::{Loader, LoaderOptions};
pub use offline::{Offline, OfflineCase, OfflineOutcome, OfflinePlan, OfflineReport, OfflineStep};
pub use random::{epoch_order, fnv1a, mix, rng_for};
pub use split::Split;
pub use split_rule::SplitRule;
