//! The usual windows of CT.

use serde::{Deserialize, Serialize};

use super::{Intensity, ScaleIntensityRange};

/// A window of computed tomography by its name: level ± width / 2 Hounsfield units are shown from black to white.
///
/// Levels and widths are those that Radiopaedia gives in its article "Windowing (CT)"
/// (<https://radiopaedia.org/articles/windowing-ct>); where it gives a span, the middle or the commonest value.
///
/// ```
/// use medseg_transforms::{CtWindow, Intensity};
///
/// assert_eq!(CtWindow::Liver.range(), (-45.0, 105.0));
/// assert_eq!(CtWindow::Lung.intensity(), Intensity::Window { low: -1350.0, high: 150.0 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CtWindow {
    /// Soft tissues of the abdomen: level 50, width 400.
    Abdomen,
    /// Liver: level 30, width 150.
    Liver,
    /// Bone: level 400, width 1800.
    Bone,
    /// Lungs: level -600, width 1500.
    Lung,
    /// Soft tissues in general: level 40, width 400.
    SoftTissue,
    /// Mediastinum: level 50, width 350.
    Mediastinum,
    /// Brain: level 40, width 80.
    Brain,
}

impl CtWindow {
    /// Every window.
    pub const ALL: [Self; 7] =
        [Self::Abdomen, Self::Liver, Self::Bone, Self::Lung, Self::SoftTissue, Self::Mediastinum, Self::Brain];

    /// The middle of the window, in Hounsfield units.
    #[must_use]
    pub const fn level(self) -> f32 {
        self.level_and_width().0
    }

    /// Hounsfield units from black to white.
    #[must_use]
    pub const fn width(self) -> f32 {
        self.level_and_width().1
    }

    /// Hounsfield units that become black and white.
    #[must_use]
    pub const fn range(self) -> (f32, f32) {
        let (level, width) = self.level_and_width();
        (level - width / 2.0, level + width / 2.0)
    }

    /// As an experiment's setting: clipped and scaled to [0, 1].
    #[must_use]
    pub const fn intensity(self) -> Intensity {
        let (low, high) = self.range();
        Intensity::Window { low, high }
    }

    /// As a transform to [0, 1], clipped.
    #[must_use]
    pub const fn scale_intensity_range(self) -> ScaleIntensityRange {
        let (a_min, a_max) = self.range();
        ScaleIntensityRange { a_min, a_max, b_min: Some(0.0), b_max: Some(1.0), clip: true }
    }

    const fn level_and_width(self) -> (f32, f32) {
        match self {
            Self::Abdomen => (50.0, 400.0),
            Self::Liver => (30.0, 150.0),
            Self::Bone => (400.0, 1800.0),
            Self::Lung => (-600.0, 1500.0),
            Self::SoftTissue => (40.0, 400.0),
            Self::Mediastinum => (50.0, 350.0),
            Self::Brain => (40.0, 80.0),
        }
    }
}
