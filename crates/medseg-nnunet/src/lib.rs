#![doc = include_str!("../README.md")]

mod image;
mod preprocess;
mod resample;
mod separate_axis;

pub use image::{CaseImage, ImageError, ImageReader, read_case, read_case_mask};
pub use preprocess::{
    CropBox, Normalization, PreprocessConfig, PreprocessError, Preprocessed, PreviousStage, Properties, preprocess,
    resampled_shape,
};
pub use resample::{LabelResampling, LabelRule, ResampleError, Resampling, resample_image, resample_segmentation};
pub use separate_axis::separate_axis;
