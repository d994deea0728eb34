//! The mask of a case.

use std::collections::BTreeMap;
use std::path::Path;

use medseg_volume::{Geometry, Volume, WriteOptions, write_volume};
use ndarray::ArrayBase;

use crate::NnUnetError;
use crate::export::Mask;

/// A mask on the grid of the case's first file.
#[derive(Clone, Debug)]
pub struct Segmentation {
    /// Label values `[depth, height, width]`, in the order of the file.
    pub mask: Mask,
    /// Geometry of the first file.
    pub geometry: Geometry,
}

impl Segmentation {
    /// Writes the mask with the image's geometry; the name's ending chooses the format.
    ///
    /// # Errors
    /// An unknown ending, or what the system says.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), NnUnetError> {
        let (path, options) = (path.as_ref(), WriteOptions::default().with_labels(true));
        match &self.mask {
            Mask::U8(mask) => write_volume(path, &Volume::new(mask.clone(), self.geometry.clone()), &options)?,
            Mask::U16(mask) => write_volume(path, &Volume::new(mask.clone(), self.geometry.clone()), &options)?,
        }
        Ok(())
    }

    /// Volume of every label above 0 in millilitres, by the affine's determinant.
    #[must_use]
    pub fn volumes_ml(&self) -> BTreeMap<u16, f64> {
        let mut voxels = match &self.mask {
            Mask::U8(mask) => counted(mask),
            Mask::U16(mask) => counted(mask),
        };
        voxels.remove(&0);
        let voxel_ml = self.geometry.voxel_volume_mm3() / 1000.0;
        voxels.into_iter().map(|(label, count)| (label, count as f64 * voxel_ml)).collect()
    }
}

fn counted<T, S>(mask: &ArrayBase<S, ndarray::Ix3>) -> BTreeMap<u16, u64>
where
    T: Copy + Into<u16>,
    S: ndarray::Data<Elem = T>,
{
    let mut voxels = vec![0_u64; 1 << 16];
    mask.iter().for_each(|label| voxels[usize::from((*label).into())] += 1);
    let found = voxels.into_iter().enumerate().filter(|(_, count)| *count > 0);
    found.map(|(label, count)| (label as u16, count)).collect()
}
