//! Division of the output into regions of tiles.

use crate::isa::WIDEST;

use super::Tile;

/// Transformed values of a region that should stay in the second-level cache.
const CACHED: usize = 1 << 17;
/// Flat positions below which a region takes in more rows and planes, so that whole vectors are mostly filled.
const ENOUGH: usize = 144;
/// Values after the last row that are read with weights other than zero: two by its last taps; and one more with a
/// gradient of zero, where an odd number of positions is out_channels even.
pub(crate) const TAIL: usize = 3;
/// Values after the last flat position that a whole vector at the last tap may touch.
const SLACK: usize = WIDEST + TAIL;

/// The shape of a convolution and the regions its output is cut into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub tile: Tile,
    /// Shape of the input.
    pub input: [usize; 3],
    pub padding: [usize; 3],
    /// Shape of the output.
    pub output: [usize; 3],
    /// Tiles of a whole region along depth and height.
    pub tiles: [usize; 2],
}

/// A box of tiles of one sample; their rows have the whole width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub sample: usize,
    /// First output plane and row.
    pub first: [usize; 2],
    /// Tiles along depth and height.
    pub tiles: [usize; 2],
}

impl Cut {
    /// Cuts for `channels` transformed channels that are held together.
    ///
    /// # Panics
    /// If the kernel is larger than the padded input or lies wholly in the padding.
    pub fn new(tile: Tile, input: [usize; 3], padding: [usize; 3], channels: usize) -> Self {
        let kernel = tile.kernel();
        let reached = (0..3).all(|a| padding[a] < kernel[a]);
        assert!(reached, "a padding of {padding:?} voxels is more than a kernel of {kernel:?} reaches");
        let padded: [usize; 3] = std::array::from_fn(|a| input[a] + 2 * padding[a]);
        assert!((0..3).all(|a| padded[a] >= kernel[a]), "a kernel of {kernel:?} does not fit into {padded:?} voxels");
        let output = std::array::from_fn(|a| padded[a] + 1 - kernel[a]);
        let [depth, height] = [output[0].div_ceil(tile.planes()), output[1].div_ceil(2)];
        let stride = input[2] + padding[2];
        let fitting = CACHED / (tile.points() * channels * stride);
        let rows = fitting.max(ENOUGH.div_ceil(stride)).clamp(1, height);
        let planes = (ENOUGH / (rows * stride)).clamp(1, depth);
        Self { tile, input, padding, output, tiles: [planes, rows] }
    }

    /// Values from one row to the next in the flat arrays: the zeros that pad a row on the left pad the one before on the
    /// right.
    pub fn stride(&self) -> usize {
        self.input[2] + self.padding[2]
    }

    /// Flat positions of a region: rows of tiles, one after the other.
    pub fn rows(&self, of: &Region) -> usize {
        of.tiles[0] * of.tiles[1] * self.stride()
    }

    /// Flat positions of a region from the first voxel to the last one, with what lies between the rows.
    pub fn flat(&self, of: &Region) -> usize {
        self.rows(of) - (self.stride() - self.output[2])
    }

    /// Values of one point of one channel of a whole region; an odd number of the widest vectors, so that a power of two
    /// does not put all channels into the same cache lines.
    pub fn flat_stride(&self) -> usize {
        let vectors = (self.tiles[0] * self.tiles[1] * self.stride() + SLACK).div_ceil(WIDEST);
        (vectors | 1) * WIDEST
    }

    /// Values of all points of one channel of a whole region.
    pub fn channel_len(&self) -> usize {
        self.tile.points() * self.flat_stride()
    }

    /// All regions of `batch` samples.
    pub fn regions(&self, batch: usize) -> Vec<Region> {
        let mut regions = Vec::new();
        let planes = self.tile.planes();
        let [depth, height] = [self.output[0].div_ceil(planes), self.output[1].div_ceil(2)];
        for sample in 0..batch {
            for z in (0..depth).step_by(self.tiles[0]) {
                for y in (0..height).step_by(self.tiles[1]) {
                    let tiles = [self.tiles[0].min(depth - z), self.tiles[1].min(height - y)];
                    regions.push(Region { sample, first: [planes * z, 2 * y], tiles });
                }
            }
        }
        regions
    }
}
