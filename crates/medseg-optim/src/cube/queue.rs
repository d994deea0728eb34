//! Work on single tensors that waits, so that a few launches take it all.

use std::cell::RefCell;
use std::thread::LocalKey;

use burn_cubecl::tensor::CubeTensor;

use super::approach::{self, Approach};
use super::novograd::{self, TensorStep};

/// Work that waits on a thread, if any shall.
type Waiting<T> = RefCell<Option<Vec<T>>>;

thread_local! {
    static STEPS: Waiting<TensorStep> = const { RefCell::new(None) };
    static APPROACHES: Waiting<Approach> = const { RefCell::new(None) };
    /// Tensors whose squares are to be added up.
    static SQUARES: Waiting<CubeTensor> = const { RefCell::new(None) };
}

/// Launches the steps that `work` makes on this thread when it is done, together. Until then what they make has no values:
/// `work` must not look at it.
pub(crate) fn steps_together<T>(work: impl FnOnce() -> T) -> T {
    together(&STEPS, work, novograd::launch)
}

/// The same for changes of averages.
pub(crate) fn approaches_together<T>(work: impl FnOnce() -> T) -> T {
    together(&APPROACHES, work, approach::launch)
}

/// Runs `work`; tensors given to [`collect_square`] meanwhile are given back with its result.
pub(super) fn collecting_squares<T>(work: impl FnOnce() -> T) -> (T, Vec<CubeTensor>) {
    let mut squares = Vec::new();
    let result = together(&SQUARES, work, |collected| squares = collected);
    (result, squares)
}

/// Runs `work`, in which [`collected_squares`] gives these tensors.
pub(super) fn with_squares<T>(squares: Vec<CubeTensor>, work: impl FnOnce() -> T) -> T {
    let _restored = Restored { waiting: &SQUARES, before: SQUARES.replace(Some(squares)) };
    work()
}

/// The tensors given to [`with_squares`].
pub(super) fn collected_squares() -> Vec<CubeTensor> {
    SQUARES.take().unwrap_or_default()
}

/// Launches a step, now or together with others.
pub(super) fn step(step: TensorStep) {
    if let Some(step) = enqueue(&STEPS, step) {
        novograd::launch(vec![step]);
    }
}

/// Launches a change of an average, now or together with others.
pub(super) fn approach(approach: Approach) {
    if let Some(approach) = enqueue(&APPROACHES, approach) {
        approach::launch(vec![approach]);
    }
}

/// Gives the tensor back unless squares are collected on this thread.
pub(super) fn collect_square(x: CubeTensor) -> Option<CubeTensor> {
    enqueue(&SQUARES, x)
}

fn together<W, T>(waiting: &'static LocalKey<Waiting<W>>, work: impl FnOnce() -> T, launch: impl FnOnce(Vec<W>)) -> T {
    // With fusion it is not known when, and on which thread, an operation is launched and its result is used.
    if cfg!(feature = "fusion") {
        return work();
    }
    let _restored = Restored { waiting, before: waiting.replace(Some(Vec::new())) };
    let result = work();
    launch(waiting.take().unwrap_or_default());
    result
}

/// Gives the work back if nothing waits on this thread.
fn enqueue<W>(waiting: &'static LocalKey<Waiting<W>>, work: W) -> Option<W> {
    waiting.with_borrow_mut(|waiting| match waiting {
        Some(waiting) => {
            waiting.push(work);
            None
        }
        None => Some(work),
    })
}

/// Puts back what waited before, also after a panic.
struct Restored<W: 'static> {
    waiting: &'static LocalKey<Waiting<W>>,
    before: Option<Vec<W>>,
}

impl<W> Drop for Restored<W> {
    fn drop(&mut self) {
        self.waiting.set(self.before.take());
    }
}
