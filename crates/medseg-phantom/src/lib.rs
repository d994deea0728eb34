#![doc = include_str!("../README.md")]

mod abdomen;
mod anatomy;
mod canvas;
mod config;
mod error;
mod liver;
mod scan;
mod shape;
mod skeleton;
mod trunk;
mod write;

pub use config::PhantomConfig;
pub use error::PhantomError;
pub use medseg_volume::Orientation;
pub use ndarray;
pub use write::PhantomCase;
