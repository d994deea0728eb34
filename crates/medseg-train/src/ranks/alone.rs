//! One process.

use super::{Ranks, RanksError};

/// A job of one process: nothing is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Ranks for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn gather(&self, mine: &[u8]) -> Result<Vec<Vec<u8>>, RanksError> {
        Ok(vec![mine.to_vec()])
    }

    fn exchange(
        &self,
        sent: &[f32],
        sent_lengths: &[usize],
        received: &mut [f32],
        received_lengths: &[usize],
    ) -> Result<(), RanksError> {
        if sent_lengths != received_lengths || sent.len() != received.len() {
            return Err(RanksError::Differ { rank: 0, what: "the length of a message" });
        }
        received.copy_from_slice(sent);
        Ok(())
    }

    fn join(&self, mine: &[f32], all: &mut [f32], lengths: &[usize]) -> Result<(), RanksError> {
        self.exchange(mine, lengths, all, lengths)
    }

    fn abort(&self, _code: i32) {}
}
