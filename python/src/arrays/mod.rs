//! Arrays of numpy as arrays of Rust, and back.
//!
//! numpy's axes are `[x, y, z]`, as nibabel and MONAI have them; medseg's are `[depth, height, width]`, which is the
//! reverse. A reversed view is both at no cost: a file's bytes are in C order one way and in Fortran's the other.

mod input;
mod mask;
mod output;
mod triple;

pub(crate) use input::with_numbers;
pub use input::{as_numpy, check_ndim, floats, image, owned, tuple};
pub use mask::{CompactLabels, Labels, Mask, check_same_shape, compact_labels};
pub use output::{channels_to_numpy, to_numpy};
pub use triple::{OneOrThree, three};
