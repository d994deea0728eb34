//! The tests of the crate, one binary.

mod ensemble;
mod files;
mod network;
mod predict;
mod regions;
mod schemas;
mod threads;
