//! Tiles of the two kernels that the algorithm knows.

/// A tile of output rows, by the kernel that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tile {
    /// Kernel 3×3×3: two planes of two rows, of 4×4 points.
    Deep,
    /// Kernel 1×3×3: two rows of a plane, of 4 points.
    Flat,
}

impl Tile {
    /// The tile of a kernel, if there is one.
    pub fn of(kernel: [usize; 3]) -> Option<Self> {
        match kernel {
            [3, 3, 3] => Some(Self::Deep),
            [1, 3, 3] => Some(Self::Flat),
            _ => None,
        }
    }

    /// Size of the kernel.
    pub const fn kernel(self) -> [usize; 3] {
        match self {
            Self::Deep => [3, 3, 3],
            Self::Flat => [1, 3, 3],
        }
    }

    /// Weights of a pair of channels.
    pub const fn weights(self) -> usize {
        let [d, h, w] = self.kernel();
        d * h * w
    }

    /// Input channels up to which copies of the receptive fields are faster in f32: so few products do not pay for the
    /// transform of the output. Measured with AVX-512.
    pub const fn few_channels(self) -> usize {
        match self {
            Self::Deep => 3,
            Self::Flat => 8,
        }
    }

    /// Products of rows a tile: 4 along each axis on which rows share products.
    pub const fn points(self) -> usize {
        match self {
            Self::Deep => 16,
            Self::Flat => 4,
        }
    }

    /// Output planes of a tile.
    pub const fn planes(self) -> usize {
        match self {
            Self::Deep => 2,
            Self::Flat => 1,
        }
    }

    /// Input planes that so many tiles along the depth read.
    pub const fn planes_read(self, tiles: usize) -> usize {
        match self {
            Self::Deep => 2 * tiles + 2,
            Self::Flat => tiles,
        }
    }
}
