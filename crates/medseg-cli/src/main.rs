//! The program.

use std::process::ExitCode;

fn main() -> ExitCode {
    medseg_cli::clean_up_when_interrupted();
    medseg_cli::run(std::env::args_os())
}
