//! Files of images and masks.

mod info;
mod read;
mod segmentation;
mod write;

pub use info::{VolumeInfo, read_info};
pub use read::{read_channels, read_image, read_label, read_stored};
pub use segmentation::{read_segmentation, write_segmentation};
pub use write::{write_image, write_label};
