//! Steps of tensors that wait for each other, so that a few launches take them all.

use std::cell::RefCell;

use super::novograd::{self, TensorStep};

thread_local! {
    /// The steps that wait on this thread, if any shall.
    static WAITING: RefCell<Option<Vec<TensorStep>>> = const { RefCell::new(None) };
}

/// Launches the steps that `work` makes on this thread when it is done, together. Until then what they make has no values:
/// `work` must not look at it.
pub(crate) fn launched_together<T>(work: impl FnOnce() -> T) -> T {
    // With fusion it is not known when, and on which thread, a step is made and its result is used.
    if cfg!(feature = "fusion") {
        return work();
    }
    let _ends = Ends(WAITING.replace(Some(Vec::new())));
    let result = work();
    novograd::launch(WAITING.take().unwrap_or_default());
    result
}

/// Launches a step, now or together with others.
pub(super) fn launch(step: TensorStep) {
    let now = WAITING.with_borrow_mut(|waiting| match waiting {
        Some(waiting) => {
            waiting.push(step);
            None
        }
        None => Some(step),
    });
    if let Some(step) = now {
        novograd::launch(vec![step]);
    }
}

/// Puts back what waited before, also after a panic.
struct Ends(Option<Vec<TensorStep>>);

impl Drop for Ends {
    fn drop(&mut self) {
        WAITING.set(self.0.take());
    }
}
