//! Values that all ranks know.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Ranks, RanksError};
use crate::TrainError;

impl dyn Ranks + '_ {
    /// True for the rank that writes, prints and decides.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Every rank's value, in the order of the ranks.
    ///
    /// # Errors
    /// Those of [`Ranks::gather`]; [`RanksError::Differ`] for a value that this program does not understand.
    pub fn gather_values<T: Serialize + DeserializeOwned>(&self, mine: T) -> Result<Vec<T>, TrainError> {
        if self.size() == 1 {
            return Ok(vec![mine]);
        }
        let unread = |rank| RanksError::Differ { rank, what: "the form of a message" };
        let text = serde_json::to_vec(&mine).map_err(|_| unread(self.rank()))?;
        let texts = self.gather(&text)?;
        let read = |(rank, text): (usize, &Vec<u8>)| serde_json::from_slice(text).map_err(|_| unread(rank).into());
        texts.iter().enumerate().map(read).collect()
    }

    /// The value that the first rank makes, once it is made; the others wait for it and make nothing.
    ///
    /// # Errors
    /// Those of `make`, on the first rank; those of [`Ranks::gather`].
    pub fn from_first<T, E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<TrainError>,
    {
        if self.size() == 1 {
            return make();
        }
        let mine = if self.is_first() { Some(make()?) } else { None };
        let first = self.gather_values(mine)?.into_iter().next().flatten();
        first.ok_or_else(|| TrainError::from(RanksError::Differ { rank: 0, what: "the form of a message" }).into())
    }

    /// Waits until all ranks are here.
    ///
    /// # Errors
    /// Those of [`Ranks::gather`].
    pub fn wait(&self) -> Result<(), TrainError> {
        if self.size() > 1 {
            self.gather(&[])?;
        }
        Ok(())
    }

    /// Refuses to go on where a rank's number is not that of the first.
    ///
    /// # Errors
    /// [`RanksError::Differ`] on all ranks, with what differs.
    pub fn agree_on(&self, what: &'static str, mine: u64) -> Result<(), TrainError> {
        let all = self.gather_values(mine)?;
        match all.iter().position(|other| *other != all[0]) {
            Some(rank) => Err(RanksError::Differ { rank, what }.into()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::InProcess;
    use super::*;

    /// Runs a function on every rank at once, and gives the results in the order of the ranks.
    fn on_ranks<T: Send>(size: usize, run: impl Fn(&dyn Ranks) -> T + Sync) -> Vec<T> {
        std::thread::scope(|scope| {
            let start = |rank: InProcess| {
                let run = &run;
                scope.spawn(move || run(&rank))
            };
            let threads: Vec<_> = InProcess::ranks(size).into_iter().map(start).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn every_rank_gets_its_part_of_every_ranks_numbers() {
        for size in [1, 2, 4] {
            let results = on_ranks(size, |ranks| {
                let me = ranks.rank();
                // Rank r sends r + 1 numbers, `10 r + s`, to rank s.
                let sent: Vec<f32> =
                    (0..size).flat_map(|to| std::iter::repeat_n((10 * me + to) as f32, me + 1)).collect();
                let lengths: Vec<usize> = (1..=size).collect();
                let mut received = vec![0.0; lengths.iter().sum()];
                ranks.exchange(&sent, &vec![me + 1; size], &mut received, &lengths).unwrap();
                let mut all = vec![0.0; lengths.iter().sum()];
                ranks.join(&vec![me as f32; me + 1], &mut all, &lengths).unwrap();
                (received, all)
            });
            for (me, (received, all)) in results.into_iter().enumerate() {
                let expected = |of: &dyn Fn(usize) -> f32| -> Vec<f32> {
                    (0..size).flat_map(|from| std::iter::repeat_n(of(from), from + 1)).collect()
                };
                assert_eq!(received, expected(&|from| (10 * from + me) as f32));
                assert_eq!(all, expected(&|from| from as f32));
            }
        }
    }

    #[test]
    fn the_first_rank_decides_and_a_difference_is_named() {
        let decided = on_ranks(4, |ranks| ranks.from_first(|| Ok::<_, TrainError>(ranks.rank() + 5)).unwrap());
        assert_eq!(decided, [5; 4]);
        let errors = on_ranks(4, |ranks| ranks.agree_on("weights", u64::from(ranks.rank() == 2)).unwrap_err());
        assert!(errors.iter().all(|e| e.to_string().contains("rank 2 differs from rank 0 in weights")), "{errors:?}");
    }

    #[test]
    fn a_rank_that_ends_ends_those_that_wait_for_it() {
        let results = on_ranks(3, |ranks| if ranks.rank() == 1 { Ok(()) } else { ranks.wait() });
        assert!(results[0].is_err() && results[2].is_err());
    }
}
