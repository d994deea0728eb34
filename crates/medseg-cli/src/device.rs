//! `--device`: the Burn device that runs the networks.

use medseg_device::{Chosen, DeviceChoice, DeviceError, has_own_memory, is_out_of_memory, within_memory};
use medseg_train::Observer;

use crate::CliError;
use crate::console::Console;

/// Advice for a device whose memory is short.
const LOWER: &str = "lower the crop and window (--roi), the crops or windows at once (--set fine.crops.samples=2, \
                     --set fine.window.batch=1; predict: --memory MIB), or compute in bf16 (--set precision=bf16; predict: --bf16)";

/// Opens the devices of names separated by commas: `cuda:0,cuda:1`. All must be of one kind.
///
/// Prints why `auto` took no GPU; where the build has none, only if `auto` was `asked` for by its name.
pub fn choose_devices(names: &str, asked: bool, console: &mut Console) -> Result<Vec<Chosen>, CliError> {
    let kind = |name: &str| name.split(':').next().unwrap_or_default().to_string();
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    if let Some(other) = names.iter().find(|name| kind(name) != kind(names[0])) {
        return Err(CliError::Usage(format!("--device {} and {other} are of two kinds", names[0])));
    }
    names.iter().map(|name| choose_device(name, asked, console)).collect()
}

/// Opens one device, as [`choose_devices`] does.
pub fn choose_device(name: &str, asked: bool, console: &mut Console) -> Result<Chosen, CliError> {
    let chosen = name.parse().and_then(DeviceChoice::open).map_err(|e| CliError::Usage(e.to_string()))?;
    let reasons: Vec<String> = chosen
        .passed_over
        .iter()
        .filter(|reason| asked || !reason.is_not_built_in())
        .map(DeviceError::to_string)
        .collect();
    if !reasons.is_empty() {
        console.message(&format!("on {}: {}", chosen.name, reasons.join("; ")));
    }
    Ok(chosen)
}

/// Computes on a device; where its memory is too small, the error says what to lower.
pub fn within_memory_of<T>(chosen: &Chosen, compute: impl FnOnce() -> Result<T, CliError>) -> Result<T, CliError> {
    // The CPU backends take the process's memory, whose end is no panic.
    if !has_own_memory(&chosen.device) {
        return compute();
    }
    match within_memory(&chosen.name, compute) {
        Err(panicked) => Err(CliError::Failed(format!("{panicked}; {LOWER}"))),
        Ok(Err(CliError::Failed(text))) if is_out_of_memory(&text) => {
            Err(CliError::Failed(format!("{}; {LOWER}", text.lines().next().unwrap_or_default())))
        }
        Ok(result) => result,
    }
}
