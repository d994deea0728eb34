//! The output of a convolution: the channels of one or more tensors.

use super::shared::SharedSlice;

/// The output of a convolution: the channels of its parts, concatenated.
pub struct Sink<'a> {
    parts: Vec<(SharedSlice<'a>, usize)>,
    batch: usize,
    voxels: usize,
}

impl std::fmt::Debug for Sink<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { batch, voxels, .. } = self;
        write!(f, "Sink([{batch}, {}, {voxels}])", self.channels())
    }
}

impl<'a> Sink<'a> {
    /// One tensor `[batch, channels, voxels]`.
    ///
    /// # Panics
    /// If it has another number of values.
    #[must_use]
    pub fn new(values: &'a mut [f32], batch: usize, channels: usize, voxels: usize) -> Self {
        Self::from_parts(batch, voxels, [(values, channels)])
    }

    /// Several tensors `[batch, channels, voxels]`, with their channels.
    ///
    /// # Panics
    /// If a tensor has another number of values.
    #[must_use]
    pub fn from_parts<const N: usize>(batch: usize, voxels: usize, parts: [(&'a mut [f32], usize); N]) -> Self {
        let shared = |(values, channels): (&'a mut [f32], usize)| {
            assert_eq!(values.len(), batch * channels * voxels, "output values");
            (SharedSlice::new(values), channels)
        };
        Self { parts: parts.into_iter().map(shared).collect(), batch, voxels }
    }

    /// Samples.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Channels of all parts.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.parts.iter().map(|(_, channels)| channels).sum()
    }

    /// Voxels of a channel.
    #[must_use]
    pub fn voxels(&self) -> usize {
        self.voxels
    }

    /// The [`voxels`](Self::voxels) values of one channel of one sample, for tasks that write some of them each.
    ///
    /// # Panics
    /// If there is no such channel.
    pub(crate) fn channel(&self, sample: usize, mut channel: usize) -> *mut f32 {
        for (values, channels) in &self.parts {
            if channel < *channels {
                return values.pointer((sample * channels + channel) * self.voxels, self.voxels);
            }
            channel -= channels;
        }
        panic!("no such channel");
    }

    /// `len` values of one channel of one sample, from `at`.
    ///
    /// # Safety
    /// No other task may use any of these values as long as the result lives.
    ///
    /// # Panics
    /// If there is no such channel, or they are not inside it.
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub(crate) unsafe fn part(&self, sample: usize, mut channel: usize, at: usize, len: usize) -> &mut [f32] {
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
