//! The last checkpoint of a stage: network, optimiser, and what has been reached, replaced as one.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use medseg_unet::UNet;
use serde::{Deserialize, Serialize};

use super::EpochRecord;
use crate::TrainError;
use crate::files::{create_dir, neighbour, read_text, write_atomic};

const NETWORK: &str = "network.bpk";
const OPTIMIZER: &str = "optimizer.bpk";
const STATE: &str = "state.json";

/// What a stage has reached, as of the end of an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StageState {
    /// Every finished epoch.
    pub history: Vec<EpochRecord>,
    /// Epoch whose weights are in the best checkpoint; 0 before the first.
    pub best_epoch: usize,
    /// The value that made it the best (Dice, or the negative training loss).
    pub best_score: Option<f64>,
}

/// A folder `last/` that always holds one complete checkpoint.
///
/// A new checkpoint is written beside it and swapped in by two renames. Whatever moment the process is killed at, `last`,
/// `last.new` or `last.old` holds a complete one; [`LastCheckpoint::find`] takes the newest of them.
pub(crate) struct LastCheckpoint {
    folder: PathBuf,
}

impl LastCheckpoint {
    pub fn in_stage(stage_folder: &Path) -> Self {
        Self { folder: stage_folder.join("last") }
    }

    /// Replaces the checkpoint.
    pub fn save(&self, network: &UNet, optimizer: &ModuleOptimizer, state: &StageState) -> Result<(), TrainError> {
        let new = neighbour(&self.folder, ".new");
        let old = neighbour(&self.folder, ".old");
        remove_dir(&new)?;
        create_dir(&new)?;
        let broken = |path: PathBuf, reason: String| TrainError::io("write", &path, std::io::Error::other(reason));
        let file = new.join(NETWORK);
        network.clone().save_file(&file).map_err(|e| broken(file, e.to_string()))?;
        let file = new.join(OPTIMIZER);
        optimizer.save(&file).map_err(|e| broken(file, e.to_string()))?;
        for name in [NETWORK, OPTIMIZER] {
            let path = new.join(name);
            fs::File::open(&path).and_then(|f| f.sync_all()).map_err(|e| TrainError::io("write", &path, e))?;
        }
        let text = serde_json::to_string_pretty(state).map_err(|e| broken(new.join(STATE), e.to_string()))?;
        // Last, so that a folder with a state file is complete.
        write_atomic(&new.join(STATE), text.as_bytes())?;
        remove_dir(&old)?;
        if self.folder.exists() {
            fs::rename(&self.folder, &old).map_err(|e| TrainError::io("replace", &self.folder, e))?;
        }
        fs::rename(&new, &self.folder).map_err(|e| TrainError::io("replace", &self.folder, e))?;
        remove_dir(&old)
    }

    /// The newest complete checkpoint's folder and state, if there is one.
    pub fn find(&self) -> Option<(PathBuf, StageState)> {
        ["", ".new", ".old"]
            .into_iter()
            .map(|suffix| neighbour(&self.folder, suffix))
            .filter_map(|folder| {
                let text = read_text(&folder.join(STATE)).ok()?;
                let state: StageState = serde_json::from_str(&text).ok()?;
                Some((folder, state))
            })
            .max_by_key(|(_, state)| state.history.len())
    }
}

/// Loads the network and the optimiser of a checkpoint folder into freshly made ones.
pub(crate) fn load(
    folder: &Path,
    network: UNet,
    optimizer: ModuleOptimizer,
) -> Result<(UNet, ModuleOptimizer), TrainError> {
    let broken = |reason: String| TrainError::Resume { path: folder.to_path_buf(), reason };
    let network = network.try_load_file(folder.join(NETWORK)).map_err(|e| broken(format!("{NETWORK}: {e}")))?;
    let optimizer = optimizer.load(folder.join(OPTIMIZER)).map_err(|e| broken(format!("{OPTIMIZER}: {e}")))?;
    Ok((network, optimizer))
}

fn remove_dir(path: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(TrainError::io("remove", path, e)),
        _ => Ok(()),
    }
}
