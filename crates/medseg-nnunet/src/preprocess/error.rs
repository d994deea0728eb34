//! Errors of preprocessing.

use crate::ResampleError;

/// An image or a setting that preprocessing refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PreprocessError {
    /// An image without voxels.
    #[error("an image of shape {shape:?} (channel, depth, height, width) has no voxels")]
    Empty {
        /// The shape.
        shape: Vec<usize>,
    },
    /// Other channels than the model was trained with.
    #[error("the model takes {expected} channels, the image has {found}")]
    Channels {
        /// The model's number.
        expected: usize,
        /// The image's number.
        found: usize,
    },
    /// An order of axes that does not name each of them once.
    #[error("axes {axes:?}: each of 0, 1 and 2 must occur once")]
    Axes {
        /// The order.
        axes: [usize; 3],
    },
    /// A spacing that is not a finite number above 0.
    #[error("spacing {spacing:?}: every axis needs a finite number above 0, in mm")]
    Spacing {
        /// The spacing in mm, by axis.
        spacing: Vec<f64>,
    },
    /// A spacing that leads to no voxels, or to more than an axis can have.
    #[error("{voxels} voxels of {from} mm become {found} of {to} mm")]
    Size {
        /// Voxels before.
        voxels: usize,
        /// Spacing before, in mm.
        from: f64,
        /// Spacing after, in mm.
        to: f64,
        /// Voxels after.
        found: f64,
    },
    /// A cascade's model without the mask of the stage before.
    #[error("the model needs the mask of the stage before")]
    NoPrevious,
    /// A mask of a stage before, for a model that takes none.
    #[error("the model takes no mask of a stage before")]
    Previous,
    /// A mask of the stage before on another grid.
    #[error("the mask of the stage before has shape {found:?}, the image {expected:?}")]
    PreviousShape {
        /// The image's shape `[depth, height, width]`.
        expected: [usize; 3],
        /// The mask's shape.
        found: [usize; 3],
    },
    /// A resampling that is not possible.
    #[error(transparent)]
    Resample(#[from] ResampleError),
}
