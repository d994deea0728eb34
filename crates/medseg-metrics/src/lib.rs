//! Scores for 3D segmentations: voxel overlap, surface distances in millimetres, volumes, and statistics over cases.
//!
//! The crate knows arrays only, no files and no tensors. A whole row of a results table is one call:
//!
//! ```
//! use medseg_metrics::{CaseMetrics, Spacing, Summary, bootstrap_ci95};
//! use ndarray::{Array3, s};
//!
//! let mut reference = Array3::<u8>::zeros((10, 20, 20));
//! reference.slice_mut(s![3..7, 5..15, 5..15]).fill(1);
//! let mut predicted = reference.clone();
//! predicted.slice_mut(s![3..7, 5..15, 14..15]).fill(0);
//!
//! let case = CaseMetrics::evaluate(predicted.view(), reference.view(), Spacing([2.5, 0.8, 0.8]), 1.0)?;
//! assert!((case.dice - 2.0 * 360.0 / 760.0).abs() < 1e-12);
//! assert!((case.hd95_mm - 0.8).abs() < 1e-12);
//!
//! let all_cases = [case.dice, 0.91, 0.93];
//! let summary = Summary::of(&all_cases);
//! let interval = bootstrap_ci95(&all_cases, 2000, 1);
//! assert!(interval.is_some_and(|(low, high)| low <= summary.mean && summary.mean <= high));
//! # Ok::<(), medseg_metrics::MetricsError>(())
//! ```
//!
//! # What there is
//! - [`confusion`]: the four counts of a binary mask, and from them [`Confusion::dice`], [`Confusion::iou`], precision,
//!   recall, specificity and volumes; [`confusion_of_class`] for one class of a label map.
//! - [`SurfaceDistances`]: Hausdorff distance and its percentiles (HD95), average surface distance, surface Dice.
//! - [`distance_transform`]: the exact Euclidean distance transform with anisotropic voxels; [`mask_surface`].
//! - [`ClassDice`] and [`reduce`]: Dice per class of channel arrays and the ways to average it.
//! - [`CaseMetrics`], [`Summary`], [`bootstrap_ci95`]: rows, columns and confidence intervals of a results table.
//!
//! # Conventions
//! - Masks are `u8` arrays `[depth, height, width]`; every value but 0 is foreground. With channels:
//!   `[channel, depth, height, width]`.
//! - [`Spacing`] is in millimetres along the same axes; distances are in millimetres between voxel centres.
//! - The surface of a mask is its border voxels, see [`mask_surface`]; this is MONAI's definition, and so are the
//!   percentile (per direction, linear interpolation, then the larger) and the mean distance.
//! - A score that does not exist is NaN. [`EmptyPolicy`] says when that is; [`Summary`] leaves NaN out and counts it.
//! - Definitions and defaults agree with MONAI's `compute_dice`, `compute_iou`, `compute_hausdorff_distance`,
//!   `compute_average_surface_distance` and `compute_surface_dice`; deviations are noted where they occur.
//!
//! # Time and memory
//! Everything is linear in the number of voxels. Surface distances work on the box that holds both masks and need
//! about 8 bytes for each of its voxels. Work is spread over rayon's threads, and results are the same bit for bit
//! whatever their number.

mod bootstrap;
mod byte_sums;
mod case;
mod chamfer;
mod class_dice;
mod components;
mod confusion;
mod distance_transform;
mod empty;
mod error;
mod lesions;
mod lower_envelope;
mod mask_pair;
mod nan_as_null;
mod paired;
mod quantile;
mod reduction;
mod spacing;
mod summary;
mod surface;
mod surface_distances;
mod table;

pub use bootstrap::bootstrap_ci95;
pub use case::CaseMetrics;
pub use class_dice::ClassDice;
pub use confusion::{Confusion, confusion, confusion_of_class};
pub use distance_transform::distance_transform;
pub use empty::EmptyPolicy;
pub use error::MetricsError;
pub use lesions::{LesionDetection, lesion_detection, lesion_detection_of_class};
pub use paired::PairedDifference;
pub use reduction::{Reduced, Reduction, reduce};
pub use spacing::Spacing;
pub use summary::{Summary, mean_ignoring_nan, median_ignoring_nan, std_ignoring_nan};
pub use surface::mask_surface;
pub use surface_distances::{DistanceMetric, SurfaceDistances};
pub use table::{Row, ScoreSummary, ScoreTable};
