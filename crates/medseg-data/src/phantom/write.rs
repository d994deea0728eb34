//! A folder of phantoms.

use std::fs;
use std::path::{Path, PathBuf};

use medseg_volume::{write_image_i16, write_label};
use serde::{Deserialize, Serialize};

use super::PhantomConfig;
use crate::DataError;
use crate::atomic_file::{read_json, write_json};
use crate::case::Case;
use crate::loader::{Loader, LoaderOptions};

/// File beside `image/` and `label/` that tells what the folder's phantoms were made from.
const MARKER: &str = "phantom.json";
/// Raised whenever the same settings give other voxels.
const VERSION: u32 = 1;

/// The settings that decide what a case looks like.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Marker {
    version: u32,
    seed: u64,
    scale: f64,
    orientations: Vec<String>,
}

impl PhantomConfig {
    /// Writes the cases as `DIR/image/phantom_000.nii.gz` and `DIR/label/phantom_000.nii.gz` and so on, and returns
    /// them.
    ///
    /// Cases whose two files are there already are left as they are, so a run that was stopped can be repeated. A file
    /// `phantom.json` in the folder holds the seed and the other settings; a folder whose phantoms were made with
    /// other settings, or that holds other data, is refused. The cases are made on several threads;
    /// `progress(done, cases)` is called on this one, first with 0 and then after every case.
    ///
    /// # Errors
    /// If the settings make no sense, the folder holds other data, or a file cannot be written.
    pub fn write(&self, dir: impl AsRef<Path>, progress: &mut dyn FnMut(usize, usize)) -> Result<Vec<Case>, DataError> {
        let dir = dir.as_ref();
        self.checked_orientations()?;
        if self.cases == 0 {
            return Err(DataError::Phantom { reason: "0 cases are wanted".into() });
        }
        let (images, labels) = (dir.join("image"), dir.join("label"));
        self.claim(dir, &images, &labels)?;
        let config = self.clone();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let options = LoaderOptions { workers: threads, prefetch: 2 * threads };
        let written = Loader::new(self.cases, options, move |index| config.write_case(index, &images, &labels));
        progress(0, self.cases);
        let mut cases = Vec::with_capacity(self.cases);
        for case in written {
            cases.push(case?);
            progress(cases.len(), self.cases);
        }
        Ok(cases)
    }

    /// Makes the folders and the marker, unless the folder is taken by something else.
    fn claim(&self, dir: &Path, images: &Path, labels: &Path) -> Result<(), DataError> {
        let marker =
            Marker { version: VERSION, seed: self.seed, scale: self.scale, orientations: self.orientations.clone() };
        let path = dir.join(MARKER);
        let refused = |reason: &str| {
            Err(DataError::Phantom { reason: format!("{} {reason}; choose another folder", dir.display()) })
        };
        if path.exists() {
            if read_json::<Marker>(&path)? != marker {
                return refused("holds phantoms that were made with other settings");
            }
        } else if images.exists() || labels.exists() {
            return refused("holds images or labels that are no phantoms");
        } else {
            // The marker comes before the folders: a run that was stopped in between must not look like other data.
            fs::create_dir_all(dir).map_err(DataError::io(dir))?;
            write_json(&path, &marker)?;
        }
        for folder in [images, labels] {
            fs::create_dir_all(folder).map_err(DataError::io(folder))?;
        }
        Ok(())
    }

    /// Makes and writes one case, unless both of its files are there.
    fn write_case(&self, index: usize, images: &Path, labels: &Path) -> Result<Case, DataError> {
        let id = Self::case_id(index);
        let [image, label]: [PathBuf; 2] = [images, labels].map(|dir| dir.join(format!("{id}.nii.gz")));
        let (has_image, has_label) = (image.is_file(), label.is_file());
        if !(has_image && has_label) {
            let (image_volume, label_volume) = self.generate(index)?;
            if !has_image {
                write_image_i16(&image, &image_volume)?;
            }
            if !has_label {
                write_label(&label, &label_volume)?;
            }
        }
        Ok(Case { id, image, label: Some(label) })
    }
}
