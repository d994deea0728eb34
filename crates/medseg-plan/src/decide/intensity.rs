//! Intensities: Hounsfield units in one window, everything else case by case.

use medseg_transforms::Intensity;

use crate::decision::Decision;
use crate::fingerprint::{CaseVoxels, Fingerprint, quantile};

/// Below every soft tissue and fat: in Hounsfield units only air and lung reach it.
const AIR: f32 = -200.0;
/// Highest that a CT stores with room to spare.
const CT_HIGHEST: f32 = 100_000.0;
/// Share of zeros from which an image counts as masked; nnU-Net crops and normalises within the mask from a quarter on.
const MASKED: f64 = 0.25;

/// The change of intensities.
///
/// Hounsfield units are clipped to the foreground's percentiles 0.5 and 99.5, as nnU-Net does. Other scales have no unit:
/// each case gets mean 0 and standard deviation 1, over its voxels that are not 0 where many are. So does each of several
/// channels.
pub(crate) fn intensity(found: &Fingerprint) -> (Intensity, Decision) {
    let is_ct = |case: &&CaseVoxels| case.lowest < AIR && case.highest < CT_HIGHEST;
    let (ct, all) = (found.sampled.iter().filter(is_ct).count(), found.sampled.len());
    let (low, high) = (found.foreground_intensity(0.005) as f32, found.foreground_intensity(0.995) as f32);
    if found.channels == 1 && ct * 10 >= all * 9 && high > low {
        let (low, high) = (low.round(), high.round().max(low.round() + 1.0));
        let reason = format!(
            "{ct} of {all} cases reach below {AIR} HU, so the scale is Hounsfield's. Between these values lies 99 % of the \
             foreground."
        );
        let value = format!("clipped to {low} to {high} HU, scaled to 0..1");
        return (Intensity::Window { low, high }, Decision::new("Intensities", value, reason));
    }
    let zeros = quantile(found.sampled.iter().map(|case| case.zero_share), 0.5);
    let nonzero = zeros > MASKED;
    let range = |case: &CaseVoxels| f64::from(case.highest - case.lowest);
    let [least, most] = [0.0, 1.0].map(|q| quantile(found.sampled.iter().map(range), q));
    let mut reason = format!("The scale has no unit: the range of a case goes from {least:.4} to {most:.4}.");
    if found.channels > 1 {
        reason = format!("Each of the {} channels has a scale of its own.", found.channels);
    }
    if nonzero {
        reason.push_str(&format!(" {:.0} % of a case's voxels are exactly 0 and do not count.", zeros * 100.0));
    }
    (Intensity::ZScore { nonzero }, Decision::new("Intensities", "mean 0, standard deviation 1 case by case", reason))
}
