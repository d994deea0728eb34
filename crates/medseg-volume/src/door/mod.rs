//! The doors to files of every format: opened and read, or written, by the ending of their names.

mod format;
mod image;
mod label_choice;
mod probability;
mod read;
mod volume_file;
mod write;

pub use format::{VOLUME_ENDINGS, volume_stem};
pub use image::{ImageOptions, ImageWarning, read_image_with_warnings};
pub use label_choice::LabelChoice;
pub use probability::{ProbabilityBits, write_probabilities};
pub use read::{
    read_channels, read_image, read_image_with, read_info, read_label, read_label_of, read_label_values,
    read_label_with, read_stored,
};
pub use volume_file::{ReadOptions, VolumeFile};
pub use write::{nifti_bytes, write_channels, write_image, write_image_i16, write_label, write_volume};
