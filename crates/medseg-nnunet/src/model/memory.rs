//! Memory of a prediction.

use medseg_unet::{NetworkCost, StageCost};

/// Bytes of a grid of f32.
pub(super) fn voxel_bytes(grid: [usize; 3], channels: usize) -> u64 {
    grid.into_iter().fold(4 * channels as u64, |bytes, size| bytes.saturating_mul(size as u64))
}

/// About the bytes of a pass: weights, and what the encoder leaves for the decoder with two maps of the largest stage; a
/// quarter more of the maps, since their memory is divided anew for each size.
pub(super) fn network_bytes(cost: &NetworkCost) -> u64 {
    let map = |stage: &StageCost| stage.output.iter().fold(4, |bytes: u64, size| bytes.saturating_mul(*size as u64));
    let skips = cost.stages.iter().filter(|stage| stage.name.starts_with("encoder.stages")).map(map).sum::<u64>();
    let largest = cost.stages.iter().map(map).max().unwrap_or(0);
    let maps = skips.saturating_add(largest.saturating_mul(2));
    maps.saturating_add(maps / 4).saturating_add(cost.parameters.saturating_mul(4))
}
