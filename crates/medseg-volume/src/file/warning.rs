//! Oddities of a file that have one sensible reading.

use std::fmt;

use crate::Geometry;

/// Something odd in a header that was read all the same.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// The offset of the voxels is 0; they are taken from after the header. Other tools take the header for voxels.
    NoOffset,
    /// Bits per voxel that contradict the datatype, which is believed.
    BitsPerVoxel {
        /// The header's number.
        stated: i16,
        /// The datatype's number.
        actual: usize,
    },
    /// A length of 0 of an axis after the third, taken as 1.
    EmptyAxis(usize),
    /// A slope that is no number or an intercept beside a slope of 0; the voxels are not scaled.
    ScalingIgnored {
        /// The slope.
        slope: f64,
        /// The intercept.
        intercept: f64,
    },
    /// A voxel size of 0 that the geometry needs, taken as 1.
    NoVoxelSize(usize),
    /// A negative voxel size, whose sign has no meaning.
    NegativeVoxelSize {
        /// The axis, from 1.
        axis: usize,
        /// The size as stored.
        size: f64,
    },
    /// A quaternion longer than 1, shortened to it; its squared length.
    LongQuaternion(f64),
    /// Neither sform nor qform: the directions of the axes are a guess.
    NoForm,
    /// Lengths in another unit than millimetres, by NIfTI's code: metres (1) and micrometres (3) are converted, an unknown
    /// one (also 0, where no such scan exists) is taken for millimetres. Tools that ignore the unit see another size.
    Units(i32),
    /// A unit of length by its name: known ones are converted, others are taken for millimetres.
    NamedUnits(String),
    /// A geometry that is stated in no space of the patient; DICOM's axes are assumed, as ITK does.
    NoPatientSpace,
    /// A field whose meaning is not applied; its name.
    FieldIgnored(&'static str),
    /// Axes that are not at right angles; the largest cosine between two.
    Skewed(f64),
    /// Extensions that are not as the format has them; what follows is left out.
    Extension(String),
}

/// Cosines between axes up to this are rounding.
const MOST_SKEW: f64 = 1e-4;

impl Warning {
    /// Of axes that are not at right angles.
    pub(crate) fn of_skew(geometry: &Geometry) -> Option<Self> {
        Some(geometry.skew()).filter(|skew| *skew > MOST_SKEW).map(Self::Skewed)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOffset => write!(f, "no offset of the voxels; taken from after the header"),
            Self::BitsPerVoxel { stated, actual } => write!(f, "{stated} bits per voxel stated, the type has {actual}"),
            Self::EmptyAxis(axis) => write!(f, "dimension {axis} is 0; taken as 1"),
            Self::ScalingIgnored { slope, intercept } => {
                write!(f, "slope {slope} with intercept {intercept} is ignored")
            }
            Self::NoVoxelSize(axis) => write!(f, "the voxel size along axis {axis} is 0; taken as 1"),
            Self::NegativeVoxelSize { axis, size } => {
                write!(f, "the voxel size along axis {axis} is {size}; taken without its sign")
            }
            Self::LongQuaternion(squared) => write!(f, "the quaternion's squared length is {squared}; shortened to 1"),
            Self::NoForm => write!(f, "neither sform nor qform; the orientation is a guess"),
            Self::Units(1) => write!(f, "lengths are stated in metres; converted to millimetres"),
            Self::Units(3) => write!(f, "lengths are stated in micrometres; converted to millimetres"),
            Self::Units(code) => write!(f, "lengths are in an unknown unit (code {code}); taken as millimetres"),
            Self::NamedUnits(unit) => write!(f, "lengths are stated in {unit}, not in millimetres"),
            Self::NoPatientSpace => write!(f, "no space of the patient is named; DICOM's axes (LPS) are assumed"),
            Self::FieldIgnored(field) => write!(f, "{field} is ignored"),
            Self::Skewed(cosine) => write!(f, "the axes are not at right angles (cosine {cosine:.2e})"),
            Self::Extension(what) => write!(f, "header extensions: {what}"),
        }
    }
}
