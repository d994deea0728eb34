//! Convolutions of any kernel and stride, and transposed ones.

pub(super) mod extension;
mod flex;
