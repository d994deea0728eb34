//! Memory for tensors: large pages, and buffers that are used again.

mod buffer;
mod large_pages;

pub use buffer::{Buffer, release};
