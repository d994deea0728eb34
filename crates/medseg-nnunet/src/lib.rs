#![doc = include_str!("../README.md")]

mod bundle;
mod checkpoint;
mod ensemble;
mod error;
pub mod export;
mod exported_zip;
mod folder;
mod half_rows;
mod image;
mod model;
mod model_list;
mod model_plan;
mod network;
mod network_keys;
mod plans;
mod postprocessing;
mod predict_options;
mod preprocess;
mod probabilities;
mod region;
mod resample;
mod segmentation;
mod separate_axis;
pub mod window;

pub use checkpoint::{Checkpoint, CheckpointProblem};
pub use ensemble::{Ensemble, EnsembleError, labels_of};
pub use error::NnUnetError;
pub use folder::{CHECKPOINT, Fold, ModelFolder, is_model};
pub use image::{CaseImage, ImageError, ImageReader, read_case, read_case_mask};
pub use medseg_torch::{PickleProblem, StoredTensor, TorchError, TorchProblem};
pub use model::{Model, PreparedCase};
pub use model_list::{Combine, ListProgress, ModelList};
pub use model_plan::ModelPlan;
pub use network_keys::{
    ConvBlockKeys, ConvKeys, DecoderStageKeys, NetworkKeys, NormKeys, Parameter, ResidualBlockKeys, StageKeys,
};
pub use plans::{
    Architecture, Configuration, Dataset, Encoder, Label, Nonlinearity, Norm, NormKind, Plans, PlansProblem,
    ResamplingFunction, ResidualBlock,
};
pub use postprocessing::{KeepLargest, Postprocessing, PostprocessingError};
pub use predict_options::PredictOptions;
pub use preprocess::{
    CropBox, Normalization, PreprocessConfig, PreprocessError, Preprocessed, PreviousStage, Properties, preprocess,
    resampled_shape,
};
pub use probabilities::Probabilities;
pub use resample::{
    LabelResampling, LabelResizeRule, ResampleError, Resampling, resample_image, resample_segmentation,
};
pub use segmentation::Segmentation;
pub use separate_axis::separate_axis;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_can_cross_threads() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<Checkpoint>();
        assert_send_sync::<ModelFolder>();
        assert_send_sync::<Model>();
        assert_send_sync::<NnUnetError>();
    }
}
