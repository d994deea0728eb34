//! The order in which tiles meet the taps and channels of a kernel.

use super::tiles::SIDE;

/// The products that make up an output, a tile of inputs at a time: planes of the kernel, then chunks of words.
///
/// The words of the kernel's rows in one plane lie one after the other, `[row][word]`. The last chunk reaches back to be
/// whole, so that nothing outside of the kernel's reach is ever multiplied; its weights of words that had their turn are 0.
/// The taps along the width share a tile of inputs: each has sums of its own, which are added where they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    kernel: [usize; 3],
    /// Words of a voxel.
    words: usize,
}

impl Steps {
    /// The steps of a kernel that reads so many channels.
    pub fn new(kernel: [usize; 3], channels: usize) -> Self {
        Self { kernel, words: channels.div_ceil(2) }
    }

    /// Size of the kernel.
    pub fn kernel(&self) -> [usize; 3] {
        self.kernel
    }

    /// Words of a voxel.
    pub fn words(&self) -> usize {
        self.words
    }

    /// Words in the kernel's reach along the height.
    fn rows(&self) -> usize {
        self.kernel[1] * self.words
    }

    /// Words of a tile.
    pub fn in_tile(&self) -> usize {
        self.rows().min(SIDE)
    }

    fn chunks(&self) -> usize {
        self.rows().div_ceil(SIDE)
    }

    /// The first word of a chunk.
    fn first(&self, chunk: usize) -> usize {
        (chunk * SIDE).min(self.rows() - self.in_tile())
    }

    /// Number of steps.
    pub fn count(&self) -> usize {
        self.kernel[0] * self.chunks()
    }

    /// Step and word in the tile that meet a word of a tap along depth and height.
    pub fn place(&self, [z, y]: [usize; 2], word: usize) -> (usize, usize) {
        let row = y * self.words + word;
        let chunk = row / SIDE;
        (z * self.chunks() + chunk, row - self.first(chunk))
    }

    /// The place of each step's tile of inputs, from that of the first: `planes` are those of the kernel's planes, `stride`
    /// lies between rows of positions.
    pub fn offsets(&self, planes: &[usize], stride: usize) -> Vec<usize> {
        assert_eq!(planes.len(), self.kernel[0], "planes of the kernel");
        let of_plane = |plane| (0..self.chunks()).map(move |chunk| plane + self.first(chunk) * stride);
        planes.iter().flat_map(of_plane).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_every_tap_is_met_once_where_it_lies() {
        let kernels = [[3, 3, 3], [1, 3, 3], [1, 1, 1], [3, 1, 1], [2, 4, 1]];
        for (kernel, channels) in kernels.into_iter().flat_map(|kernel| (1..70).map(move |c| (kernel, c))) {
            let steps = Steps::new(kernel, channels);
            let (stride, planes) = (1000, [7_000_000, 0, 3_000_000]);
            let offsets = steps.offsets(&planes[..kernel[0]], stride);
            assert_eq!(offsets.len(), steps.count());
            let mut met = vec![[false; SIDE]; steps.count()];
            for tap in 0..kernel[0] * kernel[1] {
                let [z, y] = [tap / kernel[1], tap % kernel[1]];
                for word in 0..steps.words() {
                    let (step, row) = steps.place([z, y], word);
                    assert!(row < steps.in_tile() && !std::mem::replace(&mut met[step][row], true));
                    assert_eq!(offsets[step] + row * stride, planes[z] + (y * steps.words() + word) * stride);
                }
            }
        }
    }
}
