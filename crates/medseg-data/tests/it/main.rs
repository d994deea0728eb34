//! Tests of the data crate as its users call it.

mod bad_input;
mod cache;
mod case;
mod compact;
mod discover;
mod disk;
mod loader;
mod offline;
mod split;
