//! Files of an image of several channels, in nnU-Net's naming.

use std::path::{Path, PathBuf};

use medseg_volume::VOLUME_ENDINGS;

use crate::CliError;

/// A file's name without the ending of a volume, and the ending.
fn split_ending(name: &str) -> Option<(&str, &str)> {
    let ending = VOLUME_ENDINGS.iter().filter(|ending| name.to_ascii_lowercase().ends_with(*ending));
    ending.max_by_key(|ending| ending.len()).map(|ending| name.split_at(name.len() - ending.len()))
}

/// The files of all channels: the image itself, or `NAME_0000` and its numbered neighbours. `together` allows a file without a
/// number, which holds all channels.
pub fn channel_files(image: &Path, channels: usize, together: bool) -> Result<Vec<PathBuf>, CliError> {
    if channels == 1 {
        return Ok(vec![image.to_path_buf()]);
    }
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    let (stem, ending) = split_ending(&name).unwrap_or((&name, ""));
    if together && !is_numbered(stem) {
        return Ok(vec![image.to_path_buf()]);
    }
    let Some(case) = stem.strip_suffix("_0000") else {
        let image = image.display();
        return Err(CliError::Usage(format!(
            "{image}: the model takes {channels} channels; name the first as NAME_0000, with NAME_0001 and so on beside it"
        )));
    };
    Ok((0..channels).map(|number| image.with_file_name(format!("{case}_{number:04}{ending}"))).collect())
}

/// True for `NAME_NNNN`.
fn is_numbered(stem: &str) -> bool {
    let number = stem.rsplit_once('_').map(|(_, number)| number);
    number.is_some_and(|number| number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()))
}
