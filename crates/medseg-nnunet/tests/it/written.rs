//! Checkpoints written byte by byte.

use medseg_nnunet::{Checkpoint, NnUnetError};
use medseg_testing::pickles::numbers;
pub use medseg_testing::pickles::{one, tensor, text, zip};

/// Opens bytes as a checkpoint.
pub fn open_bytes(bytes: &[u8]) -> Result<Checkpoint, NnUnetError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint_final.pth");
    std::fs::write(&path, bytes).unwrap();
    Checkpoint::open(&path)
}

/// Opens a pickle as a checkpoint whose only storage holds the numbers 0 to 11.
pub fn open_pickle(pickle: &[u8]) -> Result<Checkpoint, NnUnetError> {
    open_bytes(&zip(&[("a/data.pkl", pickle), ("a/data/0", &numbers())]))
}

/// The message of an error.
pub fn message<T: std::fmt::Debug>(result: Result<T, NnUnetError>) -> String {
    result.unwrap_err().to_string()
}

/// A whole checkpoint whose `network_weights` are these bytes.
pub fn checkpoint(weights: &[u8]) -> Vec<u8> {
    checkpoint_of("T", weights)
}

/// A whole checkpoint of a trainer.
pub fn checkpoint_of(trainer: &str, weights: &[u8]) -> Vec<u8> {
    [
        b"\x80\x02}(",
        &text("network_weights")[..],
        weights,
        &text("init_args"),
        b"}",
        &text("configuration"),
        &text("2d"),
        b"s",
        &text("trainer_name"),
        &text(trainer),
        b"u.",
    ]
    .concat()
}
