#![doc = include_str!("../README.md")]

mod arrays;
mod compare;
mod golden;
pub mod pickles;

pub use arrays::{ball, noise, oblique_affine, ramp};
pub use compare::{assert_close, assert_send_sync, bits, is_close};
pub use golden::{Golden, Values};
