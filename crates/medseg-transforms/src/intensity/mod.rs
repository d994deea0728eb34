//! Changes of intensities. They take arrays of any number of axes: a volume, one channel of an image, or all its channels
//! together. Results do not depend on the number of threads.
//!
//! | To | use |
//! |---|---|
//! | bring images to a network's range | [`Intensity`] |
//! | window CT | [`CtWindow`], [`ScaleIntensityRange`] |
//! | scale by the image's own values | [`ScaleIntensity`], [`NormalizeIntensity`], [`ScaleIntensityRangePercentiles`] |
//! | cut off or equalise | [`ClipIntensityPercentiles`], [`percentiles`], [`HistogramNormalize`] |
//! | blur, add noise, coarsen | [`GaussianSmooth`], [`GaussianNoise`], [`SimulateLowResolution`] |
//! | change brightness, contrast, gamma | [`AdjustBrightness`], [`AdjustContrast`], [`AdjustGamma`] |
//! | find or replace NaN and infinite voxels | [`all_finite`], [`replace_not_finite`] |
//! | do one of them in a pipeline | [`ChangeIntensity`], [`IntensityChange`] |

mod brightness;
mod change;
mod ct_window;
mod finite;
mod gamma;
mod gaussian_noise;
mod gaussian_smooth;
mod histogram;
mod low_resolution;
mod lower_bound;
mod normalize;
mod percentiles;
mod range;
mod setting;
mod statistics;
mod step;
mod voxels;

pub use brightness::{AdjustBrightness, AdjustContrast};
pub use change::IntensityChange;
pub use ct_window::CtWindow;
pub use finite::{all_finite, replace_not_finite};
pub use gamma::AdjustGamma;
pub use gaussian_noise::GaussianNoise;
pub use gaussian_smooth::{BlurBorder, GaussianSmooth};
pub use histogram::HistogramNormalize;
pub use low_resolution::SimulateLowResolution;
pub use normalize::NormalizeIntensity;
pub use percentiles::{ClipIntensityPercentiles, ScaleIntensityRangePercentiles, percentiles};
pub use range::{ScaleIntensity, ScaleIntensityRange};
pub use setting::Intensity;
pub use step::{ChangeIntensity, Channels};
