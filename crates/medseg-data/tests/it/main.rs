//! Tests of the data crate as its users call it.

mod bad_input;
mod cache;
mod case;
mod case_names;
mod channels;
mod compact;
mod dataset_json;
mod discover;
mod disk;
mod errors;
mod grouping;
mod labels;
mod loader;
mod offline;
mod split;
mod support;
