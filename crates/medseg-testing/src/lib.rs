#![doc = include_str!("../README.md")]

mod arrays;
mod compare;
mod golden;

pub use arrays::{ball, noise, ramp};
pub use compare::{assert_close, assert_send_sync, bits, is_close};
pub use golden::{Golden, Values};
