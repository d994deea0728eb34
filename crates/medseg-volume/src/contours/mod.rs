//! Closed polygons around the pixels of a plane, and the pixels within polygons.
//!
//! ```
//! use medseg_volume::contours::{Holes, PathRule, fill_polygons, trace_contours};
//! use medseg_volume::ndarray::array;
//!
//! let plane = array![[1, 1, 1], [1, 0, 1], [1, 1, 1]];
//! let polygons = trace_contours(&plane.view(), &1, Holes::Keyhole);
//! assert_eq!(polygons.len(), 1); // the hole is part of the outline
//! assert_eq!(fill_polygons(&polygons, [3, 3], PathRule::Inside), plane.mapv(|label| label == 1));
//! ```
//!
//! # Coordinates
//! The centre of pixel `[row, column]` lies at exactly this `row` and `column`, so a pixel's faces lie at halves.
//!
//! # Outlines
//! An outline runs inside the boundary pixels, [`INSET`] pixels from their outer faces. Pixels that share a face have one
//! outline; pixels that touch at a corner have two. Outlines do not cross or touch, and have a vertex only where they turn
//! or a channel begins. Seen with columns to the right and rows downwards, they run clockwise.
//!
//! No outline comes nearer than 0.375 pixels to the centre of a pixel. So rounded coordinates enclose the same centres,
//! and so does a reader that takes each vertex to the nearest pixel and counts the boundary as inside, as rt-utils does.
//! The channel of a keyhole runs to and fro on one line through pixels of the mask, 0.25 pixels from their centres. The
//! enclosed area is smaller than the pixels' by a strip of [`INSET`] pixels.
//!
//! # Pixels within polygons
//! A pixel is inside if the polygons together go round its centre an odd number of times (even-odd rule, exclusive or of
//! all polygons). [`PathRule`] says to which side a centre belongs that lies on a polygon's path. Filling the outlines of
//! a mask gives this mask under both rules, pixel for pixel.

mod fill;
mod polygon;
mod trace;

pub use fill::{ON_PATH, PathRule, fill_polygons};
pub use polygon::{PlanePoint, Polygon};
pub use trace::{Holes, INSET, trace_contours};

#[cfg(feature = "dicom")]
pub(crate) use fill::PlaneFill;
