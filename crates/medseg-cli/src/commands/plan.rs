//! `medseg plan`: settings for a data set, with reasons.

use std::path::PathBuf;

use medseg_plan::{PLAN_FILE, PLAN_PAGE, Plan, PlanOptions};

use super::train::{Duration, Memory, groups};
use crate::console::Console;
use crate::device::choose_devices;
use crate::{CliError, paths};

/// Plan a training from the data: grid, intensities, patch, network, stages and length, each with its reason
///
/// Reads all headers and some voxels, and times training steps on this computer. `medseg train DIR --config plan.toml` trains by
/// the plan; `medseg train DIR --preset auto` plans and trains at once.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with image/ and label/, or an MSD folder
    data: PathBuf,
    /// Folder for plan.toml, plan.html and fingerprint.json
    #[arg(long, short, value_name = "DIR", default_value = "plan")]
    out: PathBuf,
    /// Label values that count as foreground, each a class of its own (default: every value above 0)
    #[arg(long, value_name = "1,2", value_delimiter = ',')]
    labels: Vec<u8>,
    /// Time of the whole training, such as 90s, 30m or 2h
    #[arg(long, default_value = "30m")]
    time: Duration,
    /// Memory that training may take, such as 8G
    #[arg(long, default_value = "8G")]
    memory: Memory,
    /// Keep cases together in a split: a regular expression on their names whose parentheses match the patient, or a CSV
    /// file of case and group
    #[arg(long, value_name = "PATTERN|FILE.csv")]
    groups: Option<String>,
    /// auto, cpu, ndarray, cuda, cuda:N, webgpu or webgpu:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// # Errors
/// Faults of the data, a time or memory that no plan keeps, the system's.
pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    paths::refuse_folder_over_input(&args.out, &args.data)?;
    let devices = choose_devices(&args.device, false, console)?;
    let devices: Vec<_> = devices.iter().map(|chosen| chosen.device.clone()).collect();
    let options = PlanOptions {
        labels: args.labels.clone(),
        groups: args.groups.as_deref().map(groups),
        seconds: args.time.seconds(),
        memory: args.memory.bytes(),
        seed: args.seed,
        ..PlanOptions::new(&args.data)
    };
    let plan = Plan::make(&options, None, &devices, console)?;
    plan.write(&args.out)?;
    for decision in &plan.decisions {
        println!("{}: {}\n    {}", decision.setting, decision.value, decision.reason);
    }
    println!("written: {} and {}", args.out.join(PLAN_FILE).display(), args.out.join(PLAN_PAGE).display());
    Ok(())
}
