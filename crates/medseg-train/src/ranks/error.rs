//! Errors between ranks.

/// A failure of the ranks' agreement, not of the training on one of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RanksError {
    /// A rank ended before the training did; its own message says why.
    #[error("rank {rank} has ended; its message says why")]
    Gone {
        /// The rank.
        rank: usize,
    },
    /// The ranks do not do the same: other files, another version, or processors that compute otherwise.
    #[error("rank {rank} differs from rank 0 in {what}: all ranks need the same program, files and kind of processor")]
    Differ {
        /// The rank.
        rank: usize,
        /// The thing that differs.
        what: &'static str,
    },
    /// More bytes than ranks exchange at once.
    #[error("rank {rank} has {bytes} bytes for the others, more than {most}")]
    TooLong {
        /// The rank.
        rank: usize,
        /// Its bytes.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// The message-passing library could not be started.
    #[error("MPI: {reason}")]
    Start {
        /// The reason.
        reason: &'static str,
    },
}
