//! `medseg table`: one table of a folder of masks.

use std::path::PathBuf;

use medseg_cohort::{CaseStatus, CohortFolder, merge};
use medseg_train::Observer;

use crate::console::Console;
use crate::{CliError, output};

/// Make table.csv and table.json of all cases that `medseg predict MODEL IN OUT` did, whatever part or job did them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of masks
    folder: PathBuf,
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    let table = merge(&CohortFolder::new(&args.folder))?;
    let count = |status| table.count(status);
    let (done, failed, path) = (count(CaseStatus::Done), count(CaseStatus::Failed), args.folder.join("table.csv"));
    console.message(&format!("{done} done, {failed} failed, written to {}", path.display()));
    if table.damaged_records > 0 {
        let damaged = table.damaged_records;
        console.warning(&format!("{damaged} record(s) could not be read; another run does their cases again"));
    }
    if args.json { output::result(table.json().trim_end()) } else { Ok(()) }
}
