#![doc = include_str!("../README.md")]

mod checkpoint;
mod error;
mod folder;
mod network_keys;
mod plans;
mod separate_axis;

pub use checkpoint::{Checkpoint, CheckpointProblem, PickleProblem, StoredTensor};
pub use error::NnUnetError;
pub use folder::{CHECKPOINT, Fold, ModelFolder};
pub use network_keys::{
    ConvBlockKeys, ConvKeys, DecoderStageKeys, NetworkKeys, NormKeys, Parameter, ResidualBlockKeys, StageKeys,
};
pub use plans::{
    Architecture, Configuration, Dataset, Encoder, IntensityProperties, Label, Nonlinearity, Norm, NormKind,
    Normalization, Plans, PlansProblem, Resampling, ResidualBlock,
};
pub use separate_axis::separate_axis;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_can_cross_threads() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<Checkpoint>();
        assert_send_sync::<ModelFolder>();
        assert_send_sync::<NnUnetError>();
    }
}
