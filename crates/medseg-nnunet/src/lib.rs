#![doc = include_str!("../README.md")]

mod separate_axis;

pub use separate_axis::separate_axis;
