//! The progress bar.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use medseg::train::Observer;

/// Draws an experiment's progress on the terminal; where standard error is no terminal only the messages are printed.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar with no task yet.
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    fn print(&self, line: &str) {
        if self.bar.is_hidden() { eprintln!("{line}") } else { self.bar.println(line) }
    }
}

impl Observer for Bar {
    fn message(&mut self, text: &str) {
        self.print(text);
    }

    fn warn(&mut self, text: &str) {
        self.print(&format!("warning: {text}"));
    }

    fn begin(&mut self, task: &str, total: usize) {
        self.end();
        let style = ProgressStyle::with_template("{prefix:28} {bar:30} {pos}/{len}  {elapsed} (left {eta})  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr()).with_style(style);
        self.bar.set_prefix(task.to_string());
        self.bar.enable_steady_tick(Duration::from_millis(500));
    }

    fn advance(&mut self, done: usize, note: &str) {
        self.bar.set_position(done as u64);
        self.bar.set_message(note.to_string());
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
        self.bar = ProgressBar::hidden();
    }
}
