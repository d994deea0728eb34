//! `medseg report`: a finished run's report, made again or with another run beside it.

use std::path::PathBuf;

use medseg_report::write_report;

use crate::{CliError, output};

/// Write report.html of a finished run again, without training
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Output folder of a finished run
    run: PathBuf,
    /// Output folder of another run whose scores are compared case by case
    #[arg(long, value_name = "OTHER_RUN")]
    compare: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<(), CliError> {
    output::result(write_report(&args.run, args.compare.as_deref())?.display())
}
