//! Oddities of structure sets.

use std::fmt;

/// Something about a structure set that its user should know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StructureSetWarning {
    /// Points and open contours enclose nothing and were passed over.
    OpenContours {
        /// The region.
        roi: String,
        /// Number of such contours.
        contours: usize,
    },
    /// `NumberOfContourPoints` is another number than that of the points; the points count.
    PointCount {
        /// The region.
        roi: String,
        /// Number of such contours.
        contours: usize,
    },
    /// Contours lie on no slice of the grid and were passed over.
    OutsideGrid {
        /// The region.
        roi: String,
        /// Number of such contours.
        contours: usize,
    },
    /// Planes with contours lie closer than the grid's slices; those that are not the nearest to a slice were passed over.
    DensePlanes {
        /// The region.
        roi: String,
        /// Number of contours passed over.
        contours: usize,
    },
    /// Contours lie on every second slice or fewer; the slices between are empty.
    SparsePlanes {
        /// The region.
        roi: String,
        /// The usual number of slices from a plane with contours to the next.
        slices: usize,
    },
    /// Contours lie off the planes of their slices, less than half a step.
    OffPlane {
        /// The region.
        roi: String,
        /// The largest distance, as a part of the step between slices.
        steps: f64,
    },
}

impl fmt::Display for StructureSetWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenContours { roi, contours } => {
                write!(f, "ROI {roi:?}: {contours} points or open contours enclose nothing and are passed over")
            }
            Self::PointCount { roi, contours } => {
                write!(f, "ROI {roi:?}: {contours} contours have another number of points than they say")
            }
            Self::OutsideGrid { roi, contours } => {
                write!(f, "ROI {roi:?}: {contours} contours lie on no slice of the grid and are passed over")
            }
            Self::DensePlanes { roi, contours } => write!(
                f,
                "ROI {roi:?}: contours lie closer than the grid's slices; {contours} that are not the nearest to one are \
                 passed over"
            ),
            Self::SparsePlanes { roi, slices } => {
                write!(f, "ROI {roi:?}: contours lie on every {slices}. slice only; those between are left empty")
            }
            Self::OffPlane { roi, steps } => {
                write!(f, "ROI {roi:?}: contours lie up to {steps:.3} steps off the planes of their slices")
            }
        }
    }
}
