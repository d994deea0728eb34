//! The program as a user runs it.

mod files;
mod predict;
mod support;
mod train;
