//! Slices of logits that are still needed.

use std::collections::VecDeque;

use half::f16;
use ndarray::ArrayView3;

use super::resample::{Resampler, Scratch};
use super::{ExportError, ExportGeometry};

/// Takes slices of logits in order and holds those that later slices of the cropped grid need: two at most.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    resampler: Resampler,
    classes: usize,
    network: [usize; 3],
    /// Slices held, and the number of the first.
    held: VecDeque<Vec<f16>>,
    first: usize,
    received: usize,
    /// Next slice of the cropped grid.
    next: usize,
}

impl Stream {
    pub(super) fn new(geometry: &ExportGeometry, classes: usize) -> Self {
        let (resampler, network) = (Resampler::new(geometry), geometry.network);
        Self { resampler, classes, network, held: VecDeque::new(), first: 0, received: 0, next: 0 }
    }

    /// Receives a slice, and calls `emit(stream, z)` for every slice `z` of the cropped grid that can be computed now.
    pub(super) fn push(
        &mut self,
        at: usize,
        logits: ArrayView3<'_, f16>,
        mut emit: impl FnMut(&Self, usize),
    ) -> Result<(), ExportError> {
        let (c, h, w) = logits.dim();
        let (found, expected) = ([c, h, w], [self.classes, self.network[1], self.network[2]]);
        if found != expected {
            return Err(ExportError::Slice { at, found, expected });
        }
        if at != self.received || at >= self.network[0] {
            return Err(ExportError::Order { found: at, expected: self.received });
        }
        self.received += 1;
        if self.needed(at) {
            if self.held.is_empty() {
                self.first = at;
            }
            self.held.push_back(logits.iter().copied().collect());
        }
        while self.resampler.taps[0].high.get(self.next).is_some_and(|high| *high <= at) {
            emit(self, self.next);
            self.next += 1;
        }
        while !self.held.is_empty() && !self.needed(self.first) {
            self.held.pop_front();
            self.first += 1;
        }
        Ok(())
    }

    /// True if a later slice of the cropped grid reads slice `at` or one before it.
    fn needed(&self, at: usize) -> bool {
        self.resampler.taps[0].low.get(self.next).is_some_and(|low| *low <= at)
    }

    /// Row (`z`, `y`) of a channel on the cropped grid.
    pub(super) fn row(&self, class: usize, at: [usize; 2], out: &mut [f32], scratch: &mut Scratch) {
        self.resampler.row(|z| &self.held[z - self.first], class, at, out, scratch);
    }

    /// Checks that all slices came.
    pub(super) fn finish(&self) -> Result<(), ExportError> {
        let (found, expected) = (self.received, self.network[0]);
        if found == expected { Ok(()) } else { Err(ExportError::Incomplete { found, expected }) }
    }
}
