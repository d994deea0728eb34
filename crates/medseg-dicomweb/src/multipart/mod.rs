//! Bodies of type `multipart/related` (RFC 2387, RFC 2046), read from a stream that is not trusted, and written.

mod content_type;
mod error;
mod reader;
mod writer;

pub use error::MultipartError;
pub use reader::{MultipartReader, PartHeaders};

pub(crate) use content_type::{boundary_of, is_dicom};
pub(crate) use writer::FileParts;
