//! Cosine annealing with warm restarts.

use std::f64::consts::PI;

use crate::OptimError;
use crate::cycle::{Cycle, ScheduleState};
use crate::error::{require, require_not_negative};

/// Cosine annealing with warm restarts: PyTorch's `CosineAnnealingWarmRestarts`.
///
/// Within a cycle of `T` epochs the rate falls from `base_lr` to `eta_min` along half a cosine: `eta_min + (base_lr -
/// eta_min) (1 + cos(π t / T)) / 2`. Then it jumps back up, and the next cycle is `t_mult` times as long. Only the rate
/// restarts: weights and optimizer state go on.
///
/// # Counting
/// [`lr`](Self::lr) of a new schedule is the rate of epoch 1. Call [`step`](Self::step) once at the end of each epoch:
/// after `n` calls, "after epoch n", `lr` is the rate of epoch `n + 1`. With `t_0 = 5, t_mult = 3` the full rate comes
/// back after epochs 5, 20, 65 and 200:
///
/// ```
/// use medseg_optim::CosineWarmRestarts;
///
/// let mut schedule = CosineWarmRestarts::new(0.008, 5, 3, 0.0)?;
/// assert_eq!(schedule.lr(), 0.008);
/// for _epoch in 1..=50 {
///     // train one epoch at schedule.lr() ...
///     schedule.step();
/// }
/// assert!((schedule.lr() - 0.002).abs() < 1e-15); // 30 of the 45 epochs from 20 to 65
/// # Ok::<(), medseg_optim::OptimError>(())
/// ```
///
/// Source: Loshchilov and Hutter, "SGDR" (arXiv:1608.03983).
#[derive(Clone, Debug, PartialEq)]
pub struct CosineWarmRestarts {
    base_lr: f64,
    t_0: u64,
    t_mult: u64,
    eta_min: f64,
    epoch: f64,
    cycle: Cycle,
}

impl CosineWarmRestarts {
    /// A schedule at its start.
    ///
    /// - `base_lr`: rate at the start of each cycle
    /// - `t_0`: epochs of the first cycle, at least 1
    /// - `t_mult`: each cycle is this many times as long as the one before, at least 1
    /// - `eta_min`: rate that a cycle falls towards
    ///
    /// # Errors
    /// [`OptimError::OutOfRange`] names the argument that is out of its range.
    pub fn new(base_lr: f64, t_0: u64, t_mult: u64, eta_min: f64) -> Result<Self, OptimError> {
        require_not_negative("base_lr", base_lr)?;
        require_not_negative("eta_min", eta_min)?;
        require(t_0 >= 1, "t_0", t_0 as f64, "at least 1")?;
        require(t_mult >= 1, "t_mult", t_mult as f64, "at least 1")?;
        let cycle = Cycle { done: 0.0, length: t_0 };
        Ok(Self { base_lr, t_0, t_mult, eta_min, epoch: 0.0, cycle })
    }

    /// The learning rate to use now.
    #[must_use]
    pub fn lr(&self) -> f64 {
        let angle = PI * self.cycle.done / self.cycle.length as f64;
        self.eta_min + (self.base_lr - self.eta_min) * (1.0 + angle.cos()) / 2.0
    }

    /// Epochs done in the present cycle (PyTorch's `T_cur`).
    #[must_use]
    pub fn t_cur(&self) -> f64 {
        self.cycle.done
    }

    /// Length of the present cycle in epochs (PyTorch's `T_i`).
    #[must_use]
    pub fn t_i(&self) -> u64 {
        self.cycle.length
    }

    /// Goes on by one epoch: PyTorch's `step()`.
    pub fn step(&mut self) {
        self.epoch += 1.0;
        self.cycle.done += 1.0;
        if self.cycle.done >= self.cycle.length as f64 {
            self.cycle.done -= self.cycle.length as f64;
            self.cycle.length = self.cycle.length.saturating_mul(self.t_mult);
        }
    }

    /// Goes to a point in time, in epochs since the start; fractions are welcome: PyTorch's `step(epoch)`.
    ///
    /// The cycle is recomputed by a logarithm, as PyTorch does. Rounding may put that logarithm just below a whole
    /// number, as for `t_mult` 3 after five cycles. The first instant of a cycle then counts as the last of the cycle
    /// before: `eta_min` where [`step`](Self::step) gives `base_lr`.
    ///
    /// # Errors
    /// [`OptimError::OutOfRange`] if `epoch` is negative or not finite.
    pub fn step_to(&mut self, epoch: f64) -> Result<(), OptimError> {
        require_not_negative("epoch", epoch)?;
        self.epoch = epoch;
        self.cycle = self.cycle_at(epoch);
        Ok(())
    }

    fn cycle_at(&self, epoch: f64) -> Cycle {
        let first = self.t_0 as f64;
        if epoch < first {
            return Cycle { done: epoch, length: self.t_0 };
        }
        if self.t_mult == 1 {
            return Cycle { done: epoch % first, length: self.t_0 };
        }
        let ratio = self.t_mult as f64;
        // Full cycles behind us, from their total t_0 (ratio^n - 1) / (ratio - 1).
        let full = ((epoch / first * (ratio - 1.0) + 1.0).ln() / ratio.ln()) as u32;
        let growth = self.t_mult.saturating_pow(full);
        let started = first * (growth as f64 - 1.0) / (ratio - 1.0);
        Cycle { done: epoch - started, length: self.t_0.saturating_mul(growth) }
    }

    /// The position, to be saved.
    #[must_use]
    pub fn state(&self) -> ScheduleState {
        ScheduleState { epoch: self.epoch, cycle: Some(self.cycle) }
    }

    /// Goes back to a saved position of a schedule with the same settings.
    ///
    /// # Errors
    /// [`OptimError::ForeignState`] if the state has no cycle, [`OptimError::OutOfRange`] if it is not a position.
    pub fn restore(&mut self, state: &ScheduleState) -> Result<(), OptimError> {
        let cycle = state.cycle.ok_or(OptimError::ForeignState { schedule: "cosine_warm_restarts" })?;
        require_not_negative("epoch", state.epoch)?;
        require_not_negative("cycle.done", cycle.done)?;
        require(cycle.length >= 1, "cycle.length", cycle.length as f64, "at least 1")?;
        (self.epoch, self.cycle) = (state.epoch, cycle);
        Ok(())
    }
}
