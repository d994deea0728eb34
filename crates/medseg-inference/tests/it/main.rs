//! The tests of the crate, one binary.

mod cascade;
mod cascade_safety;
mod device;
mod golden;
mod options;
mod post;
mod restore;
mod sliding;
mod threads;
