//! Ranks of an MPI job.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::request::{Request, Scope, scope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};
use mpi::{Count, Threading};

use super::{MOST_BYTES, Ranks, RanksError};

/// The ranks that `mpirun` or `srun` started.
///
/// Dropping it waits for the other ranks to end too. In a panic it ends them instead.
#[derive(Debug)]
pub struct Mpi {
    rank: usize,
    size: usize,
    /// Taken for every operation, as the library is called by one thread at a time.
    library: Mutex<Library>,
}

/// The started library, which is shut down when it is dropped.
struct Library(Universe);

impl std::fmt::Debug for Library {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Library")
    }
}

impl Mpi {
    /// Starts the library; once in a process. A program that no launcher started is a job of one rank.
    ///
    /// # Errors
    /// [`RanksError::Start`] if it was started before, or cannot be called by several threads in turn.
    pub fn start() -> Result<Self, RanksError> {
        let started = mpi::initialize_with_threading(Threading::Serialized);
        let (universe, threading) = started.ok_or(RanksError::Start { reason: "started already in this process" })?;
        if threading < Threading::Serialized {
            return Err(RanksError::Start { reason: "the library lacks MPI_THREAD_SERIALIZED" });
        }
        let world = universe.world();
        // Both are never negative.
        let [rank, size] = [world.rank(), world.size()].map(|number| usize::try_from(number).unwrap_or_default());
        Ok(Self { rank, size, library: Mutex::new(Library(universe)) })
    }

    /// The library and the group of all ranks, while nobody else calls it.
    fn world(&self) -> (MutexGuard<'_, Library>, SimpleCommunicator) {
        let library = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        let world = library.0.world();
        (library, world)
    }

    /// Lengths and places of parts that follow one another, in the library's numbers.
    fn places(&self, all: usize, lengths: &[usize]) -> Result<(Vec<Count>, Vec<Count>), RanksError> {
        let wrong = || RanksError::Differ { rank: self.rank, what: "the length of a message" };
        let mut places = Vec::with_capacity(lengths.len());
        let mut next = 0usize;
        for length in lengths {
            places.push(Count::try_from(next).map_err(|_| wrong())?);
            next = next.saturating_add(*length);
        }
        if next != all || lengths.len() != self.size {
            return Err(wrong());
        }
        let lengths = lengths.iter().map(|length| Count::try_from(*length).map_err(|_| wrong()));
        Ok((lengths.collect::<Result<_, _>>()?, places))
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        // The others would wait for this rank, and shutting down for them.
        if std::thread::panicking() {
            self.abort(101);
        }
    }
}

impl Ranks for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn gather(&self, mine: &[u8]) -> Result<Vec<Vec<u8>>, RanksError> {
        let (_library, world) = self.world();
        // The address of an empty slice of bytes is 1, which Open MPI takes for MPI_IN_PLACE: one byte more is always sent.
        let sent = [mine, &[0]].concat();
        let length = sent.len() as u64;
        let mut lengths = vec![0u64; self.size];
        scope(|scope| complete(world.immediate_all_gather_into(scope, &length, &mut lengths[..])));
        if let Some((rank, bytes)) = lengths.iter().enumerate().find(|(_, bytes)| **bytes > MOST_BYTES as u64 + 1) {
            return Err(RanksError::TooLong { rank, bytes: *bytes - 1, most: MOST_BYTES as u64 });
        }
        let lengths: Vec<usize> = lengths.iter().map(|bytes| *bytes as usize).collect();
        let mut all = vec![0u8; lengths.iter().sum()];
        let (counts, places) = self.places(all.len(), &lengths)?;
        {
            let mut parts = PartitionMut::new(&mut all[..], counts, places);
            scope(|scope| complete(world.immediate_all_gather_varcount_into(scope, &sent[..], &mut parts)));
        }
        let mut rest = &all[..];
        let part = |length: &usize| {
            let (part, behind) = rest.split_at(*length);
            rest = behind;
            part.split_last().map_or_else(Vec::new, |(_, bytes)| bytes.to_vec())
        };
        Ok(lengths.iter().map(part).collect())
    }

    fn exchange(
        &self,
        sent: &[f32],
        sent_lengths: &[usize],
        received: &mut [f32],
        received_lengths: &[usize],
    ) -> Result<(), RanksError> {
        let (counts, places) = self.places(sent.len(), sent_lengths)?;
        let from = Partition::new(sent, counts, places);
        let (counts, places) = self.places(received.len(), received_lengths)?;
        let mut to = PartitionMut::new(received, counts, places);
        let (_library, world) = self.world();
        scope(|scope| complete(world.immediate_all_to_all_varcount_into(scope, &from, &mut to)));
        Ok(())
    }

    fn join(&self, mine: &[f32], all: &mut [f32], lengths: &[usize]) -> Result<(), RanksError> {
        let (counts, places) = self.places(all.len(), lengths)?;
        if lengths[self.rank] != mine.len() {
            return Err(RanksError::Differ { rank: self.rank, what: "the length of a message" });
        }
        let mut parts = PartitionMut::new(all, counts, places);
        let (_library, world) = self.world();
        scope(|scope| complete(world.immediate_all_gather_varcount_into(scope, mine, &mut parts)));
        Ok(())
    }

    fn abort(&self, code: i32) {
        // Without the lock: another thread may hold it, waiting for a rank that has failed.
        SimpleCommunicator::world().abort(code)
    }
}

/// Waits for an operation and leaves the processor to those that compute: the library's own waiting takes a core.
fn complete<'a, D: ?Sized, S: Scope<'a>>(mut request: Request<'a, D, S>) {
    let started = Instant::now();
    loop {
        request = match request.test() {
            Ok(_) => return,
            Err(unfinished) => unfinished,
        };
        match started.elapsed() {
            waited if waited < Duration::from_millis(1) => std::thread::yield_now(),
            waited if waited < Duration::from_secs(1) => std::thread::sleep(Duration::from_micros(20)),
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}
