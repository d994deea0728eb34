//! A tiny work: the sum of a file's bytes, with a log of what was worked on.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use medseg_cohort::{
    Case, CaseError, CaseFiles, CaseSummary, Cohort, CohortError, CohortFolder, FindOptions, RunIdentity, RunOptions,
    RunReport, Staging, find,
};

/// Sums the bytes of a file, and writes the sum and a larger file.
pub struct Sum;

impl CaseFiles for Sum {
    type Input = Vec<u8>;
    type Output = u64;

    fn endings(&self) -> Vec<String> {
        vec![".sum.txt".into(), ".large.bin".into()]
    }

    fn read(&self, case: &Case) -> Result<Vec<u8>, CaseError> {
        Ok(fs::read(&case.files()[0])?)
    }

    fn write(&self, _case: &Case, sum: u64, staging: &Staging) -> Result<CaseSummary, CaseError> {
        fs::write(staging.file(".sum.txt"), sum.to_string())?;
        fs::write(staging.file(".large.bin"), vec![sum as u8; 50_000])?;
        Ok(CaseSummary::default().with_volume_ml("sum", sum as f64))
    }
}

/// The sum of a file.
pub fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

/// A folder with `in` and `out`.
pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    /// Makes `in/site_K/case_NN.nii` with contents of their own.
    pub fn new(cases: usize) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(place.input()).unwrap();
        for index in 0..cases {
            place.put(&format!("site_{}/case_{index:02}.nii", index % 3), &vec![index as u8 + 1; 1000 + index]);
        }
        place
    }

    pub fn input(&self) -> PathBuf {
        self.folder.path().join("in")
    }

    pub fn out(&self) -> CohortFolder {
        CohortFolder::new(self.folder.path().join("out"))
    }

    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.input().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs in this process; returns the ids that were worked on, sorted, beside the report.
    pub fn run(&self, identity: &RunIdentity, options: RunOptions) -> (RunReport, Vec<String>) {
        self.try_run(identity, options).unwrap()
    }

    pub fn try_run(
        &self,
        identity: &RunIdentity,
        options: RunOptions,
    ) -> Result<(RunReport, Vec<String>), CohortError> {
        let mut worked = Vec::new();
        let found = find(&[self.input()], &FindOptions::default().with_output(self.out().root()))?;
        let report =
            Cohort::new(self.out(), identity.clone()).with_options(options).run(&found, &Sum, |case, input| {
                worked.push(case.id.clone());
                Ok(sum(&input))
            })?;
        worked.sort();
        Ok((report, worked))
    }

    /// Ids in the log of other processes, sorted.
    pub fn logged(&self) -> Vec<String> {
        let mut ids: Vec<String> =
            fs::read_to_string(self.log()).unwrap_or_default().lines().map(String::from).collect();
        ids.sort();
        ids
    }

    /// Starts a worker in a process of its own.
    pub fn spawn(&self, slow: Duration, settings: &[(&str, &str)]) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "support::worker_process", "--ignored", "--nocapture"]);
        command.env("COHORT_PLACE", self.folder.path()).env("COHORT_SLOW_MS", slow.as_millis().to_string());
        command.envs(settings.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// All files of the output folder but those of `.medseg`, with their contents.
    pub fn outputs(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files(self.out().root()).into_iter().filter(|(path, _)| !path.starts_with(".medseg")).collect()
    }

    /// Files in the hidden folder beside the records.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let hidden = self.out().root().join(".medseg");
        let mut left: Vec<PathBuf> = ["claims", "workers"]
            .iter()
            .flat_map(|name| fs::read_dir(hidden.join(name)).into_iter().flatten().flatten())
            .map(|entry| entry.path())
            .collect();
        left.extend(files(&hidden.join("cases")).into_keys().filter(|path| path.extension().unwrap() != "json"));
        left
    }
}

/// Options with short times.
pub fn quick() -> RunOptions {
    RunOptions::default()
        .with_heartbeat(Duration::from_millis(50), Duration::from_secs(60))
        .with_poll(Duration::from_millis(20))
}

pub fn model() -> RunIdentity {
    RunIdentity::new("model 1")
}

/// Relative paths and contents of all files below a folder.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn add(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                add(root, &path, files);
            } else {
                files.insert(path.strip_prefix(root).unwrap().into(), fs::read(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    add(folder, folder, &mut all);
    all
}

/// The process that [`Place::spawn`] starts: exit code 0 for a complete run, 3 for a fenced one.
#[test]
#[ignore = "started by other tests"]
fn worker_process() {
    let Ok(folder) = std::env::var("COHORT_PLACE") else { return };
    let folder = Path::new(&folder);
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let slow = Duration::from_millis(number("COHORT_SLOW_MS").unwrap());
    let limit = Duration::from_millis(number("COHORT_LIMIT_MS").unwrap_or(60_000));
    let deadly = std::env::var("COHORT_DEADLY").ok();
    let options = quick()
        .with_heartbeat(Duration::from_millis(50), limit)
        .with_most_deaths(number("COHORT_DEATHS").unwrap_or(1000) as u32);
    let out = CohortFolder::new(folder.join("out"));
    let found = find(&[folder.join("in")], &FindOptions::default()).unwrap();
    let mut log = OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let ran = Cohort::new(out, model()).with_options(options).run(&found, &Sum, |case, input| {
        writeln!(log, "{}", case.id)?;
        if deadly.as_ref() == Some(&case.id) {
            std::process::abort();
        }
        std::thread::sleep(slow);
        Ok(sum(&input))
    });
    std::process::exit(match ran {
        Ok(report) if report.is_complete() => 0,
        Ok(_) => 1,
        Err(CohortError::Fenced) => 3,
        Err(_) => 4,
    });
}
