//! Errors of the export.

/// An error of the export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Shapes, a box or a transposition that contradict each other.
    #[error("{what} {found}: {expected}")]
    Geometry {
        /// Name of the value.
        what: &'static str,
        /// The value.
        found: String,
        /// Requirement that it breaks.
        expected: &'static str,
    },
    /// A label rule without classes, or with labels beyond 16 bits.
    #[error("{0} classes: between 1 and 65536 are possible")]
    Classes(usize),
    /// Logits of another shape than announced.
    #[error("slice {at} of the logits has shape {found:?}, not {expected:?}")]
    Slice {
        /// Number of the slice along the first axis.
        at: usize,
        /// Shape found: class, height, width.
        found: [usize; 3],
        /// Shape expected.
        expected: [usize; 3],
    },
    /// Slices of logits out of order.
    #[error("slice {found} of the logits came where slice {expected} was expected")]
    Order {
        /// Number that came.
        found: usize,
        /// Number expected.
        expected: usize,
    },
    /// Too few slices of logits.
    #[error("{found} of {expected} slices of the logits came")]
    Incomplete {
        /// Slices that came.
        found: usize,
        /// Slices expected.
        expected: usize,
    },
}
