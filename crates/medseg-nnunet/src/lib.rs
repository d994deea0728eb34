#![doc = include_str!("../README.md")]

pub mod export;
mod half_rows;
mod separate_axis;
pub mod window;

pub use separate_axis::separate_axis;
