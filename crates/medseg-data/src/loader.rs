//! Preparing the next items on other threads while the current one is worked on.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, available_parallelism};
use std::time::{Duration, Instant};

/// Threads of a [`Loader`] and the number of items it runs ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoaderOptions {
    /// Threads that prepare items. With 0 each item is prepared when it is asked for, on the asking thread.
    pub workers: usize,
    /// Items that may be under way or waiting at one time, at least 1; what bounds the memory.
    pub prefetch: usize,
}

impl Default for LoaderOptions {
    /// One thread fewer than the machine can run, from 1 to 4, and two items for each.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let workers = cores.saturating_sub(1).clamp(1, 4);
        Self { workers, prefetch: 2 * workers }
    }
}

/// A worker thread's answer: the item, or the payload of the panic that ended its preparation.
type Outcome<T, E> = Result<Result<T, E>, Box<dyn Any + Send>>;
type Prepare<T, E> = dyn Fn(usize) -> Result<T, E> + Send + Sync;
/// An index to prepare and where to send the item.
type Job<T, E> = (usize, SyncSender<Outcome<T, E>>);

/// An iterator over `prepare(0)`, `prepare(1)`, ..., in this order, which worker threads prepare ahead.
///
/// The items are the same for any number of workers, if `prepare` depends on its index alone; take random numbers from
/// [`rng_for`](crate::rng_for). After an error the loader is at its end. Dropping it, at any time, waits for the items
/// under way (at most one a worker) and joins the threads.
///
/// # Examples
/// ```
/// use medseg_data::{Loader, LoaderOptions};
/// let options = LoaderOptions { workers: 3, prefetch: 4 };
/// let squares = Loader::new(100, options, |n| Ok::<_, std::convert::Infallible>(n * n));
/// let sum: usize = squares.take(4).map(|square| square.unwrap()).sum();
/// assert_eq!(sum, 0 + 1 + 4 + 9);
/// ```
pub struct Loader<T, E> {
    prepare: Arc<Prepare<T, E>>,
    /// The next index to hand to a worker, and the number of items.
    next: usize,
    count: usize,
    prefetch: usize,
    /// Receivers of the items under way, in order.
    pending: VecDeque<Receiver<Outcome<T, E>>>,
    pool: Option<Pool<T, E>>,
    waited: Duration,
}

struct Pool<T, E> {
    jobs: Sender<Job<T, E>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static, E: Send + 'static> Loader<T, E> {
    /// Starts preparing the items `prepare(0)` to `prepare(count - 1)`.
    ///
    /// If the system refuses to start any thread, the items are prepared on the asking thread.
    pub fn new<F>(count: usize, options: LoaderOptions, prepare: F) -> Self
    where
        F: Fn(usize) -> Result<T, E> + Send + Sync + 'static,
    {
        let prepare: Arc<Prepare<T, E>> = Arc::new(prepare);
        let pool = Pool::start(options.workers.min(count), &prepare);
        let prefetch = options.prefetch.max(1);
        let mut loader =
            Self { prepare, next: 0, count, prefetch, pending: VecDeque::new(), pool, waited: Duration::ZERO };
        loader.submit();
        loader
    }
}

impl<T, E> Loader<T, E> {
    /// Time for which [`next`](Iterator::next) has kept its callers waiting so far; without workers the whole preparation.
    ///
    /// Divided by the time that the loop took it says whether the data or the network is the bottleneck.
    ///
    /// ```
    /// use medseg_data::{Loader, LoaderOptions};
    /// use std::time::{Duration, Instant};
    /// let started = Instant::now();
    /// let mut loader = Loader::new(3, LoaderOptions::default(), |n| Ok::<_, std::convert::Infallible>(n));
    /// // `by_ref`, so that the loader can still be asked afterwards.
    /// for item in loader.by_ref() {
    ///     std::thread::sleep(Duration::from_millis(item.unwrap() as u64));
    /// }
    /// let share = loader.waited().as_secs_f64() / started.elapsed().as_secs_f64();
    /// println!("waited for data {:.1} % of the time", 100.0 * share);
    /// # assert!(share < 1.0);
    /// ```
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Hands indices to the workers up to the limit of items under way.
    fn submit(&mut self) {
        let Some(pool) = &self.pool else { return };
        while self.next < self.count && self.pending.len() < self.prefetch {
            // Room for the one message, so that a worker never waits for the consumer.
            let (sender, receiver) = sync_channel(1);
            if pool.jobs.send((self.next, sender)).is_err() {
                break;
            }
            self.pending.push_back(receiver);
            self.next += 1;
        }
    }

