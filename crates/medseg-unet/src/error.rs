//! Errors of networks and their files.

use std::path::{Path, PathBuf};

/// An error of this crate; its message is one sentence that names the setting or the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UNetError {
    /// A setting is impossible.
    #[error("network: {0}")]
    Config(String),
    /// An image does not fit the network.
    #[error("image: {0}")]
    Input(String),
    /// A weight file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The action that failed.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A weight file is damaged or of another kind.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A name whose ending is not that of a weight file.
    #[error("{}: {expected}", path.display())]
    Ending {
        /// The file.
        path: PathBuf,
        /// The expected endings, as a sentence.
        expected: &'static str,
    },
    /// A weight file without the network's settings.
    #[error("{}: it holds no network settings; was it written by save_weights?", path.display())]
    NoConfig {
        /// The file.
        path: PathBuf,
    },
    /// A state dict of several networks, read without a prefix.
    #[error("{}: it holds several networks, under {}; choose one by its prefix", path.display(), quoted(prefixes))]
    SeveralNetworks {
        /// The file.
        path: PathBuf,
        /// Prefixes of the networks, without a dot at the end.
        prefixes: Vec<String>,
    },
    /// The weights are not those of the network.
    #[error("{place}: the weights do not fit the network ({})", list(missing, unexpected, shapes))]
    Weights {
        /// The file, or what else they came from.
        place: String,
        /// Parameters without weights.
        missing: Vec<String>,
        /// Weights without a parameter.
        unexpected: Vec<String>,
        /// Weights of another shape: name, expected, found.
        shapes: Vec<String>,
    },
    /// A weight is NaN or infinite: every mask of such a network would be wrong.
    #[error("{}: the tensor {tensor} holds {value}, which is not a finite number", path.display())]
    NotFinite {
        /// The file, or what else it came from.
        path: PathBuf,
        /// The tensor's name there.
        tensor: String,
        /// The first such value.
        value: f32,
    },
    /// Weights could not be read back from the device.
    #[error("device: {0}")]
    Device(String),
}

impl UNetError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn malformed(path: &Path) -> impl FnOnce(String) -> Self {
        let path = path.to_path_buf();
        move |reason| Self::Malformed { path, reason }
    }
}

/// The first few prefixes in quotation marks.
fn quoted(prefixes: &[String]) -> String {
    prefixes.iter().take(4).map(|prefix| format!("\"{prefix}\"")).collect::<Vec<_>>().join(", ")
}

/// The first few names of each kind of difference.
fn list(missing: &[String], unexpected: &[String], shapes: &[String]) -> String {
    let part = |what: &str, names: &[String]| {
        let shown = names.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if names.len() > 4 { format!(" and {} more", names.len() - 4) } else { String::new() };
        (!names.is_empty()).then(|| format!("{what}: {shown}{more}"))
    };
    [part("missing", missing), part("unexpected", unexpected), part("of another shape", shapes)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}
