//! Needs compared with the computer's memory.

use medseg_device::host_memory;

use crate::CliError;
use crate::console::Console;

/// Refuses a task that needs more bytes than the computer has, and warns of one that needs more than are free.
///
/// # Errors
/// [`CliError::Failed`] with both numbers.
pub fn check_host_memory(task: &str, needed: u64, advice: &str, console: &mut Console) -> Result<(), CliError> {
    let Some(host) = host_memory().filter(|host| needed > host.free.min(host.total)) else { return Ok(()) };
    let (shown, total, free) = (needed >> 20, host.total >> 20, host.free >> 20);
    if needed > host.total {
        return Err(CliError::Failed(format!("{task} needs about {shown} MiB, and this computer has {total} MiB")));
    }
    console.warning(&format!("{task} needs about {shown} MiB, and {free} MiB are free; {advice}"));
    Ok(())
}
