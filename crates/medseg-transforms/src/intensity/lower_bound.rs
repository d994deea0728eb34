//! The low end of scales that are the same for all images.

use super::{Intensity, IntensityChange};
use crate::{Pipeline, Step};

impl Intensity {
    /// The intensity at which the scale begins, where it is the same for all images: a window's low end, in Hounsfield units.
    #[must_use]
    pub fn lower_bound(&self) -> Option<f32> {
        match *self {
            Self::Window { low, .. } => Some(low),
            Self::ZScore { .. } | Self::Percentile { .. } => None,
        }
    }
}

impl IntensityChange {
    /// As [`Intensity::lower_bound`].
    #[must_use]
    pub fn lower_bound(&self) -> Option<f32> {
        match self {
            Self::Setting(setting) => setting.lower_bound(),
            Self::CtWindow(window) => Some(window.scale_intensity_range().a_min),
            Self::ScaleIntensityRange(range) => Some(range.a_min),
            _ => None,
        }
    }
}

impl Pipeline {
    /// The intensity at which the scale of the first step that looks at intensities begins, where it is the same for all images.
    /// A negative one says that images are CT in Hounsfield units.
    ///
    /// ```
    /// use medseg_transforms::{ChangeIntensity, Channels, CropBody, CtWindow, NormalizeIntensity, Pipeline};
    ///
    /// let window = ChangeIntensity { change: CtWindow::Abdomen.into(), channels: Channels::Each };
    /// assert_eq!(Pipeline::new().then(window).lower_bound(), Some(-150.0));
    /// assert_eq!(Pipeline::new().then(CropBody::default()).lower_bound(), Some(-300.0));
    /// let z_score = ChangeIntensity { change: NormalizeIntensity::default().into(), channels: Channels::Each };
    /// assert_eq!(Pipeline::new().then(z_score).lower_bound(), None);
    /// ```
    #[must_use]
    pub fn lower_bound(&self) -> Option<f32> {
        self.steps.iter().find_map(|step| match step {
            Step::Intensity(step) => Some(step.change.lower_bound()),
            Step::CropBody(body) => Some(Some(body.above)),
            _ => None,
        })?
    }
}
