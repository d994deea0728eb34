//! The tests of the crate, one binary.

mod cascade;
mod cascade_safety;
mod device;
mod golden;
mod not_finite;
mod options;
mod post;
mod regions;
mod restore;
mod scores;
mod slabs;
mod sliding;
mod threads;
