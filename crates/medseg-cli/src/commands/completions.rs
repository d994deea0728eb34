//! `medseg completions`: completions for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::command::Cli;
use crate::{CliError, output};

/// Print completions for a shell, to be put where it looks for them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "medseg", &mut script);
    output::bytes(&script)
}
