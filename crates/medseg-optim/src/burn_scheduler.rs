//! Burn's scheduler interface. There a step returns the rate to use and then moves on, so that the first call gives
//! the base rate.

use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use burn::optim::LearningRate;

use crate::{CosineWarmRestarts, Cycle, Schedule, ScheduleState};

/// Names of the entries of a saved position.
const EPOCH: &str = "epoch";
const CYCLE_DONE: &str = "cycle_done";
const CYCLE_LENGTH: &str = "cycle_length";

fn to_record(state: ScheduleState) -> LrSchedulerRecord {
    let record = LrSchedulerRecord::new().with_scalar(EPOCH, state.epoch);
    match state.cycle {
        Some(cycle) => record.with_scalar(CYCLE_DONE, cycle.done).with_scalar(CYCLE_LENGTH, cycle.length),
        None => record,
    }
}

fn from_record(record: &LrSchedulerRecord) -> Option<ScheduleState> {
    let cycle = match (record.scalar(CYCLE_DONE), record.scalar(CYCLE_LENGTH)) {
        (Some(done), Some(length)) => Some(Cycle { done, length }),
        _ => None,
    };
    Some(ScheduleState { epoch: record.scalar(EPOCH)?, cycle })
}

/// As a Burn scheduler a step returns the rate to use now and then moves on by one; a record that does not belong to
/// this schedule leaves it unchanged (Burn's interface has no way to report it).
impl LrScheduler for CosineWarmRestarts {
    fn step(&mut self) -> LearningRate {
        let lr = self.lr();
        CosineWarmRestarts::step(self);
        lr
    }

    fn to_record(&self) -> LrSchedulerRecord {
        to_record(self.state())
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        let mut restored = self.clone();
        if from_record(&record).is_some_and(|state| restored.restore(&state).is_ok()) {
            *self = restored;
        }
    }
}

/// As a Burn scheduler a step returns the rate to use now and then moves on by one; a record that does not belong to
/// this schedule leaves it unchanged (Burn's interface has no way to report it).
impl LrScheduler for Schedule {
    fn step(&mut self) -> LearningRate {
        let lr = self.lr();
        Schedule::step(self);
        lr
    }

    fn to_record(&self) -> LrSchedulerRecord {
        to_record(self.state())
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        let mut restored = self.clone();
        if from_record(&record).is_some_and(|state| restored.restore(&state).is_ok()) {
            *self = restored;
        }
    }
}
