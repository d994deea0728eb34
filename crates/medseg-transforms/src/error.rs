//! Errors of transforms.

use medseg_volume::Dhw;

use crate::PadMode;

/// An error of this crate; its message is one sentence that names the parameter, and the case where there is one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// A parameter makes no sense.
    #[error("{parameter} {value} {reason}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// Its value.
        value: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A crop is larger than the volume it is drawn from.
    #[error("a crop of {crop} voxels does not fit into a volume of {volume}; pad it first")]
    CropTooLarge {
        /// The crop.
        crop: Dhw<usize>,
        /// The volume.
        volume: Dhw<usize>,
    },
    /// There is no voxel that a crop could be centred on.
    #[error("no voxel can be the centre of a crop: the volume has neither foreground nor background")]
    NoCenter,
    /// A volume has no voxels, or would have none.
    #[error("a volume of {shape} has no voxels")]
    NoVoxels {
        /// Its shape.
        shape: Dhw<usize>,
    },
    /// Label and image differ in shape.
    #[error("the label has {label} voxels, the image {image}")]
    LabelShape {
        /// The image's.
        image: Dhw<usize>,
        /// The label's.
        label: Dhw<usize>,
    },
    /// A transform needs a label and there is none.
    #[error("the sample has no label")]
    NoLabel,
    /// A padding repeats the volume's values and there are none.
    #[error("the volume of {volume} has no voxel in the box, so {mode} padding has none to repeat")]
    NothingToRepeat {
        /// The padding's mode.
        mode: PadMode,
        /// The volume's shape.
        volume: Dhw<usize>,
    },
    /// A result has another shape than what was done says.
    #[error("{got} voxels do not fit: the sample has {want} at this point")]
    Shape {
        /// The shape that was given.
        got: Dhw<usize>,
        /// The shape that belongs there.
        want: Dhw<usize>,
    },
    /// A grid would not be one.
    #[error("the new grid is none: {0}")]
    Geometry(String),
    /// [`Transform::apply`](crate::Transform::apply) changed the shape.
    #[error("{transform} changed the shape outside a spatial change")]
    ShapeChanged {
        /// The transform.
        transform: String,
    },
    /// Recorded parameters cannot be used.
    #[error("{transform}: {reason}")]
    NotReplayable {
        /// The transform.
        transform: String,
        /// Why not.
        reason: &'static str,
    },
    /// A trace of something else.
    #[error("the trace is of another pipeline or of a sample of another shape")]
    OtherTrace,
    /// A pipeline was to make one sample of one.
    #[error("the pipeline makes {samples} samples of one")]
    NotOne {
        /// Number of samples that it makes.
        samples: usize,
    },
    /// Something cannot be taken back.
    #[error("{change} cannot be taken back: {reason}")]
    NotInvertible {
        /// The change.
        change: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// A step of a pipeline failed.
    #[error("step {} ({transform})", number + 1)]
    Step {
        /// Its place, from 0.
        number: usize,
        /// Its name.
        transform: String,
        /// Why.
        source: Box<Self>,
    },
    /// A case failed.
    #[error("case {id}")]
    Case {
        /// Its name.
        id: String,
        /// Why.
        source: Box<Self>,
    },
}

impl TransformError {
    /// The fault of a parameter: its name, the value it has, and the range it must lie in.
    ///
    /// ```
    /// let error = medseg_transforms::TransformError::parameter("p", 1.5, "must be between 0 and 1");
    /// assert!(error.to_string().contains("must be between 0 and 1"));
    /// ```
    #[must_use]
    pub fn parameter(parameter: &'static str, value: impl ToString, reason: &'static str) -> Self {
        Self::Parameter { parameter, value: value.to_string(), reason }
    }

    /// Names the case, if it has a name.
    pub(crate) fn of_case(self, id: &str) -> Self {
        if id.is_empty() {
            return self;
        }
        Self::Case { id: id.to_string(), source: Box::new(self) }
    }

    pub(crate) fn of_step(self, number: usize, transform: &str) -> Self {
        Self::Step { number, transform: transform.to_string(), source: Box::new(self) }
    }
}
