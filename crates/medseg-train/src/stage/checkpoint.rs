//! The last two checkpoints of a stage: network, optimiser, average and what has been reached, each replaced as one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use medseg_bundle::StageNetwork;
use medseg_report::EpochRecord;
use medseg_volume::error_chain;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::files::{create_dir, read_text, write_atomic};

pub(super) const NETWORK: &str = "network.bpk";
pub(super) const OPTIMIZER: &str = "optimizer.bpk";
pub(super) const AVERAGE: &str = "average.bpk";
const STATE: &str = "state.json";
const CHECKSUMS: &str = "checksums.json";

/// State of a stage at the end of an epoch.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StageState {
    /// Every finished epoch.
    pub history: Vec<EpochRecord>,
    /// Epoch whose weights are in the best checkpoint; 0 before the first.
    pub best_epoch: usize,
    /// The value that made it the best (Dice, or the negative training loss).
    pub best_score: Option<f64>,
    /// Updates of the moving average of the weights.
    #[serde(default)]
    pub average_updates: u64,
    /// Highest resident memory of the processes that trained the stage, in bytes, where the system reports it.
    #[serde(default)]
    pub peak_memory_bytes: Option<u64>,
}

/// Parts of a checkpoint besides the state.
pub(super) struct Weights<'a> {
    pub network: &'a StageNetwork,
    pub optimizer: &'a ModuleOptimizer,
    pub average: Option<&'a StageNetwork>,
}

/// A complete checkpoint whose files are as they were written.
pub(crate) struct Found {
    pub folder: PathBuf,
    pub state: StageState,
    /// Newer or equal ones that are damaged, each with what is wrong.
    pub damaged: Vec<String>,
}

/// The folders `last/` and `previous/`: the checkpoints of the last two epochs.
///
/// A new checkpoint is written to `last.new/`, its checksums at the end, and moved in by two renames. Whatever moment the
/// process is killed at, at least one of the three is complete; [`Checkpoints::find`] takes the newest one whose files
/// agree with their checksums.
pub(crate) struct Checkpoints {
    new: PathBuf,
    last: PathBuf,
    previous: PathBuf,
}

impl Checkpoints {
    pub fn in_stage(stage_folder: &Path) -> Self {
        let [new, last, previous] = ["last.new", "last", "previous"].map(|name| stage_folder.join(name));
        Self { new, last, previous }
    }

    /// Writes a checkpoint; the one before stays, the one before that goes. On an error both are as they were.
    pub(super) fn save(&self, weights: &Weights<'_>, state: &StageState) -> Result<(), TrainError> {
        remove_dir(&self.new)?;
        create_dir(&self.new)?;
        write_checkpoint(&self.new, weights, state).inspect_err(|_| {
            // Gives a full disk its space back.
            let _ = remove_dir(&self.new);
        })?;
        if self.last.exists() {
            remove_dir(&self.previous)?;
            fs::rename(&self.last, &self.previous).map_err(|e| TrainError::io("replace", &self.last, e))?;
        }
        fs::rename(&self.new, &self.last).map_err(|e| TrainError::io("replace", &self.last, e))
    }

    /// The newest undamaged checkpoint; `None` if there has been none.
    ///
    /// # Errors
    /// [`TrainError::Resume`] if there are checkpoints and all of them are damaged.
    pub fn find(&self) -> Result<Option<Found>, TrainError> {
        let mut damaged = Vec::new();
        let mut found: Vec<(PathBuf, StageState)> = Vec::new();
        for folder in [&self.last, &self.new, &self.previous] {
            match read_checkpoint(folder) {
                Ok(state) => found.push((folder.clone(), state)),
                // An unfinished one is no damage.
                Err(reason) if folder.join(CHECKSUMS).exists() => {
                    damaged.push(format!("{}: {reason}", folder.display()));
                }
                Err(_) => {}
            }
        }
        match found.into_iter().max_by_key(|(_, state)| state.history.len()) {
            Some((folder, state)) => Ok(Some(Found { folder, state, damaged })),
            None if damaged.is_empty() => Ok(None),
            None => Err(TrainError::Resume { path: self.last.clone(), reason: damaged.join("; ") }),
        }
    }

