//! The output folder: what belongs to a run, what an earlier run left, what a resumed run must agree with.

use std::fs;
use std::path::{Path, PathBuf};

use medseg_data::{DataIdentity, Split};
use medseg_report::RunFolder;
use serde::{Deserialize, Serialize};

use super::RunRequest;
use crate::config::{ExperimentConfig, upgraded};
use crate::files::{create_dir, read_text, write_atomic};
use crate::{Observer, TrainError};

/// The phantom set's folder in that of the run, as `config.json` names it.
const PHANTOM_FOLDER: &str = "phantom";

/// `config.json`: the settings and what they ran with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    /// Version of this crate.
    pub medseg: String,
    /// Version of Burn it was built with.
    pub burn: String,
    /// The device's name.
    pub device: String,
    /// Folder of the cases, absolute; the phantom set's is given relative to the run's folder, so that a run can be moved.
    pub data: PathBuf,
    /// The settings, as resolved.
    pub settings: ExperimentConfig,
}

impl RunRecord {
    pub fn new(request: &RunRequest) -> Self {
        let data = request.folder().map(|folder| {
            let absolute = std::fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
            absolute.unwrap_or_else(|_| folder.to_path_buf())
        });
        Self {
            medseg: env!("CARGO_PKG_VERSION").into(),
            burn: "0.22.1".into(),
            device: request.device_name.clone(),
            data: data.unwrap_or_else(|| PathBuf::from(PHANTOM_FOLDER)),
            settings: request.config.clone(),
        }
    }

