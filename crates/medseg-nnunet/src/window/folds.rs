//! Average over the networks of several folds.

use half::f16;
use ndarray::{Array3, ArrayView3, Zip};

use super::WindowError;
use super::sink::{BoxError, LogitsSink};

/// The sum over folds. One fold passes through; several need the logits of the whole image.
pub(super) struct FoldSum<'a, S: ?Sized> {
    folds: usize,
    fold: usize,
    sums: Vec<Array3<f16>>,
    sink: &'a mut S,
}

impl<'a, S: LogitsSink + ?Sized> FoldSum<'a, S> {
    pub(super) fn new(folds: usize, sink: &'a mut S) -> Self {
        Self { folds, fold: 0, sums: Vec::new(), sink }
    }

    /// Begins with a fold.
    pub(super) fn begin(&mut self, fold: usize) {
        self.fold = fold;
    }

    /// Receives a slice of the current fold's logits. The last fold hands the average to the sink.
    pub(super) fn slice(&mut self, at: usize, logits: Array3<f16>) -> Result<(), WindowError> {
        let failed = |source: BoxError| WindowError::Sink { slice: at, source };
        if self.folds == 1 {
            return self.sink.slice(at, logits.view()).map_err(failed);
        }
        if self.fold == 0 {
            self.sums.push(logits);
            return Ok(());
        }
        let sum = self.sums.get_mut(at).ok_or_else(|| failed("a slice that the first fold lacks".into()))?;
        let mut finite = add(sum, logits.view());
        if self.fold + 1 < self.folds {
            return if finite { Ok(()) } else { Err(self.not_finite(at)) };
        }
        let mut mean = std::mem::take(sum);
        let folds = self.folds as f32;
        mean.par_mapv_inplace(|value| f16::from_f32(value.to_f32() / folds));
        finite &= mean.iter().all(|value| value.is_finite());
        if !finite {
            return Err(self.not_finite(at));
        }
        self.sink.slice(at, mean.view()).map_err(failed)
    }

    fn not_finite(&self, slice: usize) -> WindowError {
        WindowError::NotFiniteSlice { fold: self.fold, slice }
    }
}

/// Adds in f16; returns true if all sums are finite.
fn add(sum: &mut Array3<f16>, logits: ArrayView3<'_, f16>) -> bool {
    Zip::from(&mut *sum).and(logits).par_for_each(|sum, value| *sum = f16::from_f32(sum.to_f32() + value.to_f32()));
    sum.iter().all(|value| value.is_finite())
}
