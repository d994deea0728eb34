//! Where a convolution writes its output: the channels of one or two tensors.

use super::shared::SharedSlice;

/// The output of a convolution: the channels of its parts one after the other.
pub(in super::super) struct Sink<'a> {
    parts: Vec<(SharedSlice<'a>, usize)>,
    voxels: usize,
}

impl<'a> Sink<'a> {
    /// From tensors `[batch, channels, voxels]` and their channels.
    ///
    /// # Panics
    /// If a tensor has another number of values.
    pub fn new<const N: usize>(batch: usize, voxels: usize, parts: [(&'a mut [f32], usize); N]) -> Self {
        let shared = |(values, channels): (&'a mut [f32], usize)| {
            assert_eq!(values.len(), batch * channels * voxels, "output values");
            (SharedSlice::new(values), channels)
        };
        Self { parts: parts.into_iter().map(shared).collect(), voxels }
    }

    /// Channels of all parts.
    pub fn channels(&self) -> usize {
        self.parts.iter().map(|(_, channels)| channels).sum()
    }

    /// `len` values of one channel of one sample, from `at`.
    ///
    /// # Safety
    /// No other task may use any of these values as long as the result lives.
    ///
    /// # Panics
    /// If there is no such channel, or they are not inside it.
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub unsafe fn part(&self, sample: usize, mut channel: usize, at: usize, len: usize) -> &mut [f32] {
        assert!(at <= self.voxels && len <= self.voxels - at, "outside the channel");
        for (values, channels) in &self.parts {
            if channel < *channels {
                let start = (sample * channels + channel) * self.voxels + at;
                // SAFETY: the caller's promise.
                return unsafe { values.part(start, len) };
            }
            channel -= channels;
        }
        panic!("no such channel");
    }
}
