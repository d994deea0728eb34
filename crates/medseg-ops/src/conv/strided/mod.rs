//! Convolutions of any kernel and stride, and transposed ones.

#[cfg(feature = "cube")]
mod cube;
pub(super) mod extension;
#[cfg(feature = "flex")]
mod flex;
