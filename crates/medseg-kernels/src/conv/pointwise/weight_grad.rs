//! The gradient of the weights.

use rayon::prelude::*;

use super::tile::Tile;
use crate::conv::dots::add_dots;
use crate::conv::source::Source;
use crate::isa::Isa;

/// Most parts that the tiles are summed in.
const MOST_PARTS: usize = 64;
/// With fewer parts than this the threads work on each tile together.
const FEW_PARTS: usize = 8;

/// Gradient of the weights `[out_channels, in_channels]` of a 1×1×1 convolution, from its input and its output's gradient
/// `[batch, out_channels, voxels]`. Sums over a tile are in f32, over the tiles in f64.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn pointwise_weight_grad(isa: Isa, x: &Source<'_>, grad: &[f32], out_channels: usize) -> Vec<f32> {
    let g = Source::new(grad, x.batch(), out_channels, x.shape());
    let tiles = Tile::all(x.batch(), x.shape());
    let parts = MOST_PARTS.min(tiles.len());
    let sums = if parts < FEW_PARTS {
        sum(isa, x, &g, &tiles, true)
    } else {
        let of = |part: usize| &tiles[part * tiles.len() / parts..(part + 1) * tiles.len() / parts];
        let sums: Vec<_> = (0..parts).into_par_iter().map(|part| sum(isa, x, &g, of(part), false)).collect();
        let add = |mut total: Vec<f64>, part: Vec<f64>| {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            total
        };
        sums.into_iter().reduce(add).expect("a part")
    };
    sums.into_iter().map(|sum| sum as f32).collect()
}

/// Sums over some tiles `[out_channels, in_channels]`, by one thread or by all `together`.
fn sum(isa: Isa, x: &Source<'_>, g: &Source<'_>, tiles: &[Tile], together: bool) -> Vec<f64> {
    let mut sums = vec![0.0f64; g.channels() * x.channels()];
    let (mut x_scratch, mut g_scratch) = (Vec::new(), Vec::new());
    for tile in tiles {
        let (x, g) = (tile.channels(x, &mut x_scratch), tile.channels(g, &mut g_scratch));
        add_dots(isa, &x, &g, &mut sums, together);
    }
    sums
}
