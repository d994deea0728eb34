//! MONAI bundles, for the commands that open them.

use std::path::Path;

use medseg_monai::MonaiBundle;

use crate::CliError;

/// Opens a MONAI bundle by one of its configurations.
pub fn open_monai(model: &Path, config: Option<&str>) -> Result<MonaiBundle, CliError> {
    let opened = match config {
        None => MonaiBundle::open(model),
        Some(config) => MonaiBundle::open_with(model, config),
    };
    opened.map_err(|error| CliError::failed(&error))
}
