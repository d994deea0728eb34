//! Kernels on the disk: CubeCL's cache of those that were compiled, and of those that were found fastest.
//!
//! Entries are found by the GPU's architecture, the program's build and the source of a kernel; the file, by the versions of
//! driver and compiler. What does not fit is not found, and made again.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use cubecl::config::CubeClRuntimeConfig;
use cubecl::config::cache::CacheConfig;

/// Names the folder of the cache; "off" for none.
const VARIABLE: &str = "MEDSEG_GPU_CACHE";

/// The folder that is used, once a GPU was opened.
static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();

/// The folder in which the kernels of NVIDIA's GPUs are kept, if this process keeps any: the one that the environment
/// variable `MEDSEG_GPU_CACHE` names (`off` for none), else `medseg` in the user's cache folder.
#[must_use]
pub fn kernel_cache() -> Option<PathBuf> {
    FOLDER.get().cloned().flatten()
}

/// Writes into CubeCL's settings what this process keeps, and gives the folder of it: kernels for NVIDIA's GPUs, if `versions`
/// names those of driver and compiler.
pub(crate) fn configure(config: &mut CubeClRuntimeConfig, versions: Option<&str>) -> Option<PathBuf> {
    let named = versions.zip(folder(std::env::var_os(VARIABLE)));
    config.compilation.cache = named.is_some();
    config.autotune.disable_cache |= named.is_none();
    match named {
        Some((versions, folder)) => {
            config.environment.name = versions.into();
            config.environment.path = CacheConfig::Directory(folder.clone());
            Some(folder)
        }
        // CubeCL measures the device too, and keeps that even so. In a folder that cannot be made it stays in memory.
        None => {
            if let Ok(program) = std::env::current_exe() {
                config.environment.path = CacheConfig::Directory(program.join("none"));
            }
            None
        }
    }
}

/// Says that the settings with this folder are those of the process.
pub(crate) fn is_in(folder: Option<PathBuf>) {
    FOLDER.get_or_init(|| folder);
}

/// The folder for this value of the environment variable.
fn folder(variable: Option<OsString>) -> Option<PathBuf> {
    match variable {
        Some(off) if off == "off" => None,
        Some(folder) if !folder.is_empty() => Some(folder.into()),
        _ => Some(CacheConfig::Global.root().with_file_name("medseg")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_one_named_or_in_the_users_cache() {
        assert_eq!(folder(Some("off".into())), None);
        assert_eq!(folder(Some("/somewhere".into())), Some("/somewhere".into()));
        for unset in [None, Some("".into())] {
            assert!(folder(unset).unwrap().ends_with("medseg"));
        }
    }
}
