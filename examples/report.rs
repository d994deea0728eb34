//! `report.html` of a finished run made again, without training, or with another run on the same cases beside it.
//!
//! `cargo run --example report -- RUN [--compare OTHER_RUN]`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use medseg::report::write_report;

#[derive(Debug, Parser)]
struct Options {
    /// Output folder of a finished run
    run: PathBuf,
    /// Output folder of another run whose scores are compared case by case
    #[arg(long, value_name = "OTHER_RUN")]
    compare: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match write_report(&options.run, options.compare.as_deref()) {
        Ok(path) => {
            println!("{}", path.display());
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}