    /// Reads `config.json` of a run.
    pub fn read(folder: &Path) -> Result<Self, TrainError> {
        let text = read_text(&folder.join("config.json"))?;
        let parse = || {
            let mut record: serde_json::Value = serde_json::from_str(&text)?;
            let settings = upgraded(record["settings"].take())?;
            record["settings"] = serde_json::to_value(settings)?;
            serde_json::from_value(record)
        };
        parse().map_err(|e: serde_json::Error| TrainError::NotARun {
            path: folder.to_path_buf(),
            reason: format!("config.json: {e}"),
        })
    }

    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Makes the output folder ready and writes `config.json`.
///
/// A resumed run must have the settings and data of the run it goes on from, unless the request forces it. Any other run
/// starts afresh; what an earlier run left is moved into a folder `earlier-N`, so that a forgotten `--resume` costs nothing.
pub(crate) fn open_folder(
    request: &RunRequest,
    record: &RunRecord,
    data: &DataIdentity,
    observer: &mut dyn Observer,
) -> Result<(), TrainError> {
    let out = &request.out;
    create_dir(out)?;
    let config = out.join("config.json");
    if config.exists() {
        if request.continues() {
            let mut differences = differences(&RunRecord::read(out)?, record);
            differences.extend(data_differences(&RunFolder::new(out), data)?);
            refuse_changes(request, &differences, observer)?;
        } else {
            let aside = move_aside(out)?;
            observer.message(&format!("the earlier run in {} is now in {}", out.display(), aside.display()));
        }
    } else if request.continues() {
        observer.message(&format!("nothing to resume in {}: starting", out.display()));
    }
    let run = RunFolder::new(out);
    for folder in [run.predictions(), run.overlays()] {
        create_dir(&folder)?;
    }
    data.write(run.data())?;
    write_atomic(&config, record.text().as_bytes())
}

/// Settings that say where and how fast a run is done, not what comes out.
const FREE: [&str; 5] = ["device", "data.folder", "data.workers", "data.cache_mib", "data.disk_cache"];

/// The differences in settings and folder.
fn differences(old: &RunRecord, new: &RunRecord) -> Vec<String> {
    let mut differences = Vec::new();
    if old.data != new.data {
        differences.push(format!("it was run on {} and not on {}", old.data.display(), new.data.display()));
    }
    let [old, new] = [old, new].map(|r| serde_json::to_value(&r.settings).unwrap_or_default());
    let mut changed = Vec::new();
    collect_differences("", &old, &new, &mut changed);
    if !changed.is_empty() {
        differences.push(format!("the configuration differs: {}", changed.join(", ")));
    }
    differences
}

/// The differences from the data that the run was started on, case by case. A run of an earlier version noted its split
/// alone.
fn data_differences(run: &RunFolder, now: &DataIdentity) -> Result<Vec<String>, TrainError> {
    let before = if run.data().exists() {
        DataIdentity::read(run.data())?
    } else if run.split().exists() {
        DataIdentity::from_split(&Split::read(run.split())?)
    } else {
        return Ok(Vec::new());
    };
    Ok(before.differences(now).iter().map(ToString::to_string).collect())
}

/// Differences that an error names; a data set that was exchanged has one for every case.
const NAMED: usize = 20;

/// Stops a run that has changed, or warns where that is forced.
fn refuse_changes(request: &RunRequest, differences: &[String], observer: &mut dyn Observer) -> Result<(), TrainError> {
    if differences.is_empty() {
        return Ok(());
    }
    if request.force_config {
        differences.iter().for_each(|difference| observer.warn(&format!("going on although {difference}")));
        return Ok(());
    }
    let mut what = differences[..differences.len().min(NAMED)].join("; ");
    if differences.len() > NAMED {
        what.push_str(&format!("; and {} more differences", differences.len() - NAMED));
    }
    let reason = format!("{what}; use the same settings and data, another --out, or --force-config");
    Err(TrainError::Resume { path: request.out.clone(), reason })
}

/// Lists `key: old -> new` for every leaf that differs.
fn collect_differences(key: &str, old: &serde_json::Value, new: &serde_json::Value, found: &mut Vec<String>) {
    if FREE.contains(&key) {
        return;
    }
    if let (Some(a), Some(b)) = (old.as_object(), new.as_object()) {
        let null = serde_json::Value::Null;
        let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
        for k in keys {
            let name = if key.is_empty() { k.clone() } else { format!("{key}.{k}") };
            collect_differences(&name, a.get(k).unwrap_or(&null), b.get(k).unwrap_or(&null), found);
        }
    } else if old != new {
        found.push(format!("{key}: {old} -> {new}"));
    }
}

/// Moves an earlier run's entries into the first free `earlier-N`.
fn move_aside(out: &Path) -> Result<PathBuf, TrainError> {
    let aside =
        (1..).map(|n| out.join(format!("earlier-{n}"))).find(|p| !p.exists()).unwrap_or_else(|| out.join("earlier"));
    create_dir(&aside)?;
    for entry in RunFolder::ENTRIES.iter().map(|name| out.join(name)).filter(|p| p.exists()) {
        let to = aside.join(entry.file_name().unwrap_or_default());
        fs::rename(&entry, &to).map_err(|e| TrainError::io("move", &entry, e))?;
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;
    use crate::config::{Experiment, Preset};

    fn no_data() -> DataIdentity {
        DataIdentity::from_split(&Split::default())
    }

    fn request(out: &Path, resume: bool) -> RunRequest {
        RunRequest { resume, ..RunRequest::new(Preset::Quick.config(Experiment::OneStage), None, out) }
    }

    #[test]
    fn a_changed_setting_is_refused_by_name_and_an_unchanged_one_accepted() {
        let dir = tempfile::tempdir().unwrap();
        let mut r = request(dir.path(), true);
        open_folder(&r, &RunRecord::new(&r), &no_data(), &mut Silent).unwrap();
        open_folder(&r, &RunRecord::new(&r), &no_data(), &mut Silent).unwrap();
        r.config.fine.optimizer.lr = 0.5;
        let e = open_folder(&r, &RunRecord::new(&r), &no_data(), &mut Silent).unwrap_err();
        assert!(e.is_usage() && e.to_string().contains("fine.optimizer.lr: 0.01 -> 0.5"), "{e}");
        r.config = Preset::Quick.config(Experiment::OneStage);
        r.data = Some("elsewhere".into());
        let e = open_folder(&r, &RunRecord::new(&r), &no_data(), &mut Silent).unwrap_err();
        assert!(e.to_string().contains("elsewhere"), "{e}");
    }

    #[test]
    fn starting_afresh_moves_the_earlier_run_aside() {
        let dir = tempfile::tempdir().unwrap();
        let r = request(dir.path(), false);
        let record = RunRecord::new(&r);
        for _ in 0..3 {
            open_folder(&r, &record, &no_data(), &mut Silent).unwrap();
        }
        for n in 1..=2 {
            assert_eq!(RunRecord::read(&dir.path().join(format!("earlier-{n}"))).unwrap(), record);
        }
    }
}
