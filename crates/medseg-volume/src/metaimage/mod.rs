//! MetaImage: `.mha`, or a `.mhd` beside its data.

mod read;
mod write;

pub(crate) use read::from_source;
pub(crate) use write::{SIZE_PLACE, head};
