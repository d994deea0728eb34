//! The gradient of the weights.

use rayon::prelude::*;

use super::tile::Tile;
use crate::conv::kernel::dots::add_dots;
use crate::conv::kernel::lanes::Path;
use crate::conv::kernel::source::{Part, Read, Source};

/// Most parts that the tiles are summed in.
const MOST_PARTS: usize = 64;
/// With fewer parts than this the threads work on each tile together.
const FEW_PARTS: usize = 8;

/// Gradient of the weights `[output, input]` of a 1×1×1 convolution, from its input and its output's gradient
/// `[batch, output, voxels]`. Sums over a tile are in f32, over the tiles in f64.
///
/// # Panics
/// If the lengths do not agree.
pub(in super::super::super) fn pointwise_weight_gradient(
    path: Path,
    x: &Source<'_>,
    gradient: &[f32],
    output: usize,
) -> Vec<f32> {
    let parts = [Part { values: gradient, channels: output, read: Read::Plain }];
    let g = Source::new(x.batch, x.sides, &parts);
    let tiles = Tile::all(x.batch, x.sides);
    let parts = MOST_PARTS.min(tiles.len());
    let sums = if parts < FEW_PARTS {
        sum(path, x, &g, &tiles, true)
    } else {
        let of = |part: usize| &tiles[part * tiles.len() / parts..(part + 1) * tiles.len() / parts];
        let sums: Vec<_> = (0..parts).into_par_iter().map(|part| sum(path, x, &g, of(part), false)).collect();
        let add = |mut total: Vec<f64>, part: Vec<f64>| {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            total
        };
        sums.into_iter().reduce(add).expect("a part")
    };
    sums.into_iter().map(|sum| sum as f32).collect()
}

/// Sums over some tiles `[output, input]`, by one thread or by all `together`.
fn sum(path: Path, x: &Source<'_>, g: &Source<'_>, tiles: &[Tile], together: bool) -> Vec<f64> {
    let (input, output) = (x.channels(), g.channels());
    let mut sums = vec![0.0f64; output * input];
    let (mut x_scratch, mut g_scratch) = (Vec::new(), Vec::new());
    for tile in tiles {
        let (x, g) = (tile.channels(x, &mut x_scratch), tile.channels(g, &mut g_scratch));
        add_dots(path, &x, &g, &mut sums, together);
    }
    sums
}
