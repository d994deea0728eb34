//! `medseg devices --warm-up`: fills the cache of compiled kernels, so that the first step of a training takes seconds.
//!
//! A process compiles one kernel after the other, so two processes work at once, a stage each. Both write to one cache.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use medseg_data::Case;
use medseg_device::{DeviceChoice, kernel_cache};
use medseg_phantom::PhantomConfig;
use medseg_train::{Experiment, ExperimentConfig, Preset, time_stages};

use crate::{CliError, output};

/// Processes at once: each holds a network in training on the GPU.
const AT_ONCE: usize = 2;
/// Synthetic cases that a stage trains on.
const CASES: usize = 4;

/// A stage whose kernels are wanted.
struct Part {
    name: String,
    /// One stage.
    config: ExperimentConfig,
}

/// The stages of a preset, or of a file of settings.
fn parts(of: &str) -> Result<Vec<Part>, CliError> {
    let configs = match of {
        "quick" => [Experiment::OneStage, Experiment::TwoStage].map(|e| Preset::Quick.config(e)).to_vec(),
        "reference" | "paper" => vec![
            Preset::Reference.config(Experiment::OneStage),
            Preset::ReferenceRun2.config(Experiment::OneStage),
            Preset::Reference.config(Experiment::TwoStage),
        ],
        file => vec![ExperimentConfig::read(Path::new(file))?],
    };
    let mut parts = Vec::new();
    for config in configs {
        for (name, stage) in config.stages() {
            let name = format!("{of}, network {} ({name})", parts.len() + 1);
            let alone = ExperimentConfig {
                experiment: Experiment::OneStage,
                coarse: None,
                fine: stage.clone(),
                ..config.clone()
            };
            parts.push(Part { name, config: alone });
        }
    }
    Ok(parts)
}

/// Compiles the kernels of every stage, in processes of their own.
pub(super) fn run(device: &str, of: &str) -> Result<(), CliError> {
    open(device)?;
    let folder = kernel_cache().ok_or_else(|| {
        CliError::Usage(format!("{device} keeps no kernels: a CUDA device does, unless MEDSEG_GPU_CACHE is off"))
    })?;
    let parts = parts(of)?;
    let mut again = Vec::new();
    let mut waiting = (0..parts.len()).collect::<Vec<_>>().into_iter();
    let mut running: Vec<(usize, Instant, Child)> = Vec::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(number) = waiting.next()
        {
            running.push((number, Instant::now(), start(device, of, number)?));
        }
        if running.is_empty() {
            break;
        }
        let (number, started, child) = running.remove(0);
        let ended = child.wait_with_output().map_err(failed)?;
        if ended.status.success() {
            eprintln!("{}: {:.0} s", parts[number].name, started.elapsed().as_secs_f64());
        } else {
            again.push(number);
        }
    }
    // Two may have been too much for the GPU's memory.
    for number in again {
        let started = Instant::now();
        let ended = start(device, of, number)?.wait_with_output().map_err(failed)?;
        if !ended.status.success() {
            return Err(CliError::Failed(format!("{}: {}", parts[number].name, last_line(&ended))));
        }
        eprintln!("{}: {:.0} s", parts[number].name, started.elapsed().as_secs_f64());
    }
    let networks = if parts.len() == 1 { "one network" } else { &format!("{} networks", parts.len()) };
    output::result(format!("the kernels of {networks} are kept in {}", folder.display()))
}

/// The process that compiles the kernels of one stage.
fn start(device: &str, of: &str, number: usize) -> Result<Child, CliError> {
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(["devices", device, "--warm-up", of, "--part", &number.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(failed)
}

fn last_line(ended: &Output) -> String {
    let text = String::from_utf8_lossy(&ended.stderr);
    let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it ended without a word");
    line.trim_start_matches("error: ").to_string()
}

fn failed(error: std::io::Error) -> CliError {
    CliError::Failed(format!("a process for the kernels: {error}"))
}

fn open(device: &str) -> Result<medseg_device::Chosen, CliError> {
    device.parse().and_then(DeviceChoice::open).map_err(|e| CliError::Usage(e.to_string()))
}

/// Trains and validates one stage on synthetic cases, so that each of its kernels is compiled and the fastest are chosen.
pub(super) fn one_part(device: &str, of: &str, number: usize) -> Result<(), CliError> {
    let part = parts(of)?.into_iter().nth(number);
    let part = part.ok_or_else(|| CliError::Usage(format!("--part {number}: there are fewer stages")))?;
    let device = open(device)?.device;
    let folder = Scratch::new();
    let phantom = PhantomConfig { cases: CASES, ..PhantomConfig::default() };
    let written = phantom.write(&folder.0, &mut |_, _| {}).map_err(|e| CliError::Failed(e.to_string()))?;
    let cases: Vec<Case> = written.into_iter().map(|case| Case::new(case.id, case.image, Some(case.label))).collect();
    time_stages(&part.config, &cases, &[device], Duration::ZERO)?;
    Ok(())
}

/// A folder for the synthetic cases, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("medseg-warm-up-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_of_a_preset_is_a_valid_experiment_of_its_own() {
        for (preset, stages) in [("quick", 3), ("reference", 4)] {
            let parts = parts(preset).unwrap();
            assert_eq!(parts.len(), stages);
            for part in parts {
                part.config.validate().unwrap_or_else(|e| panic!("{}: {e}", part.name));
            }
        }
        assert!(parts("/no/such/file.toml").is_err());
    }
}
