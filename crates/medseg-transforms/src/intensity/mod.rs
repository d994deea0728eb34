//! Changes of intensities, one concept a file. They take arrays of any number of axes: a volume, one channel of an
//! image, or all its channels together. Results do not depend on the number of threads.

mod ct_window;
mod histogram;
mod normalize;
mod percentiles;
mod range;
mod setting;
mod statistics;
mod voxels;

pub use ct_window::CtWindow;
pub use histogram::HistogramNormalize;
pub use normalize::NormalizeIntensity;
pub use percentiles::{ClipIntensityPercentiles, ScaleIntensityRangePercentiles, percentiles};
pub use range::{ScaleIntensity, ScaleIntensityRange};
pub use setting::Intensity;
