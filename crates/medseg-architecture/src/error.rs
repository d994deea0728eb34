//! Errors of architectures.

/// An error of this crate; its message is one sentence that names the stage or the layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// The architecture as a whole is impossible.
    #[error("network: {0}")]
    Network(String),
    /// A stage is impossible.
    #[error("stage {stage}: {reason}")]
    Stage {
        /// Name of the stage.
        stage: String,
        /// The reason.
        reason: String,
    },
    /// A layer is impossible.
    #[error("layer {layer}: {reason}")]
    Layer {
        /// Name of the layer.
        layer: String,
        /// The reason.
        reason: String,
    },
    /// An image does not fit the network.
    #[error("image: {0}")]
    Input(String),
}

impl ArchitectureError {
    pub(crate) fn stage(stage: &str, reason: impl Into<String>) -> Self {
        Self::Stage { stage: stage.to_owned(), reason: reason.into() }
    }

    pub(crate) fn layer(layer: &str, reason: impl Into<String>) -> Self {
        Self::Layer { layer: layer.to_owned(), reason: reason.into() }
    }
}
