//! The output of a convolution: the channels of one or more tensors.

use std::sync::atomic::{AtomicU64, Ordering};

use super::shared::SharedSlice;
use crate::memory::stream;
use crate::norm::row_sums;

/// Values of a tensor that no cache holds until it is read again.
const UNCACHED: usize = 4 << 20;

/// The output of a convolution: the channels of its parts, concatenated.
pub struct Sink<'a> {
    parts: Vec<(SharedSlice<'a>, usize)>,
    batch: usize,
    voxels: usize,
    /// True if the output is too large to stay in a cache.
    streamed: bool,
    sums: Option<Sums>,
}

/// The sums of the values and of their squares over every row of voxels, while they are written.
struct Sums {
    width: usize,
    /// The bits of both sums of each row; NaN before it is written.
    rows: Vec<[AtomicU64; 2]>,
}

impl Sums {
    fn new(rows: usize, width: usize) -> Self {
        let missing = || AtomicU64::new(f64::NAN.to_bits());
        Self { width, rows: std::iter::repeat_with(|| [missing(), missing()]).take(rows).collect() }
    }

    /// Notes the sums of whole rows from value `first` on.
    fn note(&self, first: usize, values: &[f32]) {
        debug_assert!(first.is_multiple_of(self.width) && values.len().is_multiple_of(self.width));
        for (cells, row) in self.rows[first / self.width..].iter().zip(values.chunks_exact(self.width)) {
            for (cell, sum) in cells.iter().zip(row_sums(row)) {
                // Each row is written once, and read when all threads are done.
                cell.store(sum.to_bits(), Ordering::Relaxed);
            }
        }
    }

    /// The sums of one channel, row after row.
    fn total(rows: &[[AtomicU64; 2]]) -> [f64; 2] {
        rows.iter().fold([0.0; 2], |total, cells| {
            std::array::from_fn(|of| total[of] + f64::from_bits(cells[of].load(Ordering::Relaxed)))
        })
    }
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
        let parts: Vec<_> = parts.into_iter().map(shared).collect();
        let channels: usize = parts.iter().map(|(_, channels)| channels).sum();
        Self { parts, batch, voxels, streamed: batch * channels * voxels >= UNCACHED, sums: None }
    }

    /// Adds up every channel while it is written: see [`sums`](Self::sums). `width` is the length of a row of voxels.
    ///
    /// # Panics
    /// If a channel is not made of whole rows.
    #[must_use]
    pub fn with_sums(self, width: usize) -> Self {
        assert!(width > 0 && self.voxels.is_multiple_of(width), "rows of {width} of {} voxels", self.voxels);
        let rows = self.batch * self.channels() * (self.voxels / width);
        Self { sums: Some(Sums::new(rows, width)), ..self }
    }

    /// The sum of the values and that of their squares, of every channel of every sample in turn; what an
    /// [`InstanceNorm3d`](crate::InstanceNorm3d) needs of it. The order of the sums depends on the shape alone.
    ///
    /// Nothing if [`with_sums`](Self::with_sums) did not ask for them, or the algorithm does not write whole rows; of a
    /// channel that is not finite they are not either.
    #[must_use]
    pub fn sums(&self) -> Option<Vec<[f64; 2]>> {
        let Sums { width, rows } = self.sums.as_ref()?;
        let of_channel = self.voxels / width;
        let sums: Vec<_> = rows.chunks_exact(of_channel.max(1)).map(Sums::total).collect();
        (!rows.iter().flatten().any(|cell| cell.load(Ordering::Relaxed) == f64::NAN.to_bits())).then_some(sums)
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

    /// Writes rows of one channel of one sample, from voxel `at` on. [`finish`](Self::finish) must follow.
    ///
    /// # Safety
    /// As [`part`](Self::part).
    ///
    /// # Panics
    /// If there is no such channel, or they are not inside it.
    pub(crate) unsafe fn write(&self, sample: usize, channel: usize, at: usize, values: &[f32]) {
        // SAFETY: the caller's promise.
        let to = unsafe { self.part(sample, channel, at, values.len()) };
        if self.streamed {
            stream::copy(values, to);
        } else {
            to.copy_from_slice(values);
        }
        if let Some(sums) = &self.sums {
            sums.note((sample * self.channels() + channel) * self.voxels + at, values);
        }
    }

    /// Adds up rows that were written without [`write`](Self::write), if sums were asked for.
    ///
    /// # Safety
    /// As [`part`](Self::part).
    pub(crate) unsafe fn add_up(&self, sample: usize, channel: usize, at: usize, len: usize) {
        if let Some(sums) = &self.sums {
            // SAFETY: the caller's promise.
            let values = unsafe { self.part(sample, channel, at, len) };
            sums.note((sample * self.channels() + channel) * self.voxels + at, values);
        }
    }

    /// Makes what this thread wrote visible to others.
    pub(crate) fn finish(&self) {
        if self.streamed {
            stream::finish();
        }
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
