//! The ways in which plans can be wrong.

/// The reason why `plans.json` or `dataset.json` is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlansProblem {
    /// The text is no JSON.
    #[error("{0}")]
    Json(serde_json::Error),
    /// A batch norm that has no weights, which nnU-Net never plans.
    #[error("a batch norm without weights is not supported")]
    BatchNormWithoutWeights,
    /// A setting is missing.
    #[error("{setting} is missing")]
    Missing {
        /// The setting, with those around it.
        setting: String,
    },
    /// A setting has a value of another kind, or one out of range.
    #[error("{setting} should be {expected}")]
    Value {
        /// The setting, with those around it.
        setting: String,
        /// The values that it may have.
        expected: String,
    },
    /// A setting names something that is not supported.
    #[error("{setting} is {name:?}, which is not supported; supported are {supported}")]
    Unsupported {
        /// The setting, with those around it.
        setting: String,
        /// Its value.
        name: String,
        /// The supported values.
        supported: &'static str,
    },
    /// The network is none that is supported.
    #[error("the network {class} is not supported; PlainConvUNet and ResidualEncoderUNet are")]
    Network {
        /// The network's class.
        class: String,
    },
    /// The plans have no configuration of this name.
    #[error("there is no configuration {name}; there are {}", available.join(", "))]
    NoConfiguration {
        /// The name.
        name: String,
        /// The names that there are.
        available: Vec<String>,
    },
    /// Configurations inherit from each other in a circle.
    #[error("configuration {name} inherits from itself")]
    Circle {
        /// The configuration at which the circle closes.
        name: String,
    },
    /// A channel is normalised by numbers that the plans lack.
    #[error("channel {channel} needs foreground_intensity_properties_per_channel with its mean, std and percentiles")]
    NoIntensities {
        /// The channel.
        channel: usize,
    },
    /// Plans and data set disagree about the number of channels.
    #[error("configuration {configuration} normalises {normalised} channels, and the data set has {channels}")]
    Channels {
        /// The configuration.
        configuration: String,
        /// Channels that have a normalisation.
        normalised: usize,
        /// Channels of the data set.
        channels: usize,
    },
}
