//! Division of the output into regions of tiles.

use crate::isa::WIDEST;

use super::Tile;

/// Transformed values of a region that should stay in the second-level cache.
const CACHED: usize = 1 << 17;
/// Values after the last row that are read with weights other than zero: two by its last taps; and one more with a
/// gradient of zero, where an odd number of positions is made even.
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

/// The vectors of positions that cover the rows of a region's outputs: those of each row, or of all rows as one where that
/// takes fewer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vectors {
    /// Values of a vector.
    lanes: usize,
    /// Vectors of a run of positions.
    in_row: usize,
    /// Positions from one run to the next.
    from_row: usize,
    /// Runs.
    rows: usize,
    /// Sums from one row of outputs to the next, in the order of the vectors.
    pub stride: usize,
}

impl Vectors {
    /// Number of them.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.rows * self.in_row
    }

    /// The first position of a vector.
    #[inline(always)]
    pub fn position(&self, vector: usize) -> usize {
        vector / self.in_row * self.from_row + vector % self.in_row * self.lanes
    }

    /// Sums of all vectors.
    pub fn len(&self) -> usize {
        self.count() * self.lanes
    }
}

impl Cut {
    /// Cuts for `channels` transformed channels that are held together. A region takes in more rows and planes until it has
    /// `enough` positions.
    ///
    /// # Panics
    /// If the kernel is larger than the padded input or lies wholly in the padding.
    pub fn new(tile: Tile, input: [usize; 3], padding: [usize; 3], channels: usize, enough: usize) -> Self {
        let kernel = tile.kernel();
        let reached = (0..3).all(|a| padding[a] < kernel[a]);
        assert!(reached, "a padding of {padding:?} voxels is more than a kernel of {kernel:?} reaches");
        let padded: [usize; 3] = std::array::from_fn(|a| input[a] + 2 * padding[a]);
        assert!((0..3).all(|a| padded[a] >= kernel[a]), "a kernel of {kernel:?} does not fit into {padded:?} voxels");
        let output = std::array::from_fn(|a| padded[a] + 1 - kernel[a]);
        let [depth, height] = [output[0].div_ceil(tile.planes()), output[1].div_ceil(tile.rows())];
        let stride = input[2] + padding[2];
        let fitting = CACHED / (tile.points() * channels * stride);
        let rows = fitting.max(enough.div_ceil(stride)).clamp(1, height);
        let planes = (enough / (rows * stride)).clamp(1, depth);
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

    /// Values of one point of one channel of a whole region, in whole vectors.
    pub fn row_len(&self) -> usize {
        let row = self.tiles[1] * self.stride();
        (self.tiles[0] - 1) * row + (row + TAIL).next_multiple_of(WIDEST)
    }

    /// Values from one point of `rows` transformed channels to the next; not a multiple of a page, so that the points of
    /// a channel lie in different cache lines.
    pub fn point_len(&self, rows: usize) -> usize {
        /// Values of half a page.
        const HALF_PAGE: usize = 512;
        let len = rows * self.row_len();
        if len.is_multiple_of(HALF_PAGE) { len + WIDEST } else { len }
    }

    /// Values of all points of `rows` transformed channels of a whole region, and those that a vector reads after them.
    pub fn len(&self, rows: usize) -> usize {
        self.tile.points() * self.point_len(rows) + SLACK
    }

    /// The vectors of `lanes` values that cover the outputs of a region.
    pub fn vectors(&self, of: &Region, lanes: usize) -> Vectors {
        let rows = of.tiles[0] * of.tiles[1];
        let (in_row, flat) = (self.output[2].div_ceil(lanes), self.flat_vectors(of, lanes));
        if rows * in_row <= flat.count() {
            Vectors { lanes, in_row, from_row: self.stride(), rows, stride: in_row * lanes }
        } else {
            flat
        }
    }

    /// The vectors that cover all rows of a region as one.
    pub fn flat_vectors(&self, of: &Region, lanes: usize) -> Vectors {
        Vectors { lanes, in_row: self.flat(of).div_ceil(lanes), from_row: 0, rows: 1, stride: self.stride() }
    }

    /// Sums of a whole region, whatever the vectors that cover it.
    pub fn sums_len(&self) -> usize {
        (self.tiles[0] * self.tiles[1] * self.stride()).next_multiple_of(WIDEST) + WIDEST
    }

    /// All regions of `batch` samples.
    pub fn regions(&self, batch: usize) -> Vec<Region> {
        let mut regions = Vec::new();
        let (planes, rows) = (self.tile.planes(), self.tile.rows());
        let [depth, height] = [self.output[0].div_ceil(planes), self.output[1].div_ceil(rows)];
        for sample in 0..batch {
            for z in (0..depth).step_by(self.tiles[0]) {
                for y in (0..height).step_by(self.tiles[1]) {
                    let tiles = [self.tiles[0].min(depth - z), self.tiles[1].min(height - y)];
                    regions.push(Region { sample, first: [planes * z, rows * y], tiles });
                }
            }
        }
        regions
    }
}
