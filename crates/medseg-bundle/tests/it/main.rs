//! The tests of the crate, one binary.

mod files;
mod predict;
mod schemas;
mod threads;
