//! `medseg devices`: the devices that this build can use on this machine.

#[cfg(feature = "cuda")]
mod warm_up;

use medseg_device::{Chosen, DeviceChoice, DeviceError, free_memory};
use serde::Serialize;

use crate::{CliError, output};

/// List the devices that can be used here, and why others cannot
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Try this one alone, as --device does: auto, cpu, ndarray, cuda, cuda:N, webgpu or webgpu:N
    device: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Compile and choose the kernels of a preset, or of a file of settings, and keep them on the disk
    ///
    /// The first step of a training on an NVIDIA GPU otherwise takes minutes. The folder is MEDSEG_GPU_CACHE, else medseg in
    /// the user's cache folder.
    #[cfg(feature = "cuda")]
    #[arg(long, value_name = "quick|reference|FILE", conflicts_with = "json")]
    warm_up: Option<String>,
    /// Number of the stage that this process is for
    #[cfg(feature = "cuda")]
    #[arg(long, hide = true, requires = "warm_up")]
    part: Option<usize>,
}

/// A device that works.
#[derive(Debug, Serialize)]
struct Usable {
    name: String,
    memory_free_bytes: Option<u64>,
    memory_total_bytes: Option<u64>,
}

impl Usable {
    fn new(chosen: &Chosen) -> Self {
        let memory = free_memory(&chosen.device);
        Self {
            name: chosen.name.clone(),
            memory_free_bytes: memory.map(|m| m.free),
            memory_total_bytes: memory.map(|m| m.total),
        }
    }
}

pub fn run(args: &Args) -> Result<(), CliError> {
    #[cfg(feature = "cuda")]
    if let Some(of) = &args.warm_up {
        let device = args.device.as_deref().unwrap_or("cuda");
        return match args.part {
            None => warm_up::run(device, of),
            Some(part) => warm_up::one_part(device, of, part),
        };
    }
    let (mut usable, mut unusable) = (Vec::new(), Vec::new());
    match &args.device {
        Some(name) => {
            let opened = name.parse().and_then(DeviceChoice::open);
            let chosen = opened.map_err(|e| CliError::Usage(e.to_string()))?;
            unusable.extend(chosen.passed_over.iter().map(DeviceError::to_string));
            usable.push(Usable::new(&chosen));
        }
        None => {
            for device in DeviceChoice::all() {
                match device {
                    Ok(chosen) => usable.push(Usable::new(&chosen)),
                    Err(why) => unusable.push(why.to_string()),
                }
            }
        }
    }
    let isa = medseg_kernels::Isa::detect();
    if !isa.self_check() {
        return Err(CliError::Failed(format!("the CPU's {isa} instructions give wrong convolutions: do not use it")));
    }
    let (cpu, threads, peak) = (isa.name(), rayon::current_num_threads(), isa.measured_peak());
    let tiles = medseg_kernels::Arithmetic::fastest_bf16().is_some();
    if args.json {
        let found = serde_json::json!({
            "devices": usable, "unusable": unusable, "cpu_instructions": cpu, "cpu_threads": threads,
            "cpu_peak_flops_of_a_thread": peak, "cpu_bf16_tiles": tiles,
        });
        return output::result(found);
    }
    let bf16 = if tiles { ", bf16 by tiles" } else { "" };
    let kernels = format!("{cpu} kernels{bf16}, {threads} threads of {:.0} GFLOP/s", peak / 1e9);
    let mut lines = Vec::new();
    for Usable { name, memory_free_bytes, memory_total_bytes } in usable {
        let memory = memory_free_bytes.zip(memory_total_bytes);
        let memory =
            memory.map_or_else(String::new, |(f, t)| format!(", {} of {} MiB of memory free", f >> 20, t >> 20));
        let cpu = if name.starts_with("cpu") { format!(", {kernels}") } else { String::new() };
        lines.push(format!("{name} works{cpu}{memory}"));
    }
    lines.extend(unusable);
    output::result(lines.join("\n"))
}
