//! `medseg prepare`: the offline steps of the two-stage experiment.

use std::path::PathBuf;

use clap::ValueEnum;
use medseg_data::{Offline, OfflineCase, OfflineOutcome, OfflineStep, discover};
use medseg_device::host_memory;
use medseg_files::FolderLock;
use medseg_train::Observer;
use medseg_transforms::LabelInterpolation;
use medseg_volume::Dhw;

use crate::console::Console;
use crate::{CliError, paths};

/// Precompute the resized or cropped data set of one stage; run again, it goes on from there
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with image/ and label/, or an MSD folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for the result's image/ and label/
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The data set to make
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

/// # Errors
/// As the library, and [`CliError::Failed`] if a case could not be made.
pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    paths::refuse_folder_over_input(&args.out, &args.data)?;
    let size = match args.size[..] {
        [d, h, w] => Dhw { d, h, w },
        [size] => Dhw::splat(size),
        _ => {
            let numbers = args.size.len();
            return Err(CliError::Usage(format!("--size takes D,H,W or one number, not {numbers}")));
        }
    };
    check_memory(size, args.threads)?;
    let label = if args.exact_labels { LabelInterpolation::NearestExact } else { LabelInterpolation::Nearest };
    let step = match args.step {
        Step::Resized => OfflineStep::Resized { size, label },
        Step::Foreground => OfflineStep::Foreground { margin: args.margin },
    };
    let offline = Offline { step, foreground: args.labels.clone(), ..Offline::default() };
    let cases = discover(&args.data)?;
    let plan = offline.plan(&cases, &args.out)?;
    console.message(&plan.to_string());
    if args.dry_run {
        return Ok(());
    }
    let _lock = FolderLock::acquire(&args.out)?;
    console.begin("prepare", plan.cases);
    let report = offline.run(&cases, &args.out, args.threads, &mut |case| advance(case, console))?;
    console.end();
    console.message(&format!("{report}, in {}", args.out.display()));
    for (_, message) in &report.failed {
        console.warning(message);
    }
    if report.is_complete() { Ok(()) } else { Err(CliError::Failed("not every case was made; see above".into())) }
}

/// Refuses a size of which this computer cannot hold as many cases as are made at one time.
fn check_memory(size: Dhw<usize>, threads: usize) -> Result<(), CliError> {
    // Image and label.
    let bytes = size.to_array().into_iter().chain([threads.max(1)]).fold(5, |all: u64, n| all.saturating_mul(n as u64));
    match host_memory() {
        Some(host) if bytes > host.total => {
            let (needed, total) = (bytes >> 20, host.total >> 20);
            Err(CliError::Usage(format!(
                "--size {size} with --threads {threads} takes {needed} MiB, and this computer has {total} MiB"
            )))
        }
        _ => Ok(()),
    }
}

fn advance(case: &OfflineCase, console: &mut Console) {
    if let OfflineOutcome::Written { warning: Some(warning), .. } = &case.outcome {
        console.warning(warning);
    }
    console.advance(case.done, &case.to_string());
}
