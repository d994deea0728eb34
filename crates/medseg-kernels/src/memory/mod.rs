//! Memory for tensors: large pages, and buffers that are used again.

mod aligned;
mod arena;
mod buffer;
mod large_pages;
mod pages;
pub(crate) mod stream;

pub(crate) use aligned::Aligned;
pub use buffer::{Buffer, release};
pub use large_pages::prefer_large_pages;
