//! The listener of an experiment.

use std::ops::ControlFlow;

use medseg_inference::Progress;

use medseg_report::EpochRecord;

/// Progress of the training of a stage.
#[derive(Clone, Copy, Debug)]
pub struct EpochProgress<'a> {
    /// The stage.
    pub stage: &'a str,
    /// Finished epochs, those before a resume included.
    pub done: usize,
    /// All epochs.
    pub epochs: usize,
    /// The last finished epoch; `None` before the first.
    pub last: Option<&'a EpochRecord>,
    /// The best mean validation Dice so far.
    pub best_dice: Option<f64>,
}

/// Receives the progress of an experiment; binaries draw it, libraries and tests may ignore it.
///
/// Every task is opened by [`begin`](Observer::begin), advanced by [`advance`](Observer::advance) and closed by
/// [`end`](Observer::end); tasks do not nest.
pub trait Observer {
    /// One line for the user: a finding, or a result so far.
    fn message(&mut self, text: &str);
    /// A warning that does not stop the work and that the user should read.
    fn warn(&mut self, text: &str);
    /// A task of `total` steps starts.
    fn begin(&mut self, task: &str, total: usize);
    /// `done` steps of the current task are finished; `note` is a short state such as the current loss.
    fn advance(&mut self, done: usize, note: &str);
    /// The current task is over.
    fn end(&mut self);
    /// A stage's training starts, goes on after a resume, or has finished an epoch.
    fn epoch(&mut self, _progress: &EpochProgress<'_>) {}
}

/// Windows of a prediction as a task of an [`Observer`]: the [`Progress`] of an inference on its way there.
///
/// ```
/// use medseg_inference::Progress;
/// use medseg_train::{Silent, WindowProgress};
///
/// let (mut observer, mut steps) = (Silent, 0);
/// let mut progress = WindowProgress::new(&mut observer);
/// while progress.report(steps, 8).is_continue() && steps < 8 {
///     steps += 4;
/// }
/// progress.end();
/// ```
pub struct WindowProgress<'a> {
    observer: &'a mut dyn Observer,
    announced: usize,
}

impl<'a> WindowProgress<'a> {
    /// Opens the task with the first report, and anew when the number of windows rises.
    pub fn new(observer: &'a mut dyn Observer) -> Self {
        Self { observer, announced: 0 }
    }

    /// Closes the task.
    pub fn end(self) {
        self.observer.end();
    }
}

impl Progress for WindowProgress<'_> {
    fn report(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        if total != self.announced {
            self.observer.begin("windows", total);
            self.announced = total;
        }
        self.observer.advance(done, "");
        ControlFlow::Continue(())
    }
}

/// An [`Observer`] that says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn message(&mut self, _text: &str) {}
    fn warn(&mut self, _text: &str) {}
    fn begin(&mut self, _task: &str, _total: usize) {}
    fn advance(&mut self, _done: usize, _note: &str) {}
    fn end(&mut self) {}
}
