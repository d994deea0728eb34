//! A mask brought back to the grid of the image it was predicted from.

mod axes;
mod linear;
mod nearest;
mod scores;

use medseg_transforms::LabelInterpolation;
use medseg_volume::{Dhw, Geometry, Volume};
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;
use axes::AxisMaps;
pub use scores::{Certainty, Extras, RestoredScores, ScoreRestorer};

/// The labels beyond the outer faces of the mask's own grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeyondMask {
    /// Background: the mask's grid is a part that was cut out.
    #[default]
    Background,
    /// The label at the border: the mask's grid is that of the whole image, resampled.
    Border,
}

/// Brings a mask from its own grid to one of `shape` and `geometry`: cutting, padding, resizing, another spacing and
/// permuted axes are undone in one step, by the places that the two geometries give the voxels.
///
/// The labels come back exactly if the voxels of both grids coincide (cut out, padded, axes permuted). The geometry of the result is
/// `geometry` itself, the header fields of its file among it, so that a saved mask has them bit for bit. Beside the result
/// there are only a few planes in memory, whatever the number of labels.
///
/// ```
/// use medseg_inference::{BeyondMask, LabelInterpolation, restore_labels};
/// use medseg_volume::{Dhw, Geometry, Orientation, Volume};
/// use ndarray::Array3;
///
/// // An image with axes to the left, the back and the head, worked on in RAS at half the resolution in the plane.
/// let input = Volume::new(Array3::<f32>::zeros((4, 6, 8)), Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?);
/// let ras = input.reoriented(Orientation::RAS);
/// let (from, to) = (ras.shape(), Dhw { d: 4, h: 3, w: 4 });
/// let mut mask = Volume::new(Array3::<u8>::zeros((4, 3, 4)), ras.geometry.resized(from, to));
/// mask.data[[1, 0, 0]] = 7;
///
/// let how = (LabelInterpolation::NearestExact, BeyondMask::Border);
/// let restored = restore_labels(&mask, input.shape(), &input.geometry, how.0, how.1)?;
/// assert_eq!(restored.geometry, input.geometry);
/// assert_eq!(restored.data[[1, 5, 7]], 7);
/// assert_eq!(restored.data.iter().filter(|&&label| label == 7).count(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`InferenceError::Grids`] if the axes of one grid do not run along those of the other.
pub fn restore_labels(
    mask: &Volume<u8>,
    shape: Dhw<usize>,
    geometry: &Geometry,
    interpolation: LabelInterpolation,
    beyond: BeyondMask,
) -> Result<Volume<u8>, InferenceError> {
    let maps = AxisMaps::between(mask.shape(), &mask.geometry, shape, geometry)?;
    let source = maps.along_target(mask.data.view());
    let mut labels = Array3::zeros((shape.d, shape.h, shape.w));
    if !source.is_empty() && !labels.is_empty() {
        match interpolation {
            _ if maps.on_voxels() => nearest::fill(&source, &maps, beyond, &mut labels),
            LabelInterpolation::Nearest | LabelInterpolation::NearestExact => {
                nearest::fill(&source, &maps, beyond, &mut labels);
            }
            LabelInterpolation::Linear => linear::fill(&source, &maps, beyond, &mut labels),
        }
    }
    Ok(Volume::new(labels, geometry.clone()))
}
