//! Cleaning of a mask after prediction.

use std::collections::BTreeSet;

use medseg_transforms::{Connectivity, label_components};
use medseg_volume::Dhw;
use ndarray::{Array3, Zip};
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;

/// Which components of a mask are kept, for every label other than 0 on its own. The default keeps everything.
///
/// ```
/// use medseg_inference::{Dhw, PostProcessing};
/// use ndarray::array;
///
/// let mut mask = array![[[1_u8, 1, 0, 1, 0, 2]]];
/// PostProcessing { keep_largest: true, min_volume_ml: 0.0 }.apply(&mut mask, Dhw::splat(1.0))?;
/// assert_eq!(mask, array![[[1, 1, 0, 0, 0, 2]]]);
/// # Ok::<(), medseg_inference::InferenceError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostProcessing {
    /// Keep only the largest component of each label (26-connected; among equals the last in C order, as MONAI's
    /// `KeepLargestConnectedComponent`).
    pub keep_largest: bool,
    /// Remove components below this volume, millilitres.
    pub min_volume_ml: f64,
}

impl PostProcessing {
    /// Cleans a mask whose voxels measure `spacing` millimetres.
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] for a negative or not finite volume, or a spacing that is not positive and finite.
    pub fn apply(&self, mask: &mut Array3<u8>, spacing: Dhw<f64>) -> Result<(), InferenceError> {
        if !(self.min_volume_ml >= 0.0 && self.min_volume_ml.is_finite()) {
            return Err(InferenceError::parameter("min_volume_ml", self.min_volume_ml, "has to be at least 0"));
        }
        if !spacing.to_array().into_iter().all(|side| side > 0.0 && side.is_finite()) {
            return Err(InferenceError::parameter("spacing", spacing, "has to be positive on every axis"));
        }
        if !self.keep_largest && self.min_volume_ml == 0.0 {
            return Ok(());
        }
        let voxel_ml = spacing.to_array().into_iter().product::<f64>() / 1000.0;
        let labels: BTreeSet<u8> = mask.iter().copied().filter(|&label| label != 0).collect();
        for label in labels {
            self.clean(mask, label, voxel_ml);
        }
        Ok(())
    }

    fn clean(&self, mask: &mut Array3<u8>, label: u8, voxel_ml: f64) {
        let components = label_components(&mask.mapv(|voxel| u8::from(voxel == label)).view(), Connectivity::Vertex);
        let largest = components.sizes.iter().enumerate().max_by_key(|&(_, size)| size).map(|(index, _)| index);
        // Volumes are compared with a little room: 8 voxels of 0.01 ml are 0.08 ml.
        let kept: Vec<bool> = components
            .sizes
            .iter()
            .enumerate()
            .map(|(index, &size)| {
                let large = size as f64 * voxel_ml >= self.min_volume_ml * (1.0 - 1e-9);
                large && (!self.keep_largest || Some(index) == largest)
            })
            .collect();
        Zip::from(mask).and(&components.labels).par_for_each(|voxel, &component| {
            if component != 0 && !kept[component as usize - 1] {
                *voxel = 0;
            }
        });
    }
}
