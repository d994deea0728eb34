//! The tiles the volume is worked on in: a few whole rows of a plane.

use crate::conv::source::Source;
use crate::isa::{LINE, ahead_of, vectorised};

/// Voxels that a tile should have: those of all its channels stay in the second-level cache.
const VOXELS: usize = 1024;

/// Rows of one plane of one sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile {
    pub sample: usize,
    pub plane: usize,
    pub row: usize,
    pub rows: usize,
}

impl Tile {
    /// All tiles of a batch of volumes, in order.
    pub fn all(batch: usize, [depth, height, width]: [usize; 3]) -> Vec<Self> {
        let rows = (VOXELS / width).clamp(1, height);
        let mut tiles = Vec::new();
        for sample in 0..batch {
            for plane in 0..depth {
                for row in (0..height).step_by(rows) {
                    tiles.push(Self { sample, plane, row, rows: rows.min(height - row) });
                }
            }
        }
        tiles
    }

    /// Its voxels, and the first one's place in the volume.
    pub fn voxels(&self, [_, height, width]: [usize; 3]) -> (usize, usize) {
        (self.rows * width, (self.plane * height + self.row) * width)
    }

    /// The tile's voxels of every channel of `x`; channels that are changed while they are read go to `scratch`.
    pub fn channels<'a>(&self, x: &'a Source<'_>, scratch: &'a mut Vec<f32>) -> Vec<&'a [f32]> {
        let width = x.shape()[2];
        let channels: Vec<_> = (0..x.channels()).map(|c| x.channel(self.sample, c)).collect();
        let in_place = |c: usize| channels[c].in_place(self.plane, self.row, self.rows);
        // The next tile follows in memory.
        (0..channels.len()).filter_map(in_place).flat_map(|x| x.as_chunks::<LINE>().0).for_each(ahead_of);
        let changed: Vec<usize> = (0..channels.len()).filter(|c| in_place(*c).is_none()).collect();
        scratch.resize(changed.len() * self.rows * width, 0.0);
        let mut half = Vec::new();
        for (c, to) in changed.iter().zip(scratch.chunks_exact_mut(self.rows * width)) {
            for (row, to) in to.chunks_exact_mut(width).enumerate() {
                channels[*c].row(self.plane, self.row + row, to, &mut half);
            }
        }
        let mut copies = scratch.chunks_exact(self.rows * width);
        (0..channels.len()).filter_map(|c| in_place(c).or_else(|| copies.next())).collect()
    }

    /// Adds the tile's voxels of a channel of `x` to `to`; `row` is scratch.
    pub fn add(&self, x: &Source<'_>, channel: usize, row: &mut Vec<f32>, to: &mut [f32]) {
        let (width, channel) = (x.shape()[2], x.channel(self.sample, channel));
        row.resize(width, 0.0);
        let mut half = Vec::new();
        for (number, to) in to.chunks_exact_mut(width).enumerate() {
            channel.row(self.plane, self.row + number, row, &mut half);
            add_row(row, to);
        }
    }
}

vectorised! {
    fn add_row(row: &[f32], to: &mut [f32]) {
        for (to, &value) in to.iter_mut().zip(row) {
            *to += value;
        }
    }
}
