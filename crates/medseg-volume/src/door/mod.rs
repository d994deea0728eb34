//! The doors to files of every format: opened and read, or written, by the ending of their names.

mod format;
mod image;
mod read;
mod volume_file;
mod write;

pub use image::{ImageOptions, ImageWarning, read_image_with_warnings};
pub use read::{
    read_channels, read_image, read_image_with, read_info, read_label, read_label_values, read_label_with, read_stored,
};
pub use volume_file::{ReadOptions, VolumeFile};
pub use write::{write_channels, write_image, write_image_i16, write_label, write_volume};
