//! Tiles of output rows that share products.

use crate::isa::WIDEST;

/// A tile of output rows, by the kernel that makes it and the rows along each axis on which they share products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    /// True for the kernel 3×3×3, whose tiles reach over several planes; false for 1×3×3.
    deep: bool,
    /// Output rows along the height, and planes along the depth of a deep tile: 2 or 4.
    size: usize,
}

impl Tile {
    /// Kernel 3×3×3, F(2, 3): two planes of two rows, of 4×4 points.
    pub const DEEP_TWO: Self = Self { deep: true, size: 2 };
    /// Kernel 3×3×3, F(4, 3): four planes of four rows, of 6×6 points.
    pub const DEEP_FOUR: Self = Self { deep: true, size: 4 };
    /// Kernel 1×3×3, F(2, 3): two rows of a plane, of 4 points.
    pub const FLAT_TWO: Self = Self { deep: false, size: 2 };
    /// Kernel 1×3×3, F(4, 3): four rows of a plane, of 6 points.
    pub const FLAT_FOUR: Self = Self { deep: false, size: 4 };

    /// The tiles of a kernel, the smaller one first; none for a kernel that the algorithm does not know.
    pub fn all(kernel: [usize; 3]) -> &'static [Self] {
        match kernel {
            [3, 3, 3] => &[Self::DEEP_TWO, Self::DEEP_FOUR],
            [1, 3, 3] => &[Self::FLAT_TWO, Self::FLAT_FOUR],
            _ => &[],
        }
    }

    /// The fastest tile for outputs of this shape, of one sample, so that a batch does not change the result.
    ///
    /// Counted are the products, and the reading and transforming of the weights, which larger tiles have more of.
    pub fn fastest(kernel: [usize; 3], output: [usize; 3]) -> Option<Self> {
        /// Positions whose products take as long as transforming a weight and reading it; measured with AVX-512.
        const OF_WEIGHTS: usize = 192;
        let cost = |tile: &&Self| tile.points() * (tile.positions(output) + OF_WEIGHTS);
        Self::all(kernel).iter().min_by_key(cost).copied()
    }

    /// Positions of all tiles of outputs of this shape, in whole vectors of the widest kind.
    fn positions(self, [depth, height, width]: [usize; 3]) -> usize {
        let rows = depth.div_ceil(self.planes()) * height.div_ceil(self.rows());
        (rows * width.next_multiple_of(WIDEST)).min((rows * (width + 1)).next_multiple_of(WIDEST))
    }

    /// True if the tile reaches over several planes.
    pub const fn deep(self) -> bool {
        self.deep
    }

    /// Output rows along the height: 2 or 4.
    pub const fn rows(self) -> usize {
        self.size
    }

    /// Output planes along the depth: 1, 2 or 4.
    pub const fn planes(self) -> usize {
        if self.deep { self.size } else { 1 }
    }

    /// Size of the kernel.
    pub const fn kernel(self) -> [usize; 3] {
        [if self.deep { 3 } else { 1 }, 3, 3]
    }

    /// Weights of a pair of channels.
    pub const fn weights(self) -> usize {
        let [d, h, w] = self.kernel();
        d * h * w
    }

    /// Products of rows a tile: two more than outputs along each axis on which rows share products.
    pub const fn points(self) -> usize {
        let along = self.size + 2;
        if self.deep { along * along } else { along }
    }

    /// Input planes that so many tiles along the depth read.
    pub const fn planes_read(self, tiles: usize) -> usize {
        if self.deep { self.size * tiles + 2 } else { tiles }
    }

    /// Input rows of a plane that so many tiles along the height read.
    pub const fn rows_read(self, tiles: usize) -> usize {
        self.size * tiles + 2
    }

    /// Positions of a region from which its weights are read for enough vectors. Those of small maps, which tiles of two
    /// rows are for, take longer to read.
    pub const fn enough(self) -> usize {
        if self.size == 2 { 144 } else { 64 }
    }

    /// Input channels up to which copies of the receptive fields are faster in f32: so few products do not pay for the
    /// transform of the output. Measured with AVX-512.
    pub const fn few_channels(self) -> usize {
        if self.deep { 3 } else { 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_tiles_are_for_large_maps() {
        for (size, tile) in [(4, Tile::DEEP_TWO), (8, Tile::DEEP_TWO), (16, Tile::DEEP_FOUR), (128, Tile::DEEP_FOUR)] {
            assert_eq!(Tile::fastest([3; 3], [size; 3]), Some(tile), "{size}");
        }
        assert_eq!(Tile::fastest([1, 3, 3], [20, 160, 128]), Some(Tile::FLAT_FOUR));
        assert_eq!(Tile::fastest([1, 3, 3], [1, 4, 5]), Some(Tile::FLAT_TWO));
        assert_eq!(Tile::fastest([5; 3], [20; 3]), None);
    }
}
