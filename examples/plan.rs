//! A plan for a data set: every choice with its reason, for phantoms that are made up here.
//!
//! `cargo run --example plan -- DIR` plans for the cases in DIR.

use std::error::Error;
use std::path::PathBuf;

use medseg::Device;
use medseg::phantom::PhantomConfig;
use medseg::plan::{Plan, PlanOptions};
use medseg::train::Silent;

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let data = match std::env::args().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => {
            let phantom = PhantomConfig { cases: 4, scale: 0.25, ..PhantomConfig::default() };
            phantom.write(temporary.path().join("data"), &mut |_, _| {})?;
            temporary.path().join("data")
        }
    };
    let options = PlanOptions { seconds: 60.0, ..PlanOptions::new(data) };
    let plan = Plan::make(&options, None, &[Device::flex()], &mut Silent)?;
    for decision in &plan.decisions {
        println!("{}: {}\n    {}", decision.setting, decision.value, decision.reason);
    }
    println!("{:.0} s and {} MiB are planned", plan.seconds, plan.memory >> 20);
    Ok(())
}
