//! Orientation and spacing of the networks' grid.

use medseg_volume::Dhw;

use crate::decision::Decision;
use crate::fingerprint::Fingerprint;

/// Largest relative distance from the median at which spacings count as equal.
const EQUAL: f64 = 0.02;
/// Ratio of spacings, and of numbers of voxels, from which data are anisotropic; nnU-Net's.
const ANISOTROPIC: f64 = 3.0;
/// Quantile of the coarse axis's spacings on anisotropic data; nnU-Net's.
const COARSE_QUANTILE: f64 = 0.1;

/// The common spacing of all cases, or none where they have it already.
///
/// The median along each axis. Where the coarsest axis has voxels three times as long as another's, and a third of its
/// number, its tenth percentile is taken instead, so that few cases lose planes (Isensee et al., Nature Methods 18, 2021).
pub(crate) fn spacing(found: &Fingerprint) -> (Option<Dhw<f64>>, Decision) {
    let median = found.spacing_mm(0.5);
    let within = |spacing: Dhw<f64>| {
        spacing.zip(median).to_array().into_iter().all(|(mm, median)| (mm - median).abs() <= EQUAL * median)
    };
    let shown = |spacing: Dhw<f64>| format!("{:.3} x {:.3} x {:.3} mm", spacing.d, spacing.h, spacing.w);
    if found.headers.iter().all(|case| within(case.spacing_mm)) {
        let reason =
            format!("All {} cases have {} already; no image is resampled.", found.headers.len(), shown(median));
        return (None, Decision::new("Spacing", "as in the files", reason));
    }
    let mut target = median.to_array();
    let shape = found.median_shape(None).to_array();
    let coarse = (0..3).fold(0, |most, axis| if target[axis] > target[most] { axis } else { most });
    let others: Vec<usize> = (0..3).filter(|axis| *axis != coarse).collect();
    let is_coarse = others.iter().any(|axis| target[coarse] > ANISOTROPIC * target[*axis])
        && others.iter().any(|axis| shape[coarse] as f64 * ANISOTROPIC < shape[*axis] as f64);
    let mut reason = "The median of the cases along each axis.".to_string();
    if is_coarse {
        let finer = found.spacing_mm(COARSE_QUANTILE).to_array()[coarse];
        let least = others.iter().map(|axis| target[*axis]).fold(0.0, f64::max);
        target[coarse] = finer.max(least);
        reason.push_str(" Along the coarse axis the tenth percentile, so that few cases lose planes.");
    }
    let target = Dhw::from(target);
    (Some(target), Decision::new("Spacing", shown(target), reason))
}

/// Orientation is always RAS; the reason names the files' own.
pub(crate) fn orientation(found: &Fingerprint) -> Decision {
    let mut seen: Vec<&str> = found.headers.iter().map(|case| case.orientation.as_str()).collect();
    seen.sort_unstable();
    seen.dedup();
    let reason =
        format!("The files have {}; one direction of the axes serves training and prediction.", seen.join(", "));
    Decision::new("Orientation", "RAS", reason)
}
