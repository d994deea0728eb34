//! The kinds of files.

/// Format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TorchFormat {
    /// Zip archive of `torch.save`, since PyTorch 1.6.
    Zip,
    /// Pickles and raw storages one after the other: `torch.save` before PyTorch 1.6.
    Legacy,
    /// Zip archive of `torch.jit.save`, with code beside the tensors.
    TorchScript,
}
