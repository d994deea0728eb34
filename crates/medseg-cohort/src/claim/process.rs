//! Identity of a process, by which others on its computer see that it is gone.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

/// A process, as others know it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ProcessIdentity {
    pub host: String,
    pub pid: u32,
    /// Of the running kernel; empty where there is no `/proc`.
    #[serde(default)]
    pub boot: String,
    /// The name space of process numbers: containers have their own.
    #[serde(default)]
    pub pid_namespace: String,
    /// Ticks from the boot to the process's start: a number is given again, this pair is not.
    #[serde(default)]
    pub started: u64,
    /// The job of a batch system.
    #[serde(default)]
    pub job: Option<Job>,
}

/// A job of Slurm.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Cluster and number, different for each task of an array.
    pub id: String,
    /// The number of times that it was requeued.
    pub restart: u32,
}

impl ProcessIdentity {
    /// The identity of this process.
    pub fn own() -> Self {
        let pid = std::process::id();
        Self {
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            pid,
            boot: boot(),
            pid_namespace: pid_namespace(),
            started: started(pid).unwrap_or_default(),
            job: Job::own(),
        }
    }

    /// True if it is certain that the process is gone: another process asks on the same computer, or in a later start of the
    /// same job.
    pub fn is_gone(&self, asked_by: &Self) -> bool {
        if let (Some(job), Some(asking)) = (&self.job, &asked_by.job)
            && job.id == asking.id
            && job.restart < asking.restart
        {
            return true;
        }
        let same_computer = !self.boot.is_empty() && self.boot == asked_by.boot;
        let same_numbers = !self.pid_namespace.is_empty() && self.pid_namespace == asked_by.pid_namespace;
        same_computer && same_numbers && started(self.pid) != Some(self.started)
    }
}

impl fmt::Display for ProcessIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)?;
        self.job.as_ref().map_or(Ok(()), |job| write!(f, ", job {}", job.id))
    }
}

impl Job {
    fn own() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let number = variable("SLURM_JOB_ID")?;
        let cluster = variable("SLURM_CLUSTER_NAME").unwrap_or_default();
        let restart = variable("SLURM_RESTART_COUNT").and_then(|count| count.parse().ok()).unwrap_or(0);
        Some(Self { id: format!("{cluster}/{number}"), restart })
    }
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_string()).unwrap_or_default()
}

fn pid_namespace() -> String {
    fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Ticks from the boot to the start of a process that runs; `None` for one that is gone or only waits for its parent.
fn started(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold any letters; the fields come after the last one. See proc(5).
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let running = !matches!(*fields.first()?, "Z" | "X" | "x");
    running.then(|| fields.get(19)?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_ended_is_gone_and_this_one_is_not() {
        let own = ProcessIdentity::own();
        assert!(own.started > 0 && !own.is_gone(&own));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = ProcessIdentity { pid: child.id(), started: started(child.id()).unwrap(), ..own.clone() };
        assert!(!other.is_gone(&own));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(other.is_gone(&own));
        // Another process has got its number.
        assert!(ProcessIdentity { started: own.started - 1, ..own.clone() }.is_gone(&own));
        // Nothing is certain about other computers and containers.
        for elsewhere in [
            ProcessIdentity { boot: "other".into(), ..other.clone() },
            ProcessIdentity { pid_namespace: "pid:[1]".into(), ..other.clone() },
            ProcessIdentity { boot: String::new(), ..other.clone() },
        ] {
            assert!(!elsewhere.is_gone(&own));
        }
    }

    #[test]
    fn an_earlier_start_of_the_same_job_is_gone() {
        let job = |id: &str, restart| ProcessIdentity {
            boot: id.into(),
            job: Some(Job { id: "c/7".into(), restart }),
            ..ProcessIdentity::default()
        };
        assert!(job("a", 0).is_gone(&job("b", 1)));
        assert!(!job("a", 1).is_gone(&job("b", 1)) && !job("a", 1).is_gone(&job("b", 0)));
        let other = ProcessIdentity { job: Some(Job { id: "c/8".into(), restart: 0 }), ..job("a", 0) };
        assert!(!other.is_gone(&job("b", 1)));
    }
}
