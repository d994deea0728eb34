//! The inferer of a bundle.

use crate::BundleProblem;
use crate::config::{Component, Config};
use crate::transforms::{Padding, numbers, only_false, sizes, well_known};

/// The way from an image to the network's output.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Inferer {
    /// `SimpleInferer`: the whole image at once.
    Simple,
    /// `SlidingWindowInferer`.
    SlidingWindow(SlidingWindow),
}

/// Settings of a `SlidingWindowInferer`. Triples are `[depth, height, width]`, the reverse of MONAI's x, y, z.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SlidingWindow {
    /// Size of a window in voxels; nothing means the whole axis.
    pub roi_size: [Option<usize>; 3],
    /// Windows that the network sees at once.
    pub batch_size: usize,
    /// Share of a window that the next one covers too, in [0, 1).
    pub overlap: [f64; 3],
    /// Weights of a window's voxels.
    pub blend: Blend,
    /// Values beyond an image that is smaller than a window.
    pub padding: Padding,
}

/// Weights of a window's voxels.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Blend {
    /// The same for all.
    Constant,
    /// A Gaussian around the centre, with these deviations in shares of the window.
    Gaussian {
        /// Deviation along `[depth, height, width]`, in windows.
        sigma_scale: [f64; 3],
    },
}

pub(crate) fn read(config: &Config) -> Result<Inferer, BundleProblem> {
    let value = match well_known(config, "inferer", "evaluator", "inferer") {
        // The default of MONAI's evaluators.
        Err(BundleProblem::Missing { .. }) if config.raw("evaluator").is_some() => return Ok(Inferer::Simple),
        value => value?,
    };
    let mut component = Component::of_value(config, "inferer", &value)?;
    let inferer = match component.class.as_str() {
        "SimpleInferer" => Inferer::Simple,
        "SlidingWindowInferer" | "SlidingWindowInfererAdapt" => Inferer::SlidingWindow(window(&mut component)?),
        _ => return Err(component.unknown("SlidingWindowInferer and SimpleInferer")),
    };
    component.finish()?;
    Ok(inferer)
}

fn window(component: &mut Component<'_>) -> Result<SlidingWindow, BundleProblem> {
    let roi_size = component.required("roi_size")?;
    let roi_size = sizes(component, "roi_size", &roi_size)?;
    let batch_size = component.whole("sw_batch_size", Some(1), 1, 1 << 16)?;
    let overlap = match component.take("overlap")? {
        None => [0.25; 3],
        Some(value) => numbers(component, "overlap", &value)?,
    };
    if !overlap.iter().all(|share| (0.0..1.0).contains(share)) {
        return Err(BundleProblem::value(component.argument("overlap"), "in [0, 1)"));
    }
    let sigma_scale = match component.take("sigma_scale")? {
        None => [0.125; 3],
        Some(value) => numbers(component, "sigma_scale", &value)?,
    };
    if !sigma_scale.iter().all(|share| *share > 0.0) {
        return Err(BundleProblem::value(component.argument("sigma_scale"), "over 0"));
    }
    let blend = match component.one_of("mode", "constant", &["constant", "gaussian"])? {
        "gaussian" => Blend::Gaussian { sigma_scale },
        _ => Blend::Constant,
    };
    let cval = match component.take("cval")? {
        None => 0.0,
        Some(value) => value.number().ok_or_else(|| BundleProblem::value(component.argument("cval"), "a number"))?,
    };
    let padding = match Padding::read(component, "padding_mode", "constant", &["constant", "replicate", "reflect"])? {
        Padding::Constant(_) => Padding::Constant(cval),
        padding => padding,
    };
    only_false(component, "with_coord")?;
    component.ignore(&[
        "sw_device",
        "device",
        "progress",
        "cache_roi_weight_map",
        "cpu_thresh",
        "buffer_steps",
        "buffer_dim",
    ]);
    Ok(SlidingWindow { roi_size, batch_size, overlap, blend, padding })
}
