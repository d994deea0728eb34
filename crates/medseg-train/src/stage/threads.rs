//! Threads of a stage's kernels, all together or in parts that work on a case each.

use medseg_unet::Precision;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::TrainError;
use crate::config::StageConfig;

/// Most bytes that cases which are worked on at the same time save for backward.
const SAVED: u64 = 1 << 30;

/// The threads of the kernels, which the loader's threads do not use.
///
/// A training step enters them once. From outside, every single operation would wake a thread and wait for it: on patches
/// of 40x56x40 voxels a tenth of the time.
pub(crate) struct Threads {
    parts: Vec<ThreadPool>,
}

impl Threads {
    /// One part for each case that is worked on at the same time; their sum is the number of rayon's threads.
    pub fn new(parts: usize) -> Result<Self, TrainError> {
        let (all, parts) = (rayon::current_num_threads(), parts.max(1));
        let part = |at: usize| {
            let count = (all * (at + 1) / parts - all * at / parts).max(1);
            ThreadPoolBuilder::new().num_threads(count).build().map_err(|e| TrainError::Device(e.to_string()))
        };
        Ok(Self { parts: (0..parts).map(part).collect::<Result<_, _>>()? })
    }

    /// Threads for a stage on a CPU. Cases of a step share them where a case saves little for backward: a core then works
    /// through an operation by itself instead of waiting for the others at its end. Results are the same bits.
    ///
    /// One case at a time for networks with dropout, whose generator is one for all cases. `ranks` processes share the cases
    /// of a step.
    pub fn for_stage(stage: &StageConfig, precision: Precision, ranks: usize) -> Result<Self, TrainError> {
        let samples = if stage.is_whole() { 1 } else { stage.crops.samples as u64 };
        let cost = stage.network.cost(stage.size.to_array())?;
        let saved = if stage.gradient.checkpointing { cost.checkpointed } else { cost.saved };
        let bytes = saved.saturating_mul(samples) / if precision == Precision::Bf16 { 2 } else { 1 };
        let fitting = usize::try_from(SAVED / bytes.max(1)).unwrap_or(usize::MAX);
        let at_once = stage.gradient.accumulate.div_ceil(ranks.max(1)).min(fitting).min(rayon::current_num_threads());
        Self::new(if stage.network.has_dropout() { 1 } else { at_once })
    }

    /// The parts, one at least.
    pub fn parts(&self) -> &[ThreadPool] {
        &self.parts
    }
}

#[cfg(test)]
mod tests {
    use medseg_volume::Dhw;

    use super::*;
    use crate::config::{Experiment, Preset};

    #[test]
    fn parts_share_all_threads() {
        for (threads, parts) in [(1, 1), (2, 2), (5, 2), (8, 3), (2, 7)] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| Threads::new(parts)).unwrap();
            let sum: usize = found.parts().iter().map(ThreadPool::current_num_threads).sum();
            assert_eq!((found.parts().len(), sum), (parts, threads.max(parts)));
        }
    }

    #[test]
    fn small_cases_without_dropout_are_worked_on_together() {
        let mut stage = Preset::Quick.config(Experiment::OneStage).fine;
        stage.gradient.accumulate = 3;
        let pool = ThreadPoolBuilder::new().num_threads(8).build().unwrap();
        let parts =
            |stage: &StageConfig| pool.install(|| Threads::for_stage(stage, Precision::F32, 1)).unwrap().parts.len();
        assert_eq!(parts(&stage), 1, "dropout");
        stage.network.as_unet_mut().unwrap().dropout = 0.0;
        assert_eq!(parts(&stage), 3);
        assert_eq!(pool.install(|| Threads::for_stage(&stage, Precision::F32, 2)).unwrap().parts.len(), 2);
        stage.set_size(Dhw::splat(160));
        assert_eq!(parts(&stage), 1, "large");
    }
}
