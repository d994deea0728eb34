//! A case read into memory.

use medseg_volume::{Geometry, read_image, read_label};
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::case::Case;

/// Which label values count as foreground.
///
/// In JSON a list of values; the empty list stands for every value above 0.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Foreground(Vec<u8>);

impl Foreground {
    /// Every value above 0.
    pub fn any() -> Self {
        Self::default()
    }

    /// These values; none given means every value above 0.
    pub fn values(values: impl Into<Vec<u8>>) -> Self {
        Self(values.into())
    }

    /// Whether a label value counts.
    pub fn contains(&self, value: u8) -> bool {
        if self.0.is_empty() { value > 0 } else { self.0.contains(&value) }
    }

    /// 1 where the label counts as foreground, 0 elsewhere.
    pub fn mask(&self, label: &Array3<u8>) -> Array3<u8> {
        let table: [u8; 256] = std::array::from_fn(|value| u8::from(self.contains(value as u8)));
        label.map(|&value| table[usize::from(value)])
    }
}

/// An image and its binary label in memory, indexed `[depth, height, width]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The case's id.
    pub id: String,
    /// Intensities, as the file's scaling gives them (Hounsfield units for CT) until a transform changes them.
    pub image: Array3<f32>,
    /// 1 for foreground and 0 for background, in the image's shape; `None` for an unlabelled case.
    pub label: Option<Array3<u8>>,
    /// The image's place in space.
    pub geometry: Geometry,
}

impl Subject {
    /// Reads a case. The label's foreground values become 1, all others 0.
    ///
    /// # Errors
    /// If a file cannot be read or image and label have different shapes; the message names the case. Grids are for
    /// [`check_case`](crate::check_case).
    pub fn read(case: &Case, foreground: &Foreground) -> Result<Self, DataError> {
        Self::read_files(case, foreground).map_err(|error| error.in_case(case))
    }

    fn read_files(case: &Case, foreground: &Foreground) -> Result<Self, DataError> {
        let image = read_image(&case.image)?;
        let mut label = None;
        if let Some(path) = &case.label {
            let volume = read_label(path)?;
            if volume.shape() != image.shape() {
                return Err(DataError::GridMismatch {
                    image: case.image.clone(),
                    label: path.clone(),
                    difference: format!("{} against {} voxels", image.shape(), volume.shape()),
                });
            }
            label = Some(foreground.mask(&volume.data));
        }
        Ok(Self { id: case.id.clone(), image: image.data, label, geometry: image.geometry })
    }

    /// Number of foreground voxels; 0 without a label.
    pub fn foreground_voxels(&self) -> usize {
        self.label.iter().flatten().filter(|&&value| value > 0).count()
    }

    /// Bytes of the voxels, for a [`CachedDataset`](crate::CachedDataset)'s budget.
    pub fn bytes(&self) -> usize {
        size_of::<f32>() * self.image.len() + self.label.as_ref().map_or(0, Array3::len)
    }
}
