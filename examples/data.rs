//! Makes a small set of synthetic abdomen CTs, finds and splits its cases, and loads them ahead of their use.
//!
//! `cargo run --example data -- DIR [CASES [SCALE]]` keeps the set in DIR, which `one_stage` and `two_stage` take as
//! `--data DIR`; at a scale of 4 its volumes have the size of clinical ones.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use medseg::data::{Loader, LoaderOptions, SplitRule, check_cases, discover};
use medseg::phantom::PhantomConfig;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map_or_else(|| temporary.path().join("phantoms"), PathBuf::from);
    let cases = std::env::args().nth(2).map_or(Ok(6), |cases| cases.parse())?;
    let scale = std::env::args().nth(3).map_or(Ok(0.5), |scale| scale.parse())?;
    let phantoms = PhantomConfig { cases, scale, seed: 1, ..PhantomConfig::default() };
    phantoms.write(&folder, &mut |done, cases| println!("made {done} of {cases}"))?;

    // An image without a label, or with one on another grid, would be an error here.
    let cases = discover(&folder)?;
    check_cases(&cases)?;
    let split = SplitRule::default().split(&cases)?;
    println!("train {:?}\nvalidate {:?}", split.train, split.validation);

    // Two threads read and unpack the next cases while this one uses the last; the order stays.
    let ids: Vec<String> = cases.iter().map(|case| case.id.clone()).collect();
    let options = LoaderOptions { workers: 2, prefetch: 2 };
    let samples = Loader::new(cases.len(), options, move |i| cases[i].read());
    for (id, sample) in ids.iter().zip(samples) {
        let sample = sample?;
        let foreground = sample.label.iter().flatten().filter(|value| **value > 0).count();
        println!("{id}: {} voxels, {foreground} of them foreground", sample.shape());
    }
    Ok(())
}
