//! `medseg man`: the manual pages.

use std::fs;
use std::path::PathBuf;

use clap::CommandFactory;

use crate::command::Cli;
use crate::{CliError, output};

/// Print the manual page, or write the pages of all commands to a folder
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for medseg.1, medseg-train.1 and so on
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<(), CliError> {
    match &args.out {
        Some(folder) => {
            fs::create_dir_all(folder)?;
            Ok(clap_mangen::generate_to(Cli::command(), folder)?)
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            output::bytes(&page)
        }
    }
}
