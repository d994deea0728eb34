//! The processes that share the cases of every training step.

mod agree;
mod alone;
mod error;
mod in_process;
#[cfg(feature = "mpi")]
mod mpi;

use std::fmt;

#[cfg(feature = "mpi")]
pub use self::mpi::Mpi;
pub use alone::Alone;
pub use error::RanksError;
pub use in_process::InProcess;

/// Most bytes that one rank contributes to a [`Ranks::gather`].
pub const MOST_BYTES: usize = 64 << 20;

/// The ranks of a job: processes that train one network together, each on its cases, and their messages to each other.
///
/// Every operation is made by all ranks in the same order, each waiting for the others. None of them has a time limit, as
/// one rank may plan for hours. A rank that fails must call [`abort`](Ranks::abort), or the others wait for ever;
/// `medseg train` does so.
///
/// Calls of one rank come from one thread at a time, which need not be the same thread.
pub trait Ranks: fmt::Debug + Send + Sync {
    /// This rank's number, from 0.
    fn rank(&self) -> usize;

    /// Number of ranks, at least 1.
    fn size(&self) -> usize;

    /// The bytes of every rank, in the order of the ranks.
    ///
    /// # Errors
    /// [`RanksError::TooLong`] on all ranks if one has more than [`MOST_BYTES`]; [`RanksError::Gone`] if one has ended.
    fn gather(&self, mine: &[u8]) -> Result<Vec<Vec<u8>>, RanksError>;

    /// Sends part `r` of the numbers to rank `r` and receives a part of each rank's, in the order of the ranks. The slices of
    /// numbers are the parts one after another; their lengths are known to both ends, and may be 0.
    ///
    /// # Errors
    /// [`RanksError::Gone`], or [`RanksError::Differ`] if the lengths of the two ends are not the same.
    fn exchange(
        &self,
        sent: &[f32],
        sent_lengths: &[usize],
        received: &mut [f32],
        received_lengths: &[usize],
    ) -> Result<(), RanksError>;

    /// Puts the numbers of all ranks one after another, of rank `r` so many as `lengths[r]`.
    ///
    /// # Errors
    /// As [`exchange`](Ranks::exchange).
    fn join(&self, mine: &[f32], all: &mut [f32], lengths: &[usize]) -> Result<(), RanksError>;

    /// Ends the other ranks too, after this one has failed, with the exit code of a program. Ranks of MPI do not return from
    /// it.
    fn abort(&self, code: i32);
}
