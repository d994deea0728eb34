//! The number format of the products.

use super::{amx, words};

/// The number format in which a convolution multiplies; sums are in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Arithmetic {
    /// f32.
    #[default]
    F32,
    /// bf16 (7 bits of mantissa), two channels in a word, by vectors: AVX512-BF16. For Winograd's algorithm.
    Bf16,
    /// bf16, two channels in a word, by tiles: AMX, on Linux. Direct sums, for stride 1 and
    /// one or three taps along the width.
    Bf16Tiles,
}

impl Arithmetic {
    /// The way of this processor to multiply in bf16 that is faster than f32, if it has one: tiles.
    ///
    /// By vectors of bf16 at most twice as many products are made in a time (as many on Intel's processors). In f32 tiles of
    /// four rows make 1.8 times fewer, which lose too much in bf16.
    #[must_use]
    pub fn fastest_bf16() -> Option<Self> {
        Some(Self::Bf16Tiles).filter(|way| way.available())
    }

    /// True if this processor has the instructions.
    #[must_use]
    pub fn available(self) -> bool {
        match self {
            Self::F32 => true,
            Self::Bf16 => words::available(),
            Self::Bf16Tiles => amx::available(),
        }
    }

    /// Rows of `channels` by vectors: one each, or words of two.
    pub(crate) fn rows(self, channels: usize) -> usize {
        match self {
            Self::F32 => channels,
            Self::Bf16 | Self::Bf16Tiles => channels.div_ceil(2),
        }
    }
}
