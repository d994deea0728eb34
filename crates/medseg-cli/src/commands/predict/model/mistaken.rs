//! Paths that are given in place of a model.

use std::fs;
use std::path::Path;

use super::ModelKind;
use crate::CliError;

/// Endings of files that hold weights and nothing of the steps around them.
const WEIGHTS: [&str; 6] = ["pth", "pt", "ckpt", "safetensors", "bpk", "onnx"];

/// Refuses a path that is no model, with a word of what would be one.
///
/// # Errors
/// A path that is not there, weights alone, a file out of a bundle.
pub fn refuse_mistaken(path: &Path) -> Result<(), CliError> {
    let shown = path.display();
    if !path.exists() {
        return Err(CliError::Failed(format!("cannot read the model {shown}: there is no such file or folder")));
    }
    if path.is_file() && path.file_name().is_some_and(|name| name == "bundle.json") {
        return Err(CliError::Usage(format!("{shown} is a file of a bundle: give the folder that it lies in")));
    }
    if ModelKind::of(path) == ModelKind::Run && holds_weights_alone(path) {
        let reason =
            "weights without a model's settings: `medseg import` makes a bundle of those of OBELISK, MONAI and nnU-Net";
        return Err(CliError::Usage(format!("{shown} holds {reason}")));
    }
    Ok(())
}

fn holds_weights_alone(path: &Path) -> bool {
    let is_weights =
        |path: &Path| path.extension().is_some_and(|ending| WEIGHTS.iter().any(|one| ending.eq_ignore_ascii_case(one)));
    if path.is_file() {
        return is_weights(path);
    }
    let Ok(entries) = fs::read_dir(path) else { return false };
    let files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    let settings = |path: &Path| path.extension().is_some_and(|ending| ending == "json");
    files.iter().any(|path| is_weights(path)) && !files.iter().any(|path| settings(path))
}
