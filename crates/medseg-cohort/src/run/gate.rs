//! A bound on things in memory.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Lets things pass as long as their number and bytes are within bounds; something larger than all passes alone.
#[derive(Debug)]
pub(super) struct Gate {
    things: usize,
    bytes: u64,
    /// Number and bytes inside.
    inside: Mutex<(usize, u64)>,
    left: Condvar,
}

/// The right to be in memory, until it is dropped.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    bytes: u64,
}

impl Gate {
    pub fn new(things: usize, bytes: u64) -> Arc<Self> {
        Arc::new(Self { things: things.max(1), bytes, inside: Mutex::new((0, 0)), left: Condvar::new() })
    }

    /// Waits for room; `None` once `ended` is true.
    pub fn enter(self: &Arc<Self>, bytes: u64, ended: impl Fn() -> bool) -> Option<Pass> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if ended() {
                return None;
            }
            let fits = inside.0 < self.things && inside.1.saturating_add(bytes) <= self.bytes;
            if fits || inside.0 == 0 {
                *inside = (inside.0 + 1, inside.1.saturating_add(bytes));
                return Some(Pass { gate: Arc::clone(self), bytes });
            }
            let waited = self.left.wait_timeout(inside, Duration::from_millis(50));
            inside = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut inside = self.gate.inside.lock().unwrap_or_else(PoisonError::into_inner);
        *inside = (inside.0 - 1, inside.1.saturating_sub(self.bytes));
        self.gate.left.notify_all();
    }
}
