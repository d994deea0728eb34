//! Ranks that are threads of one process, for tests.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::{MOST_BYTES, Ranks, RanksError};

/// A rank that is a thread of this process and sends through channels: tries a training on ranks without a message-passing
/// library. Dropping a rank ends the others with [`RanksError::Gone`] as soon as they wait for it.
///
/// ```
/// use medseg_train::{InProcess, Ranks};
///
/// let ranks = InProcess::ranks(2);
/// let texts = std::thread::scope(|scope| {
///     let threads: Vec<_> = ranks.iter().map(|rank| scope.spawn(|| rank.gather(&[rank.rank() as u8]))).collect();
///     threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
/// });
/// assert_eq!(texts, [Ok(vec![vec![0], vec![1]]), Ok(vec![vec![0], vec![1]])]);
/// ```
#[derive(Debug)]
pub struct InProcess {
    rank: usize,
    /// To each rank, this one among them.
    to: Vec<Sender<Message>>,
    /// From each rank.
    from: Vec<Mutex<Receiver<Message>>>,
}

#[derive(Debug)]
enum Message {
    Bytes(Vec<u8>),
    Numbers(Vec<f32>),
}

impl InProcess {
    /// The ranks of a job, one for each thread.
    #[must_use]
    pub fn ranks(size: usize) -> Vec<Self> {
        let mut ranks: Vec<Self> = (0..size).map(|rank| Self { rank, to: Vec::new(), from: Vec::new() }).collect();
        for from in 0..size {
            for to in 0..size {
                let (sender, receiver) = channel();
                ranks[from].to.push(sender);
                ranks[to].from.push(Mutex::new(receiver));
            }
        }
        ranks
    }

    fn send(&self, to: usize, message: Message) -> Result<(), RanksError> {
        self.to[to].send(message).map_err(|_| RanksError::Gone { rank: to })
    }

    fn receive(&self, from: usize) -> Result<Message, RanksError> {
        let receiver = self.from[from].lock().unwrap_or_else(PoisonError::into_inner);
        receiver.recv().map_err(|_| RanksError::Gone { rank: from })
    }

    /// Receives a part of the numbers of each rank.
    fn receive_numbers(&self, into: &mut [f32], lengths: &[usize]) -> Result<(), RanksError> {
        let mut rest = into;
        for (rank, length) in lengths.iter().enumerate() {
            let differ = RanksError::Differ { rank, what: "the length of a message" };
            let Message::Numbers(numbers) = self.receive(rank)? else { return Err(differ) };
            let (part, behind) = rest.split_at_mut_checked(*length).ok_or_else(|| differ.clone())?;
            if numbers.len() != part.len() {
                return Err(differ);
            }
            part.copy_from_slice(&numbers);
            rest = behind;
        }
        Ok(())
    }
}

impl Ranks for InProcess {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn gather(&self, mine: &[u8]) -> Result<Vec<Vec<u8>>, RanksError> {
        for to in 0..self.size() {
            self.send(to, Message::Bytes(mine.to_vec()))?;
        }
        let all = (0..self.size()).map(|from| match self.receive(from)? {
            Message::Bytes(bytes) => Ok(bytes),
            Message::Numbers(_) => Err(RanksError::Differ { rank: from, what: "the order of messages" }),
        });
        let all = all.collect::<Result<Vec<_>, _>>()?;
        match all.iter().enumerate().find(|(_, bytes)| bytes.len() > MOST_BYTES) {
            Some((rank, bytes)) => {
                Err(RanksError::TooLong { rank, bytes: bytes.len() as u64, most: MOST_BYTES as u64 })
            }
            None => Ok(all),
        }
    }

    fn exchange(
        &self,
        sent: &[f32],
        sent_lengths: &[usize],
        received: &mut [f32],
        received_lengths: &[usize],
    ) -> Result<(), RanksError> {
        let mut rest = sent;
        for (to, length) in sent_lengths.iter().enumerate() {
            let differ = RanksError::Differ { rank: self.rank, what: "the length of a message" };
            let (part, behind) = rest.split_at_checked(*length).ok_or(differ)?;
            self.send(to, Message::Numbers(part.to_vec()))?;
            rest = behind;
        }
        self.receive_numbers(received, received_lengths)
    }

    fn join(&self, mine: &[f32], all: &mut [f32], lengths: &[usize]) -> Result<(), RanksError> {
        for to in 0..self.size() {
            self.send(to, Message::Numbers(mine.to_vec()))?;
        }
        self.receive_numbers(all, lengths)
    }

    fn abort(&self, _code: i32) {}
}
