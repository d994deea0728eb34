//! The tests of the crate, one binary.

mod counts;
mod hostile;
mod properties;

use medseg_architecture::{Architecture, ArchitectureError, Block, Layer, Stage};

/// One stage with these layers.
fn single(layers: impl IntoIterator<Item = Layer>) -> Architecture {
    let stage = Stage::new("only", "image", Block::new(layers)).with_channels(4);
    Architecture { in_channels: 2, blocks: Default::default(), stages: vec![stage], outputs: vec!["only".into()] }
}

/// The error of an architecture, which names `what`.
#[track_caller]
fn refused(architecture: &Architecture, what: &str) -> ArchitectureError {
    let error = architecture.graph().expect_err(what);
    let text = error.to_string();
    assert!(text.contains(what) && !text.contains('\n'), "{text} does not name {what}");
    error
}
