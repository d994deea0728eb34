//! `medseg completions`: completions for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::CliError;
use crate::command::Cli;

/// Print completions for a shell, to be put where it looks for them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args) -> Result<(), CliError> {
    clap_complete::generate(args.shell, &mut Cli::command(), "medseg", &mut std::io::stdout());
    Ok(())
}
