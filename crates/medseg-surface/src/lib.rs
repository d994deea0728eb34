#![doc = include_str!("../README.md")]

mod cubes;
mod error;
mod march;
mod measure;
mod obj;
mod smooth;
mod space;
mod stl;
mod surface;

pub use error::SurfaceError;
pub use smooth::Smoothing;
pub use space::Space;
pub use surface::Surface;
