//! A case that is ready for the network.

use std::path::Path;

use medseg_volume::{Axes, Geometry};

use crate::export::Mask;
use crate::image::{ImageReader, read_case_mask};
use crate::preprocess::{Preprocessed, Properties};
use crate::region::Region;
use crate::{NnUnetError, Segmentation};

/// A case on the network's grid.
#[derive(Clone, Debug)]
pub struct PreparedCase {
    pub(super) prepared: Preprocessed,
    pub(super) region: Option<Region>,
    pub(super) geometry: Geometry,
    pub(super) axes: Axes,
    pub(super) reader: ImageReader,
}

impl PreparedCase {
    /// Leaves out the windows that do not touch a region, a mask whose voxels are not 0 on the image's grid. Labels within the
    /// region stay those of a whole prediction; beyond it some are background.
    ///
    /// # Errors
    /// A mask that cannot be read or has another shape than the image.
    pub fn within(self, region: impl AsRef<Path>) -> Result<Self, NnUnetError> {
        let path = region.as_ref();
        let mask = read_case_mask(path, self.reader)?;
        let Properties { full_shape, transpose_backward, .. } = self.prepared.properties;
        let (found, expected) = (<[usize; 3]>::from(mask.dim()), transpose_backward.map(|axis| full_shape[axis]));
        if found != expected {
            return Err(NnUnetError::Region { path: path.to_owned(), found, expected });
        }
        let (_, d, h, w) = self.prepared.data.dim();
        let region = Region::new(&mask.view(), &self.prepared.properties, [d, h, w]);
        Ok(Self { region: Some(region), ..self })
    }

    /// A mask with the reader's axes, brought to those of the file.
    pub(super) fn segmentation(&self, mask: Mask) -> Segmentation {
        Segmentation { mask: mask.with_axes(self.axes.inverse()), geometry: self.geometry.clone() }
    }
}
