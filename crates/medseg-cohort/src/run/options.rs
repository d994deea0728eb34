//! Choices of a run.

use std::time::Duration;

/// The way in which files are compared with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Verify {
    /// Files whose length, times and number in the file system are those of the record are taken for unchanged; all others
    /// are read through. A file that had changed within two seconds before it was read is always read again.
    #[default]
    Times,
    /// All files are read through.
    Content,
}

/// Cases that failed before, with the same input, model and options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Retry {
    /// Those that failed are tried again, but not those at which the process died too often.
    #[default]
    Failed,
    /// None is tried again.
    None,
    /// All are tried again.
    All,
}

/// Cases that another worker has when all others are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Busy {
    /// Waits until they are done or their worker is dead, and then takes them over.
    #[default]
    Wait,
    /// Leaves them.
    Leave,
}

/// Choices of a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunOptions {
    /// Inputs that wait in memory beside the one that is worked on.
    pub read_ahead: usize,
    /// Threads that read.
    pub readers: usize,
    /// Outputs that wait in memory beside the one that is written.
    pub write_behind: usize,
    /// Bytes of all inputs in memory, by [`CaseFiles::bytes`](crate::CaseFiles::bytes); a larger case is read alone.
    pub input_bytes: u64,
    /// The way in which files are compared with a record.
    pub verify: Verify,
    /// Cases that failed before.
    pub retry: Retry,
    /// Cases that another worker has.
    pub busy: Busy,
    /// Times that a process may die at a case before the case counts as failed; at least one.
    pub most_deaths: u32,
    /// Time between two signs of life.
    pub heartbeat: Duration,
    /// A worker without a sign of life for so long is dead. Ten times `heartbeat` or more.
    pub heartbeat_limit: Duration,
    /// Time between two looks at a case that another worker has.
    pub poll: Duration,
}

impl Default for RunOptions {
    /// Two inputs and two outputs in memory, one reader, three deaths, a sign of life every 15 s, a limit of 3 min.
    fn default() -> Self {
        Self {
            read_ahead: 2,
            readers: 1,
            write_behind: 2,
            input_bytes: u64::MAX,
            verify: Verify::Times,
            retry: Retry::Failed,
            busy: Busy::Wait,
            most_deaths: 3,
            heartbeat: Duration::from_secs(15),
            heartbeat_limit: Duration::from_secs(180),
            poll: Duration::from_secs(2),
        }
    }
}

impl RunOptions {
    /// Sets the inputs that wait in memory.
    #[must_use]
    pub fn with_read_ahead(mut self, inputs: usize) -> Self {
        self.read_ahead = inputs;
        self
    }

    /// Sets the threads that read; at least one.
    #[must_use]
    pub fn with_readers(mut self, readers: usize) -> Self {
        self.readers = readers;
        self
    }

    /// Sets the outputs that wait in memory.
    #[must_use]
    pub fn with_write_behind(mut self, outputs: usize) -> Self {
        self.write_behind = outputs;
        self
    }

    /// Sets the bytes of all inputs in memory.
    #[must_use]
    pub fn with_input_bytes(mut self, bytes: u64) -> Self {
        self.input_bytes = bytes;
        self
    }

    /// Sets the way in which files are compared with a record.
    #[must_use]
    pub fn with_verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }

    /// Sets which failed cases are tried again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Sets what becomes of cases that another worker has.
    #[must_use]
    pub fn with_busy(mut self, busy: Busy) -> Self {
        self.busy = busy;
        self
    }

    /// Sets the times that a process may die at a case.
    #[must_use]
    pub fn with_most_deaths(mut self, deaths: u32) -> Self {
        self.most_deaths = deaths;
        self
    }

    /// Sets the time between two signs of life, and the time without one after which a worker is dead.
    #[must_use]
    pub fn with_heartbeat(mut self, heartbeat: Duration, limit: Duration) -> Self {
        (self.heartbeat, self.heartbeat_limit) = (heartbeat, limit);
        self
    }

    /// Sets the time between two looks at a case that another worker has.
    #[must_use]
    pub fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }
}
