//! Long work that Ctrl-C ends, and that asks Python in between.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::compute::{panicked, pool};

/// Time between two looks for Ctrl-C.
const LOOK: Duration = Duration::from_millis(100);

/// A message of the work to the thread that waits for it.
enum Message<Q, T> {
    Question(Q),
    Done(std::thread::Result<T>),
}

/// The work's line to the thread of Python that waits for it.
pub struct Line<'a, Q, A> {
    questions: &'a (dyn Fn(Q) + Sync),
    answers: &'a Mutex<Receiver<Option<A>>>,
    stop: &'a AtomicBool,
}

impl<Q, A> Line<'_, Q, A> {
    /// Asks, and waits for the answer; nothing if the work is to end.
    pub fn ask(&self, question: Q) -> Option<A> {
        if self.is_stopped() {
            return None;
        }
        (self.questions)(question);
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).recv().ok().flatten()
    }

    /// True if the work is to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Does something in threads without Python's lock. Meanwhile this thread, Python's, looks for Ctrl-C and answers questions;
/// the exception of either ends the work and is returned.
///
/// Answers come from the thread that called, so that what Python stores for a thread, such as torch's `no_grad`, holds.
pub fn interruptible<T: Send, Q: Send, A: Send>(
    py: Python<'_>,
    work: impl FnOnce(&Line<'_, Q, A>) -> T + Send,
    answer: &mut dyn FnMut(Q) -> PyResult<A>,
) -> PyResult<T> {
    let (pool, stop) = (pool(py)?, AtomicBool::new(false));
    let (to_python, from_work) = channel::<Message<Q, T>>();
    let (to_work, answers): (Sender<Option<A>>, _) = channel();
    let (answers, from_work) = (Mutex::new(answers), Mutex::new(from_work));
    let questions = Mutex::new(to_python.clone());
    let ask = |question: Q| {
        // Nobody listens only if the work has ended.
        let _ = questions.lock().unwrap_or_else(PoisonError::into_inner).send(Message::Question(question));
    };
    let line = Line { questions: &ask, answers: &answers, stop: &stop };
    std::thread::scope(|scope| {
        let line = &line;
        scope.spawn(move || {
            let done = pool.install(|| catch_unwind(AssertUnwindSafe(|| work(line))));
            let _ = to_python.send(Message::Done(done));
        });
        let mut ended: Option<PyErr> = None;
        loop {
            let message = py.detach(|| from_work.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOK));
            let failed = match message {
                Ok(Message::Done(done)) => {
                    return match ended {
                        Some(error) => Err(error),
                        None => done.map_err(|panic| panicked(&*panic)),
                    };
                }
                Ok(Message::Question(question)) => {
                    let answered = if ended.is_some() { Ok(None) } else { answer(question).map(Some) };
                    let (answered, failed) = match answered {
                        Ok(answered) => (answered, None),
                        Err(error) => (None, Some(error)),
                    };
                    let _ = to_work.send(answered);
                    failed
                }
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Err(PyRuntimeError::new_err("the work was lost")),
            };
            if ended.is_none() {
                ended = failed.or_else(|| py.check_signals().err());
                stop.store(ended.is_some(), Ordering::Relaxed);
            }
        }
    })
}