    /// Ends the threads; no item follows.
    fn shut_down(&mut self) {
        self.next = self.count;
        self.pending.clear();
        if let Some(Pool { jobs, stop, threads }) = self.pool.take() {
            stop.store(true, Ordering::Relaxed);
            drop(jobs);
            for thread in threads {
                // A worker catches the panics of `prepare` and sends them; it has none of its own.
                let _ = thread.join();
            }
        }
    }

    /// The next outcome, or `None` at the end.
    fn receive(&mut self) -> Option<Outcome<T, E>> {
        if self.pool.is_some() {
            // `work` answers every job that it takes; should that ever fail, the consumer must not take it for the end.
            let answer = |item: Receiver<Outcome<T, E>>| {
                item.recv().unwrap_or_else(|_| Err(Box::new("a loader thread ended without an answer")))
            };
            return self.pending.pop_front().map(answer);
        }
        (self.next < self.count).then(|| {
            self.next += 1;
            Ok((self.prepare)(self.next - 1))
        })
    }
}

impl<T: Send + 'static, E: Send + 'static> Pool<T, E> {
    /// As many threads as the system allows, up to `workers`; `None` without any.
    fn start(workers: usize, prepare: &Arc<Prepare<T, E>>) -> Option<Self> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let stop = Arc::new(AtomicBool::new(false));
        let start = |number| {
            let (queue, stop, prepare) = (queue.clone(), stop.clone(), prepare.clone());
            std::thread::Builder::new().name(format!("loader-{number}")).spawn(move || work(&queue, &stop, &*prepare))
        };
        let threads: Vec<_> = (0..workers).map_while(|number| start(number).ok()).collect();
        (!threads.is_empty()).then_some(Self { jobs, stop, threads })
    }
}

/// Prepares items until the queue closes or `stop` is set.
fn work<T, E>(queue: &Mutex<Receiver<Job<T, E>>>, stop: &AtomicBool, prepare: &Prepare<T, E>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((index, reply)) = job else { return };
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // The panic goes on in the consumer, which sees nothing of the state it left.
        let outcome = catch_unwind(AssertUnwindSafe(|| prepare(index)));
        // The consumer may be gone.
        let _ = reply.send(outcome);
    }
}

impl<T, E> Iterator for Loader<T, E> {
    type Item = Result<T, E>;

    /// The next item in order; waits for it if it is not ready.
    ///
    /// # Panics
    /// If `prepare` panicked on this index: the same panic goes on here.
    fn next(&mut self) -> Option<Self::Item> {
        let asked = Instant::now();
        let outcome = self.receive();
        self.waited += asked.elapsed();
        match outcome {
            Some(Ok(Ok(item))) => {
                self.submit();
                Some(Ok(item))
            }
            Some(Ok(Err(error))) => {
                self.shut_down();
                Some(Err(error))
            }
            Some(Err(payload)) => {
                self.shut_down();
                resume_unwind(payload)
            }
            None => {
                self.shut_down();
                None
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error may end it early.
        (0, Some(self.count - self.next + self.pending.len()))
    }
}

impl<T, E> std::iter::FusedIterator for Loader<T, E> {}

impl<T, E> Drop for Loader<T, E> {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl<T, E> fmt::Debug for Loader<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("next", &self.next)
            .field("count", &self.count)
            .field("pending", &self.pending.len())
            .field("workers", &self.pool.as_ref().map_or(0, |pool| pool.threads.len()))
            .finish()
    }
}
