#![doc = include_str!("../README.md")]

mod bytes;
mod container;
mod element;
mod error;
mod file;
mod flatten;
mod format;
mod legacy;
mod part;
mod pickle;
mod problem;
mod rebuild;
mod source;
mod tensor;
mod zip;

pub use element::Element;
pub use error::TorchError;
pub use file::TorchFile;
pub use format::TorchFormat;
pub use part::{Content, Part};
pub use pickle::PickleProblem;
pub use problem::TorchProblem;
pub use tensor::StoredTensor;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_can_cross_threads() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<TorchFile>();
        assert_send_sync::<Part<'_>>();
        assert_send_sync::<StoredTensor>();
        assert_send_sync::<TorchError>();
    }
}
