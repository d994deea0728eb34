//! Convolutions of 3×3×3 and 1×3×3 taps and stride 1 with fewer multiplications: Winograd's F(4, 3) and F(2, 3) along depth
//! and height, or along height alone.
//!
//! Four neighbouring outputs of a 3-tap filter cost 12 multiplications; of sums of inputs with sums of weights they cost 6
//! (Winograd 1980; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016). Along two axes a tile
//! of 4×4 output rows needs 36 products of rows where 144 were: 4 times fewer, along one twice. Tiles of 2×2 rows need 16
//! where 36 were, 2.25 times fewer; they have fewer weights to read, which pays where maps are small. The width keeps its
//! three taps, so rows stay rows: every step runs over vectors of consecutive voxels, and nothing is shuffled.
//!
//! With d the four input rows of a tile of two along an axis, w the taps and y the two output rows:
//!
//! ```text
//! inputs   v = [d0 - d2, d1 + d2, d2 - d1, d1 - d3]
//! weights  u = [w0, (w0 + w1 + w2) / 2, (w0 - w1 + w2) / 2, w2]
//! products m = u · v                  (summed over channels and the taps along the width)
//! outputs  y = [m0 + m1 + m2, m1 - m2 - m3]
//! ```
//!
//! Those of a tile of four are in `axis`. By tiles of two, sums of whole numbers below 2^22 stay exact; the rounding error is
//! about that of the direct sum. By tiles of four it is two to three times as large.
//!
//! # Layout of the work
//! A task makes a box of output tiles. Its rows are copied, padded with zeros, so that a tile's rows lie at one offset
//! from each other whatever the tile; seen as one flat array, the transforms and products know nothing of rows, borders
//! or odd shape, and what was computed between the rows is left out when the rows are copied out.

mod axis;
mod correlation;
mod forward;
mod grad_rows;
mod input;
mod output;
mod product;
mod regions;
mod tile;
mod weight_grad;
mod weights;

pub(crate) use forward::winograd;
pub(crate) use tile::Tile;
pub(crate) use weight_grad::winograd_weight_grad;
pub(crate) use weights::{Pass, transformed};

/// Taps along the width.
const TAPS: usize = 3;
/// Output channels computed together.
const BLOCK: usize = 8;
