//! Progress reports and cancellation.

use std::ops::ControlFlow;

use crate::error::InferenceError;

/// A listener that hears after every batch how many windows are done, and may stop the inference.
///
/// Closures of `(done, total)` implement it. One that returns nothing only watches; one that returns a [`ControlFlow`] can stop
/// the run, which then ends with [`InferenceError::Cancelled`](crate::InferenceError::Cancelled).
///
/// ```
/// use std::ops::ControlFlow;
/// use medseg_inference::{NoProgress, Progress};
///
/// fn takes(_: &mut impl Progress) {}
///
/// takes(&mut |done: usize, total: usize| eprintln!("{done} of {total}"));
/// takes(&mut |done: usize, _total: usize| if done > 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
/// takes(&mut NoProgress);
/// ```
pub trait Progress {
    /// `done` of `total` windows are predicted. The first call comes before the first window, with `done = 0`.
    fn report(&mut self, done: usize, total: usize) -> ControlFlow<()>;
}

/// A closure's return value that makes it a [`Progress`]: nothing, or a [`ControlFlow`].
pub trait IntoControlFlow {
    /// `Continue` to go on, `Break` to stop.
    fn into_control_flow(self) -> ControlFlow<()>;
}

impl IntoControlFlow for () {
    fn into_control_flow(self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl IntoControlFlow for ControlFlow<()> {
    fn into_control_flow(self) -> ControlFlow<()> {
        self
    }
}

impl<F, R> Progress for F
where
    F: FnMut(usize, usize) -> R + ?Sized,
    R: IntoControlFlow,
{
    fn report(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        self(done, total).into_control_flow()
    }
}

/// Reports to nobody and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn report(&mut self, _done: usize, _total: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Reports to the listener, if there is one; a wish to stop becomes an error.
pub(crate) fn report(
    progress: &mut Option<&mut dyn Progress>,
    done: usize,
    total: usize,
) -> Result<(), InferenceError> {
    match progress.as_mut().map(|progress| progress.report(done, total)) {
        None | Some(ControlFlow::Continue(())) => Ok(()),
        Some(ControlFlow::Break(())) => Err(InferenceError::Cancelled { done, total }),
    }
}
