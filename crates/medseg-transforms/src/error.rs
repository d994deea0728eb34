//! What can go wrong with transforms.

/// An error of this crate; its message is one sentence that names the parameter.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// A parameter makes no sense.
    #[error("{parameter} {value} {reason}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        reason: &'static str,
    },
    /// A crop is larger than the volume it is drawn from.
    #[error("a crop of {crop} voxels does not fit into a volume of {volume}; pad it first")]
    CropTooLarge {
        /// The crop.
        crop: medseg_volume::Dhw<usize>,
        /// The volume.
        volume: medseg_volume::Dhw<usize>,
    },
    /// There is no voxel that a crop could be centred on.
    #[error("no voxel can be the centre of a crop: the volume has neither foreground nor background")]
    NoCenter,
}
