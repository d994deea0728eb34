//! A folder of phantoms.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use medseg_files::write_atomic;
use medseg_volume::{write_image_i16, write_label};
use serde::{Deserialize, Serialize};

use crate::{Orientation, PhantomConfig, PhantomError};

/// File beside `image/` and `label/` with the settings of the folder's phantoms.
const MARKER: &str = "phantom.json";
/// Raised whenever the same settings give other voxels.
const VERSION: u32 = 1;

/// The settings on which a case depends.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Marker {
    version: u32,
    seed: u64,
    scale: f64,
    orientations: Vec<Orientation>,
}

/// The files of one phantom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PhantomCase {
    /// Name of the case, and of its files without `.nii.gz`.
    pub id: String,
    /// File of the image.
    pub image: PathBuf,
    /// File of the label.
    pub label: PathBuf,
}

impl PhantomConfig {
    /// Files of case `index` in a folder, whether they exist or not.
    #[must_use]
    pub fn case_in(dir: impl AsRef<Path>, index: usize) -> PhantomCase {
        let id = Self::case_id(index);
        let [image, label] = ["image", "label"].map(|kind| dir.as_ref().join(kind).join(format!("{id}.nii.gz")));
        PhantomCase { id, image, label }
    }

    /// Writes the cases as `DIR/image/phantom_000.nii.gz` and `DIR/label/phantom_000.nii.gz` and so on, and returns
    /// them.
    ///
    /// Cases whose two files exist already are left as they are, so a run that was stopped can be repeated. A file
    /// `phantom.json` in the folder holds the seed and the other settings; a folder whose phantoms were made with
    /// other settings, or that holds other data, is refused. The cases are made on several threads;
    /// `progress(done, cases)` is called on this one, first with 0 and then after every case.
    ///
    /// # Errors
    /// If the settings make no sense, the folder holds other data, or a file cannot be written.
    pub fn write(
        &self,
        dir: impl AsRef<Path>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<PhantomCase>, PhantomError> {
        let dir = dir.as_ref();
        self.validate()?;
        if self.cases == 0 {
            return Err(PhantomError::Config("0 cases are wanted".into()));
        }
        self.claim(dir)?;
        progress(0, self.cases);
        let next = AtomicUsize::new(0);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(self.cases);
        thread::scope(|scope| {
            let (finished, results) = mpsc::channel();
            for _ in 0..threads {
                let (next, finished) = (&next, finished.clone());
                scope.spawn(move || {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        // Nobody listens any more once a case has failed.
                        if index >= self.cases || finished.send(self.write_case(dir, index)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(finished);
            for (done, result) in results.into_iter().enumerate() {
                result?;
                progress(done + 1, self.cases);
            }
            Ok::<(), PhantomError>(())
        })?;
        Ok((0..self.cases).map(|index| Self::case_in(dir, index)).collect())
    }

    /// Makes the folders and the marker, unless the folder is taken by something else.
    fn claim(&self, dir: &Path) -> Result<(), PhantomError> {
        let folders = ["image", "label"].map(|kind| dir.join(kind));
        let marker =
            Marker { version: VERSION, seed: self.seed, scale: self.scale, orientations: self.orientations.clone() };
        let path = dir.join(MARKER);
        let refused = |reason| Err(PhantomError::Folder { path: dir.to_path_buf(), reason });
        let damaged = |source| PhantomError::Marker { path: path.clone(), source };
        if path.exists() {
            let text = fs::read(&path).map_err(PhantomError::io("read", &path))?;
            if serde_json::from_slice::<Marker>(&text).map_err(damaged)? != marker {
                return refused("holds phantoms that were made with other settings");
            }
        } else if folders.iter().any(|folder| folder.exists()) {
            return refused("holds images or labels that are no phantoms");
        } else {
            // The marker comes before the folders: a run that was stopped in between must not look like other data.
            fs::create_dir_all(dir).map_err(PhantomError::io("create", dir))?;
            let text = serde_json::to_string_pretty(&marker).map_err(damaged)? + "\n";
            write_atomic(&path, text.as_bytes()).map_err(PhantomError::io("write", &path))?;
        }
        for folder in &folders {
            fs::create_dir_all(folder).map_err(PhantomError::io("create", folder))?;
        }
        Ok(())
    }

    /// Makes and writes one case, unless both of its files exist.
    fn write_case(&self, dir: &Path, index: usize) -> Result<(), PhantomError> {
        let PhantomCase { image, label, .. } = Self::case_in(dir, index);
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
        Ok(())
    }
}
