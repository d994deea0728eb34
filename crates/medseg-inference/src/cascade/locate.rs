//! The coarse network's labels, and the box that they give.

use burn::tensor::Device;
use medseg_transforms::{BoxDhw, Connectivity, Interpolation, foreground_box, label_components, resize};
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, ArrayView4, Zip};

use super::config::{CascadeConfig, Fallback};
use super::output::{CascadeReport, FallbackReason};
use super::region::{map_box, voxels_of, widened};
use crate::config::SlidingWindowConfig;
use crate::error::InferenceError;
use crate::predictor::Predictor;

/// Labels on the coarse grid, without spurious components.
pub(super) fn coarse_labels(
    config: &CascadeConfig,
    coarse_size: Dhw<usize>,
    image: &ArrayView4<f32>,
    device: &Device,
    network: &mut dyn Predictor,
) -> Result<Array3<u8>, InferenceError> {
    let Dhw { d, h, w } = coarse_size;
    let mut small = Array4::zeros((image.dim().0, d, h, w));
    for (mut to, channel) in small.outer_iter_mut().zip(image.outer_iter()) {
        to.assign(&resize(&channel, coarse_size, Interpolation::Trilinear { align_corners: false }));
    }
    let window = SlidingWindowConfig::whole(coarse_size).init()?;
    let mut labels = window.infer(small.view(), device, network).mask(config.rule.clone())?;
    if config.min_component_share > 0.0 {
        remove_spurious_components(&mut labels, config.min_component_share);
    }
    Ok(labels)
}

/// The box in which the fine network looks first, in voxels of an image of `shape` whose planes lie `planes` millimetres apart.
pub(super) fn located(
    config: &CascadeConfig,
    coarse: &Array3<u8>,
    shape: Dhw<usize>,
    planes: Dhw<f64>,
    voxel_mm3: f64,
) -> CascadeReport {
    let coarse_size = Dhw::from(coarse.dim());
    let voxels = shape.zip(coarse_size).map(|(n, to)| n as f64 / to as f64).to_array().into_iter().product::<f64>();
    let voxel_ml = voxels * voxel_mm3 / 1000.0;
    let coarse_ml = coarse.iter().filter(|&&label| label != 0).count() as f64 * voxel_ml;
    let found = foreground_box(&coarse.view(), |&label| label != 0, config.coarse_margin);
    let found = found.filter(|_| coarse_ml >= config.min_coarse_ml);
    let nothing = BoxDhw::whole(Dhw::splat(0));
    let coarse_roi = found.map_or(nothing, |found| {
        let all_faces = Dhw::splat((true, true));
        let exact = map_box(&found, coarse_size, shape);
        widened(&exact, all_faces, voxels_of(config.margin_mm, planes), shape)
    });
    let missed = found.is_none();
    let fallback = (missed && config.fallback == Fallback::FullVolume).then_some(FallbackReason::CoarseMissed);
    let roi = if fallback.is_some() { BoxDhw::whole(shape) } else { coarse_roi };
    CascadeReport { coarse_missed: missed, coarse_ml, coarse_roi, roi, roi_grown: 0, fallback, windows: 0 }
}

/// Sets the components below `share` of the largest one to 0.
fn remove_spurious_components(labels: &mut Array3<u8>, share: f64) {
    let components = label_components(&labels.mapv(|label| u8::from(label != 0)).view(), Connectivity::Vertex);
    let largest = components.sizes.iter().max().copied().unwrap_or(0) as f64;
    Zip::from(labels).and(&components.labels).for_each(|label, &number| {
        if number != 0 && (components.sizes[number as usize - 1] as f64) < share * largest {
            *label = 0;
        }
    });
}
