//! The tests of the crate, one binary.

mod files;
mod network;
mod predict;
mod schemas;
mod threads;
