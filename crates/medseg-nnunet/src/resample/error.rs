//! Errors of resampling.

/// A request that resampling refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResampleError {
    /// A shape without voxels.
    #[error("shape {shape:?}: every axis needs at least one voxel")]
    Empty {
        /// The shape.
        shape: Vec<usize>,
    },
    /// A result that does not fit into memory.
    #[error("shape {shape:?}: there is no memory for as many voxels")]
    TooLarge {
        /// The shape.
        shape: Vec<usize>,
    },
    /// A spacing that is not a finite number above 0.
    #[error("spacing {spacing:?}: every axis needs a finite number above 0, in mm")]
    Spacing {
        /// The spacing in mm, by axis.
        spacing: [f64; 3],
    },
    /// An order of interpolation that is not available.
    #[error("interpolation order {order} is not available for {values}; {available} are")]
    Order {
        /// The order.
        order: u8,
        /// The kind of values.
        values: &'static str,
        /// The orders that are available.
        available: &'static str,
    },
    /// A new shape together with a function that changes none.
    #[error("no resampling leads from shape {from:?} to {to:?}")]
    NoResampling {
        /// The shape.
        from: Vec<usize>,
        /// The new shape.
        to: Vec<usize>,
    },
}
