//! Values between and outside voxels.

use serde::{Deserialize, Serialize};

/// Interpolation between an image's voxels. Labels always take the nearest voxel, halves to the even one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// The nearest voxel, halves to the even one.
    Nearest,
    /// Trilinear.
    #[default]
    Linear,
    /// Cubic convolution over four voxels an axis (Keys, 1981, a = -1/2): exact for quadratics, may overshoot.
    Cubic,
    /// Mean of the voxels that a new voxel covers; for changes of the size only.
    Area,
}

/// Values outside the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BorderMode {
    /// 0, in label and image.
    Zeros,
    /// The voxel at the border.
    #[default]
    Border,
    /// The volume mirrored at the outer faces of its border voxels (PyTorch's `reflection` without `align_corners`).
    Reflection,
    /// The volume mirrored at the centres of its border voxels (PyTorch's `reflection` with `align_corners`).
    Mirror,
}

impl BorderMode {
    /// The position to read instead of one that may be outside `length` voxels; [`Zeros`](Self::Zeros) leaves it.
    pub(crate) fn position(self, at: f64, length: usize) -> f64 {
        let last = length as f64 - 1.0;
        match self {
            Self::Zeros => at,
            Self::Border => at.clamp(0.0, last),
            Self::Reflection => {
                let length = length as f64;
                // Mirrored at -1/2 and length - 1/2.
                let from_face = (at + 0.5).abs() % (2.0 * length);
                let folded = if from_face > length { 2.0 * length - from_face } else { from_face };
                (folded - 0.5).clamp(0.0, last)
            }
            Self::Mirror if length < 2 => 0.0,
            Self::Mirror => {
                let from_center = at.abs() % (2.0 * last);
                if from_center > last { 2.0 * last - from_center } else { from_center }
            }
        }
    }
}

/// The four weights of cubic convolution for a position `fraction` past the second of four voxels.
pub(crate) fn cubic_weights(fraction: f64) -> [f64; 4] {
    let t = fraction;
    let (t2, t3) = (t * t, t * t * t);
    [-0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1.0, -1.5 * t3 + 2.0 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2]
}
