//! Values around an image that is smaller than the window.

use serde::{Deserialize, Serialize};

/// Values of the voxels added around an image that is smaller than the window, as in `torch.nn.functional.pad`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Padding {
    /// One value everywhere; 0 is the lower end of a windowed CT.
    Constant(f32),
    /// The image mirrored at its outermost voxels, which are not repeated: `c b | a b c | b a`. Padding must be
    /// narrower than the image.
    Reflect,
    /// The outermost voxels repeated: `a a | a b c | c c`.
    Replicate,
    /// The image repeated: `b c | a b c | a b`.
    Circular,
}

impl Default for Padding {
    fn default() -> Self {
        Self::Constant(0.0)
    }
}

impl Padding {
    /// For every voxel of a padded axis (`low` voxels before an image of `size`), the image's voxel it copies; `None` is
    /// the constant.
    pub(crate) fn sources(self, size: usize, low: usize, padded: usize) -> Vec<Option<usize>> {
        (0..padded)
            .map(|position| match position.checked_sub(low) {
                Some(inside) if inside < size => Some(inside),
                _ => self.outside(position, size, low),
            })
            .collect()
    }

    fn outside(self, position: usize, size: usize, low: usize) -> Option<usize> {
        let before = position < low;
        match self {
            Self::Constant(_) => None,
            Self::Replicate => Some(if before { 0 } else { size - 1 }),
            Self::Reflect if before => Some(low - position),
            Self::Reflect => Some(2 * (size - 1) - (position - low)),
            // `low` rounded up to whole images keeps the difference from going below 0.
            Self::Circular => Some((position + low.div_ceil(size) * size - low) % size),
        }
    }

    /// The constant, 0 for the other modes.
    pub(crate) fn value(self) -> f32 {
        match self {
            Self::Constant(value) => value,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Padding;

    fn spelled(padding: Padding, low: usize, high: usize) -> String {
        let image = ['a', 'b', 'c'];
        padding.sources(3, low, 3 + low + high).into_iter().map(|source| source.map_or('.', |i| image[i])).collect()
    }

    #[test]
    fn modes_follow_torch() {
        assert_eq!(spelled(Padding::Constant(1.0), 2, 1), "..abc.");
        assert_eq!(spelled(Padding::Reflect, 2, 2), "cbabcba");
        assert_eq!(spelled(Padding::Replicate, 2, 3), "aaabcccc");
        assert_eq!(spelled(Padding::Circular, 2, 3), "bcabcabc");
        assert_eq!(spelled(Padding::Circular, 4, 0), "cabcabc");
    }
}
