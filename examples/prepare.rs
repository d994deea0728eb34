//! The experiments' offline steps: `cargo run --example prepare -- --data DIR --out DIR --step resized|foreground`.
//!
//! Exit code 0 if every labelled case was made, 2 for a usage error, 1 otherwise. A run that was killed is started again.

mod cli;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use medseg::data::{DataError, Offline, OfflineCase, OfflineOutcome, OfflineReport, OfflineStep, discover};
use medseg::train::Observer;
use medseg::transforms::LabelInterpolation;
use medseg::volume::Dhw;

/// Makes the data set of one stage of the two-stage experiment out of the original one.
#[derive(Debug, Parser)]
struct Options {
    /// Folder with image/ and label/, or an MSD folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for the result's image/ and label/
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What to make
    #[arg(long, value_enum)]
    step: Step,
    /// Voxels of resized volumes
    #[arg(long, value_name = "D,H,W", value_delimiter = ',', num_args = 1, default_value = "128,128,128")]
    size: Vec<usize>,
    /// Take a resized label's voxels at their centres, not at their lower corners as the experiments did
    #[arg(long)]
    exact_labels: bool,
    /// Voxels around the foreground
    #[arg(long, default_value_t = 30)]
    margin: usize,
    /// Label values that count as foreground (default: every value above 0)
    #[arg(long, value_name = "1,2", value_delimiter = ',')]
    labels: Vec<u8>,
    /// Cases made at one time, each held in memory
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Say what would be made, and stop
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Step {
    /// Whole volumes in --size voxels, for the coarse network
    Resized,
    /// The foreground's box with --margin, for the fine network
    Foreground,
}

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    let [d, h, w] = match options.size[..] {
        [d, h, w] => [d, h, w],
        [side] => [side; 3],
        _ => {
            eprintln!("error: --size takes D,H,W or one side, not {} numbers", options.size.len());
            return ExitCode::from(2);
        }
    };
    match prepare(&options, Dhw { d, h, w }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(if matches!(e, DataError::Offline { .. }) { 2 } else { 1 })
        }
    }
}

/// Whether every case is there.
fn prepare(options: &Options, size: Dhw<usize>) -> Result<bool, DataError> {
    let label = if options.exact_labels { LabelInterpolation::NearestExact } else { LabelInterpolation::Nearest };
    let step = match options.step {
        Step::Resized => OfflineStep::Resized { size, label },
        Step::Foreground => OfflineStep::Foreground { margin: options.margin },
    };
    let offline = Offline { step, foreground: options.labels.clone(), ..Offline::default() };
    let cases = discover(&options.data)?;
    let plan = offline.plan(&cases, &options.out)?;
    let mut bar = cli::Bar::new();
    bar.message(&plan.to_string());
    if options.dry_run {
        return Ok(true);
    }
    bar.begin("prepare", plan.cases);
    let report = offline.run(&cases, &options.out, options.threads, &mut |case| tell(case, &mut bar))?;
    bar.end();
    bar.message(&format!("{report}, in {}", options.out.display()));
    tell_failures(&report, &mut bar);
    Ok(report.is_complete())
}

fn tell(case: &OfflineCase, bar: &mut cli::Bar) {
    if let OfflineOutcome::Written { warning: Some(warning), .. } = &case.outcome {
        bar.warn(warning);
    }
    bar.advance(case.done, &case.to_string());
}

fn tell_failures(report: &OfflineReport, bar: &mut cli::Bar) {
    for (_, message) in &report.failed {
        bar.message(&format!("error: {message}"));
    }
}
