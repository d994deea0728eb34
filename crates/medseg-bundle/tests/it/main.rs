//! The tests of the crate, one binary.

mod ensemble;
mod files;
mod network;
mod predict;
mod schemas;
mod threads;
