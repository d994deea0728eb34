//! Cases, splits, caches and loaders for 3D segmentation.
//!
//! - [`discover`] finds the cases of a folder, [`check_case`] compares the headers of an image and its label; [`Offline`] makes the experiments' resized and cropped data sets;
//! - [`SplitRule`] splits them into training and validation, [`Split`] keeps the lists as `split.json`;
//! - [`Case::read`] reads one as a [`Sample`](medseg_transforms::Sample); [`CachedDataset`] keeps prepared cases within a byte budget, and, with a
//!   [`DiskCache`], for the next run; [`CompactImage`] and [`CompactLabel`] take half the memory or less, exactly;
//! - [`Loader`] prepares the next items on worker threads, in order; [`rng_for`] gives each (epoch, case) its own
//!   random numbers, so that a run's result does not depend on the number of threads.
//!
//! # Example
//! Make two small phantoms, find them, split them, and load them ahead of their use:
//! ```
//! use medseg_data::{Loader, LoaderOptions, SplitRule, check_cases, discover};
//! use medseg_phantom::PhantomConfig;
//!
//! let folder = std::env::temp_dir().join(format!("medseg-data-doc-{}", std::process::id()));
//! let config = PhantomConfig { cases: 2, scale: 0.25, ..PhantomConfig::default() };
//! config.write(&folder, &mut |done, cases| eprintln!("{done}/{cases}"))?;
//!
//! let cases = discover(&folder)?;
//! check_cases(&cases)?;
//! let split = SplitRule::default().split(&cases)?;
//! assert_eq!((split.train.len(), split.validation.len()), (1, 1));
//!
//! for sample in Loader::new(cases.len(), LoaderOptions::default(), move |index| cases[index].read()) {
//!     assert!(sample?.label.unwrap().iter().any(|value| *value > 0));
//! }
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Conventions
//! Arrays are indexed `[depth, height, width]`, which is NIfTI's (k, j, i); distances are millimetres. Whatever is random
//! takes a seed, and gives the same bits for any number of threads. Files are written under a temporary name and
//! renamed. Nothing that comes from a file, a header or a folder panics: each failure is a [`DataError`] that names the
//! file or the case.

mod atomic_file;
mod cache;
mod cache_fill;
mod cache_stats;
mod case;
mod check;
mod compact;
mod discover;
mod disk;
mod error;
mod loader;
mod offline;
mod random;
mod split;
mod split_rule;

pub use cache::CachedDataset;
pub use cache_fill::FillProgress;
pub use cache_stats::CacheStats;
pub use case::Case;
pub use check::{GRID_TOLERANCE_MM, check_case, check_case_within, check_cases};
pub use compact::{CompactImage, CompactLabel, CompactSample};
pub use discover::discover;
pub use disk::{CacheItem, CacheKey, DiskCache, ItemReader, ItemWriter};
pub use error::DataError;
pub use loader::{Loader, LoaderOptions};
pub use offline::{Offline, OfflineCase, OfflineOutcome, OfflinePlan, OfflineReport, OfflineStep};
pub use random::{epoch_order, fnv1a, mix, rng_for};
pub use split::Split;
pub use split_rule::SplitRule;
