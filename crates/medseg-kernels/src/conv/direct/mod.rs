//! Convolutions of any kernel, stride and padding, and their transposes, by the sums that define them.
//!
//! A task takes a region: a few rows of the result, or a few planes. What the region meets of each channel is laid out such
//! that every tap reads consecutive values ([`Layout`](layout::Layout)), and the sums over channels and taps are held in
//! registers ([`Product`](product::Product)). Where there are few regions all threads work on each, with blocks of output
//! channels, so that weights are read once. They are read as they lie, or packed by whoever is about to use them.

mod forward;
mod geometry;
mod layout;
mod product;
mod region;
#[cfg(test)]
mod tests;
mod threads;
mod transposed;
mod weight_grad;

pub(crate) use forward::direct;
pub(crate) use geometry::Geometry;
pub(crate) use transposed::transposed;
pub(crate) use weight_grad::weight_grad;
