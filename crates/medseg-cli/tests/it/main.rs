//! The program as a user runs it.

mod files;
mod network;
mod other_programs;
mod predict;
mod safety;
mod support;
mod train;