    /// Makes a found checkpoint the last one again where an interruption or damage left it under another name, so that the
    /// next one does not push out the only good one.
    pub(super) fn settle(&self, found: Found) -> Result<Found, TrainError> {
        if found.folder == self.last {
            return Ok(found);
        }
        remove_dir(&self.last)?;
        fs::rename(&found.folder, &self.last).map_err(|e| TrainError::io("replace", &self.last, e))?;
        Ok(Found { folder: self.last.clone(), ..found })
    }
}

fn write_checkpoint(folder: &Path, weights: &Weights<'_>, state: &StageState) -> Result<(), TrainError> {
    let broken =
        |name: &str, reason: String| TrainError::io("write", &folder.join(name), std::io::Error::other(reason));
    let save = |network: &StageNetwork, name: &str| {
        network.clone().save_file(folder.join(name)).map_err(|e| broken(name, error_chain(&e)))
    };
    save(weights.network, NETWORK)?;
    weights.optimizer.save(folder.join(OPTIMIZER)).map_err(|e| broken(OPTIMIZER, error_chain(&e)))?;
    let mut names = vec![NETWORK, OPTIMIZER];
    if let Some(average) = weights.average {
        save(average, AVERAGE)?;
        names.push(AVERAGE);
    }
    for name in &names {
        let path = folder.join(name);
        fs::File::open(&path).and_then(|f| f.sync_all()).map_err(|e| TrainError::io("write", &path, e))?;
    }
    let text = serde_json::to_string_pretty(state).map_err(|e| broken(STATE, error_chain(&e)))?;
    write_atomic(&folder.join(STATE), text.as_bytes())?;
    names.push(STATE);
    let sums = names.iter().map(|name| Ok((name.to_string(), checksum(&folder.join(name))?)));
    let sums = sums.collect::<Result<BTreeMap<_, _>, TrainError>>()?;
    let text = serde_json::to_string_pretty(&sums).map_err(|e| broken(CHECKSUMS, error_chain(&e)))?;
    // Last, so that a folder with checksums is complete.
    write_atomic(&folder.join(CHECKSUMS), text.as_bytes())
}

/// The state of a complete checkpoint, or what is wrong with it.
fn read_checkpoint(folder: &Path) -> Result<StageState, String> {
    let text = read_text(&folder.join(CHECKSUMS)).map_err(|e| error_chain(&e))?;
    let sums: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|e| format!("{CHECKSUMS}: {e}"))?;
    for needed in [NETWORK, OPTIMIZER, STATE] {
        if !sums.contains_key(needed) {
            return Err(format!("{CHECKSUMS} does not name {needed}"));
        }
    }
    for (name, sum) in &sums {
        if checksum(&folder.join(name)).map_err(|e| error_chain(&e))? != *sum {
            return Err(format!("{name} is damaged: its checksum differs"));
        }
    }
    let text = read_text(&folder.join(STATE)).map_err(|e| error_chain(&e))?;
    serde_json::from_str(&text).map_err(|e| format!("{STATE}: {e}"))
}

/// CRC-32 and length of a file.
fn checksum(path: &Path) -> Result<String, TrainError> {
    let bytes = fs::read(path).map_err(|e| TrainError::io("read", path, e))?;
    Ok(format!("{:08x}-{}", crc32fast::hash(&bytes), bytes.len()))
}

/// Loads the network and the optimiser of a checkpoint folder into freshly made ones.
pub(super) fn load(
    folder: &Path,
    network: StageNetwork,
    optimizer: ModuleOptimizer,
) -> Result<(StageNetwork, ModuleOptimizer), TrainError> {
    let optimizer = optimizer.load(folder.join(OPTIMIZER)).map_err(|e| broken(folder, OPTIMIZER, &error_chain(&e)))?;
    Ok((load_network(folder, NETWORK, network)?, optimizer))
}

/// Loads one of a checkpoint's networks into a freshly made one.
pub(super) fn load_network(folder: &Path, name: &str, network: StageNetwork) -> Result<StageNetwork, TrainError> {
    network.try_load_file(folder.join(name)).map_err(|e| broken(folder, name, &error_chain(&e)))
}

fn broken(folder: &Path, name: &str, reason: &str) -> TrainError {
    TrainError::Resume { path: folder.to_path_buf(), reason: format!("{name}: {reason}") }
}

fn remove_dir(path: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(TrainError::io("remove", path, e)),
        _ => Ok(()),
    }
}
