//! The box around a patient's body.

use medseg_volume::Dhw;
use ndarray::Axis;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::crop::cropped;
use super::{PadMode, foreground_box};
use crate::labels::{Connectivity, binary_opening, keep_largest};
use crate::{BoxDhw, Draw, LazySample, Transform, TransformError};

/// Cuts out the body in a CT: the box around the largest component of the voxels above a threshold, after an opening
/// that separates the table.
///
/// It looks at the first channel. A volume without a body stays whole, with a warning that names the case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CropBody {
    /// The body lies above this intensity, in Hounsfield units.
    pub above: f32,
    /// Erosions, and then dilations, by six neighbours.
    pub opening: usize,
    /// Axes along which the volume is cut; it stays whole along the others.
    pub axes: Dhw<bool>,
}

impl Default for CropBody {
    /// Above -300 HU, opened twice, cut across the body alone.
    fn default() -> Self {
        Self { above: -300.0, opening: 2, axes: Dhw { d: false, h: true, w: true } }
    }
}

impl Transform for CropBody {
    fn name(&self) -> String {
        "crop_body".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        if self.opening > 64 {
            return Err(TransformError::parameter("opening", self.opening, "must be 64 at most"));
        }
        Ok(())
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        let shape = sample.shape();
        let image = sample.voxels().image.index_axis(Axis(0), 0);
        let opened = binary_opening(image.mapv(|v| v > self.above), self.opening);
        let mut body = opened.mapv(u8::from);
        keep_largest(&mut body, Connectivity::Face);
        let Some(found) = foreground_box(&body.view(), |v| *v > 0, Dhw::splat(0)) else {
            sample.warn("no body is found; the whole volume is kept");
            return Ok(Draw::Skip);
        };
        let cut = |whole: bool, found: isize| if whole { found } else { 0 };
        let start = self.axes.zip(found.start).map(|(cut_here, start)| cut(cut_here, start));
        let size =
            self.axes.zip(found.size.zip(shape)).map(|(cut_here, (size, all))| if cut_here { size } else { all });
        Ok(cropped(shape, BoxDhw { start, size }, PadMode::Constant, 0.0))
    }
}
