//! One step's gradients added up over the ranks.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};

use burn::optim::GradientsParams;
use medseg_bundle::StageNetwork;

use super::devices::{Devices, Work, Worked};
use super::flat::FlatGradients;
use super::losses::{Losses, read};
use super::objective::Objective;
use crate::{Ranks, RanksError, TrainError};

/// Result of a step's cases.
pub(super) struct Summed {
    /// In the order of the cases.
    pub losses: Losses,
    /// Their sum, added up in that order.
    pub gradients: GradientsParams,
}

/// The rank that works on case `at` of a step.
pub(super) fn rank_of(at: usize, ranks: usize) -> usize {
    at % ranks
}

/// Works on this rank's cases of a step and adds up the gradients of all ranks' cases; `used` are the numbers of the step's
/// cases that no rank leaves out.
///
/// The row of gradients is cut into a segment for each rank. Each rank sends segment `s` of a case to rank `s`, which adds
/// the cases in their order, as one process does; then all ranks gather the sums. Every number is sent twice at most, as in
/// an all-reduce by a ring, but its sum does not depend on the ranks. A thread sends and adds while the next cases are
/// computed.
pub(super) fn sum_over_ranks(
    ranks: &dyn Ranks,
    devices: &Devices<'_>,
    network: &StageNetwork,
    objective: &Objective,
    mine: Vec<(usize, Work)>,
    used: &[usize],
) -> Result<Summed, TrainError> {
    let flat = FlatGradients::of(network);
    let (sender, receiver) = channel();
    let (losses, row) = std::thread::scope(|scope| {
        let adding = scope.spawn(|| Adding::new(ranks, &flat).add(used, receiver));
        // A failure of the other thread is found when it is joined.
        devices.each(network, objective, mine, &|at, worked| drop(sender.send((at, worked))));
        // Tells the other thread that no case follows.
        drop(sender);
        adding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    Ok(Summed { losses: Losses::Read(losses), gradients: flat.gradients(&row, devices.first()) })
}

/// The thread that sends this rank's cases and adds up its segment.
struct Adding<'a> {
    ranks: &'a dyn Ranks,
    flat: &'a FlatGradients<'a>,
    /// Lengths of the segments.
    segments: Vec<usize>,
}

impl<'a> Adding<'a> {
    fn new(ranks: &'a dyn Ranks, flat: &'a FlatGradients<'a>) -> Self {
        let segments = (0..ranks.size()).map(|rank| segment(flat.len(), ranks.size(), rank).len()).collect();
        Self { ranks, flat, segments }
    }

    /// The losses of the step's cases in their order, and the row of the sum of their gradients.
    fn add(&self, used: &[usize], finished: Receiver<(usize, Worked)>) -> Result<(Vec<f32>, Vec<f32>), TrainError> {
        let (me, size) = (self.ranks.rank(), self.ranks.size());
        // Cases that came before it was their turn, as several devices work at once.
        let mut early: BTreeMap<usize, Worked> = BTreeMap::new();
        let mut losses: Vec<(usize, u32)> = Vec::new();
        let mut sum: Vec<f32> = Vec::new();
        // A round is a case of each rank.
        for round in used.chunk_by(|a, b| a / size == b / size) {
            let mut row = Vec::new();
            if let Some(at) = round.iter().find(|at| rank_of(**at, size) == me) {
                let Worked { loss, gradients } = next(*at, &mut early, &finished)?;
                losses.push((*at, read(loss)?.to_bits()));
                row = self.flat.row(gradients)?;
            }
            for part in self.round(round, &row)?.chunks_exact(self.segments[me].max(1)) {
                if sum.is_empty() {
                    // The first case itself and not 0 + the case, which may have another sign.
                    sum.extend_from_slice(part);
                } else {
                    sum.iter_mut().zip(part).for_each(|(sum, number)| *sum += number);
                }
            }
        }
        let mut all = vec![0.0; self.flat.len()];
        self.ranks.join(&sum, &mut all, &self.segments)?;
        Ok((self.losses(losses, used)?, all))
    }

    /// Sends the segments of this rank's case of a round, if it has one, and receives this rank's segment of all cases.
    fn round(&self, round: &[usize], row: &[f32]) -> Result<Vec<f32>, TrainError> {
        let (me, size) = (self.ranks.rank(), self.ranks.size());
        let none = vec![0; size];
        let sent = if row.is_empty() { &none } else { &self.segments };
        let mut received = none.clone();
        round.iter().for_each(|at| received[rank_of(*at, size)] = self.segments[me]);
        let mut parts = vec![0.0; self.segments[me] * round.len()];
        self.ranks.exchange(row, sent, &mut parts, &received)?;
        Ok(parts)
    }

    /// The losses of all ranks' cases.
    fn losses(&self, mine: Vec<(usize, u32)>, used: &[usize]) -> Result<Vec<f32>, TrainError> {
        let all: BTreeMap<usize, u32> = self.ranks.gather_values(mine)?.into_iter().flatten().collect();
        if !all.keys().eq(used) {
            return Err(RanksError::Differ { rank: self.ranks.rank(), what: "the cases of a step" }.into());
        }
        Ok(all.into_values().map(f32::from_bits).collect())
    }
}

/// The result of case `at`, once it is there.
fn next(
    at: usize,
    early: &mut BTreeMap<usize, Worked>,
    finished: &Receiver<(usize, Worked)>,
) -> Result<Worked, TrainError> {
    loop {
        if let Some(worked) = early.remove(&at) {
            return Ok(worked);
        }
        // The devices' error, by which the sender ended, stands before this one.
        let ended = |_| TrainError::Device("a case of the step has no result".into());
        let (number, worked) = finished.recv().map_err(ended)?;
        early.insert(number, worked);
    }
}

/// The part of a row that a rank adds up.
fn segment(row: usize, ranks: usize, rank: usize) -> Range<usize> {
    // By quotient and remainder, as `row * rank` may be too large a number.
    let start = |rank: usize| row / ranks * rank + rank.min(row % ranks);
    start(rank)..start(rank + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::Sender;
    use std::time::Duration;

    use burn::tensor::{Device, Tensor};
    use medseg_unet::UNetConfig;

    use super::*;
    use crate::InProcess;

    /// A rank that says when it has exchanged a round.
    #[derive(Debug)]
    struct Watched {
        inner: InProcess,
        exchanged: Mutex<Sender<()>>,
    }

    impl Ranks for Watched {
        fn rank(&self) -> usize {
            self.inner.rank()
        }
        fn size(&self) -> usize {
            self.inner.size()
        }
        fn gather(&self, mine: &[u8]) -> Result<Vec<Vec<u8>>, RanksError> {
            self.inner.gather(mine)
        }
        fn exchange(
            &self,
            sent: &[f32],
            sent_lengths: &[usize],
            received: &mut [f32],
            received_lengths: &[usize],
        ) -> Result<(), RanksError> {
            self.inner.exchange(sent, sent_lengths, received, received_lengths)?;
            self.exchanged.lock().unwrap().send(()).unwrap();
            Ok(())
        }
        fn join(&self, mine: &[f32], all: &mut [f32], lengths: &[usize]) -> Result<(), RanksError> {
            self.inner.join(mine, all, lengths)
        }
        fn abort(&self, _code: i32) {}
    }

    #[test]
    fn a_case_is_sent_and_added_while_the_next_one_is_computed() {
        let config = UNetConfig { channels: vec![2, 4], ..UNetConfig::default() };
        let network = StageNetwork::from(config.init_seeded(1, &Device::flex().autodiff()).unwrap());
        let flat = FlatGradients::of(&network);
        let loss = |at: usize| Tensor::from_floats([at as f32], &Device::flex());
        let rank = &|ranks: InProcess| {
            let (me, (exchanged, exchanges)) = (ranks.rank(), channel());
            let watched = Watched { inner: ranks, exchanged: Mutex::new(exchanged) };
            let (sender, receiver) = channel();
            std::thread::scope(|scope| {
                let adding = scope.spawn(|| Adding::new(&watched, &flat).add(&[0, 1, 2, 3], receiver));
                for at in [me, me + 2] {
                    sender.send((at, Worked { loss: loss(at), gradients: GradientsParams::new() })).unwrap();
                    // Before the next case is there.
                    exchanges.recv_timeout(Duration::from_secs(60)).expect("the case is not sent");
                }
                adding.join().unwrap().unwrap().0
            })
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                InProcess::ranks(2).into_iter().map(|ranks| scope.spawn(move || rank(ranks))).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), [0.0, 1.0, 2.0, 3.0]);
            }
        });
    }

    #[test]
    fn segments_cover_a_row_without_gaps() {
        for (row, ranks) in [(10, 1), (10, 3), (2, 4), (0, 2), (1_000_003, 7)] {
            let all: Vec<_> = (0..ranks).map(|rank| segment(row, ranks, rank)).collect();
            assert_eq!((all[0].start, all[ranks - 1].end), (0, row));
            assert!(all.windows(2).all(|two| two[0].end == two[1].start && two[0].len() >= two[1].len()));
        }
    }
}
