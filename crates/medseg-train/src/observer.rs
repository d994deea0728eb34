//! How long work tells its progress without drawing anything.

use medseg_report::EpochRecord;

/// How far the training of a stage is.
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
    /// One line for the user: what was found, what was reached.
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
