//! Messages, warnings and progress bars on standard error.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use medseg_train::{EpochProgress, Observer, memory_bytes};

use crate::output;

/// A bar short enough for the notes to be read on 80 columns.
const TEMPLATE: &str = "{prefix:20} {bar:12} {pos}/{len}  {left}  {wide_msg}";

/// Draws an experiment's progress on the terminal: a bar of the stage's epochs with the last loss, learning rate and Dice,
/// and below it one of the current task; both with the time left. Where standard error is no terminal only the messages
/// are printed.
pub struct Console {
    quiet: bool,
    silent: bool,
    bars: MultiProgress,
    epochs: Option<ProgressBar>,
    task: Option<ProgressBar>,
}

impl Console {
    /// No task yet. If `quiet`, only warnings are printed.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { quiet, silent: false, bars: MultiProgress::with_draw_target(target), epochs: None, task: None }
    }

    /// Prints nothing, not even warnings: another process prints the same.
    pub fn silent() -> Self {
        Self { silent: true, ..Self::new(true) }
    }

    /// True if only warnings are printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a warning.
    pub fn warning(&mut self, text: &str) {
        if !self.silent {
            self.print(&format!("warning: {text}"));
        }
    }

    fn print(&self, line: &str) {
        if self.bars.is_hidden() || self.bars.println(line).is_err() {
            output::remark(line);
        }
    }

    fn bar(&self, name: &str, total: usize) -> ProgressBar {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.progress_chars("━━─").with_key("left", left);
        let bar = self.bars.add(ProgressBar::new(total as u64).with_style(style));
        bar.set_prefix(name.to_string());
        bar.enable_steady_tick(Duration::from_millis(500));
        bar
    }
}

/// The time left, once it can be estimated.
fn left(state: &ProgressState, to: &mut dyn Write) {
    let time = state.eta();
    let unknown = time.is_zero() && state.len() != Some(state.pos());
    let _ = if unknown { to.write_str("left ?") } else { write!(to, "left {:#}", HumanDuration(time)) };
}

fn close(bar: &mut Option<ProgressBar>) {
    if let Some(bar) = bar.take() {
        bar.finish_and_clear();
    }
}

impl Observer for Console {
    fn message(&mut self, text: &str) {
        if !self.quiet {
            self.print(text);
        }
    }

    fn warn(&mut self, text: &str) {
        self.warning(text);
    }

    fn begin(&mut self, task: &str, total: usize) {
        self.end();
        self.task = Some(self.bar(task, total));
    }

    fn advance(&mut self, done: usize, note: &str) {
        let Some(bar) = &self.task else { return };
        bar.set_position(done as u64);
        let memory = memory_bytes().map_or_else(String::new, |b| format!("  {} MiB", b >> 20));
        bar.set_message(format!("{note}{memory}").trim_start().to_string());
    }

    fn end(&mut self) {
        close(&mut self.task);
    }

    fn epoch(&mut self, progress: &EpochProgress<'_>) {
        if progress.last.is_none() || self.epochs.is_none() {
            close(&mut self.epochs);
            let bar = self.bar(&format!("{} epochs", progress.stage), progress.epochs);
            // Epochs of an earlier part of the run say nothing about the time that this part takes.
            bar.set_position(progress.done as u64);
            bar.reset_eta();
            self.epochs = Some(bar);
        }
        let Some(bar) = &self.epochs else { return };
        bar.set_position(progress.done as u64);
        if let Some(last) = progress.last {
            let dice = progress.best_dice.map_or_else(String::new, |d| format!("best Dice {d:.4}  "));
            bar.set_message(format!("{dice}loss {:.4}  lr {:.1e}", last.loss, last.lr));
        }
        if progress.done >= progress.epochs {
            close(&mut self.epochs);
        }
    }
}
