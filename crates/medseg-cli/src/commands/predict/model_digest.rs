//! The digest of a model: of the files that decide about its masks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use medseg_files::FileDigest;
use serde_json::Value;

use crate::CliError;

/// Endings of files that decide about masks: settings and weights.
const ENDINGS: [&str; 12] =
    ["json", "yaml", "yml", "toml", "safetensors", "bpk", "pt", "pth", "ts", "zip", "onnx", "npz"];
/// Folders of a run that hold results.
const RESULTS: [&str; 5] = ["predictions", "overlays", "tensorboard", "last", "previous"];
/// Files of a model; more are no model.
const MOST_FILES: usize = 10_000;
/// Folders below one another.
const MOST_DEPTH: usize = 8;

/// The SHA-256 of each file of the model, as one text.
///
/// # Errors
/// A file that cannot be read, and a folder with more files than a model has.
pub fn model_digest(model: &Path) -> Result<String, CliError> {
    let mut files = BTreeMap::new();
    // A run's bundle is all that predicts; its other files change without it.
    let bundle = model.join("bundle");
    let root = if bundle.join("bundle.json").is_file() { &bundle } else { model };
    add(root, String::new(), MOST_DEPTH, &mut files)?;
    Ok(files.into_iter().map(|(name, digest)| format!("{name}={digest}")).collect::<Vec<_>>().join(";"))
}

fn add(path: &Path, name: String, depth: usize, files: &mut BTreeMap<String, String>) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::Failed(format!("cannot read {}: {error}", path.display()));
    if files.len() > MOST_FILES || depth == 0 {
        return Err(CliError::Usage(format!("{} holds more files than a model does", path.display())));
    }
    if !path.is_dir() {
        files.insert(name.clone(), FileDigest::of(path).map_err(failed)?.sha256);
        return listed(path).into_iter().try_for_each(|model| {
            let below = format!("{name}>{}", files.len());
            add(&model, below, depth - 1, files)
        });
    }
    let mut entries = fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, part) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let wanted = if path.is_dir() {
            !RESULTS.contains(&part.as_str()) && !part.starts_with('.')
        } else {
            path.extension().is_some_and(|ending| ENDINGS.iter().any(|of| ending.eq_ignore_ascii_case(of)))
        };
        if wanted {
            add(&path, format!("{name}/{part}"), depth - 1, files)?;
        }
    }
    Ok(())
}

/// The models that a list of models names.
fn listed(list: &Path) -> Vec<PathBuf> {
    let home = list.parent().unwrap_or(Path::new(""));
    if !super::nnunet::is_list(list) {
        return Vec::new();
    }
    let value: Value = fs::read(list).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let models = value["models"].as_array().into_iter().flatten();
    models.filter_map(|model| model["path"].as_str()).map(|path| home.join(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_weights_count_and_results_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("model/plans.json", "{}");
        write("model/fold_0/checkpoint_final.pth", "weights");
        let digest = || model_digest(&folder.path().join("model")).unwrap();
        let first = digest();
        write("model/fold_0/progress.png", "a picture");
        write("model/predictions/a.json", "{}");
        assert_eq!(digest(), first);
        write("model/fold_0/checkpoint_final.pth", "other weights");
        assert_ne!(digest(), first);
        // A list changes with its models.
        write("models.json", r#"{"models": [{"path": "model"}]}"#);
        let of_list = || model_digest(&folder.path().join("models.json")).unwrap();
        let before = of_list();
        write("model/plans.json", "{ }");
        assert_ne!(of_list(), before);
        // A run counts by its bundle alone.
        write("run/bundle/bundle.json", "{}");
        let of_run = || model_digest(&folder.path().join("run")).unwrap();
        let before = of_run();
        write("run/config.json", "{}");
        assert_eq!(of_run(), before);
        assert!(model_digest(&folder.path().join("none")).is_err());
    }
}
