//! Tests of written models: structure, names, metadata, errors.

mod decoded;
mod errors;
mod files;
mod layers;
#[path = "../../src/proto.rs"]
#[allow(dead_code, reason = "the messages of the library; not every constant is used here")]
mod proto;
mod random;
mod structure;
