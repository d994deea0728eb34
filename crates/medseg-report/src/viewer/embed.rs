//! Volumes as text: gzipped NIfTI in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use medseg_volume::{Geometry, Stored, Volume, VolumeError, WriteOptions, nifti_bytes};
use ndarray::Array3;

use super::{ViewerMask, ViewerReduction};
use crate::ReportError;

/// Compression: a page is written once and sent often.
const LEVEL: u32 = 6;
/// Steps between the least and the largest value of an image that is scaled.
const STEPS: f64 = 65535.0;
const UNSCALED: [f64; 2] = [1.0, 0.0];

/// The values of an image and the type that they are embedded in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cast {
    /// The least finite value.
    pub low: f64,
    /// The largest finite value.
    pub high: f64,
    /// The number of voxels that are not finite.
    pub not_finite: usize,
    /// The type.
    pub kind: Kind,
}

/// A type of embedded values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Whole numbers from 0 to 255.
    U8,
    /// Whole numbers within i16.
    I16,
    /// All others, as i16 with a slope and an intercept.
    Scaled([f64; 2]),
}

impl Cast {
    pub fn of(image: &Array3<f32>) -> Self {
        let (mut low, mut high, mut not_finite, mut whole) = (f32::INFINITY, f32::NEG_INFINITY, 0, true);
        for v in image {
            if v.is_finite() {
                (low, high) = (low.min(*v), high.max(*v));
                whole &= v.fract() == 0.0;
            } else {
                not_finite += 1;
            }
        }
        // A little below f32's limits, so that no rounding makes a value infinite.
        let most = 0.99 * f64::from(f32::MAX);
        let within_f32 = |v: f32| f64::from(v).clamp(-most, most);
        let (low, high) = if low <= high { (within_f32(low), within_f32(high)) } else { (0.0, 0.0) };
        let within = |type_low: f64, type_high: f64| whole && low >= type_low && high <= type_high;
        let kind = if within(0.0, f64::from(u8::MAX)) {
            Kind::U8
        } else if within(f64::from(i16::MIN), f64::from(i16::MAX)) {
            Kind::I16
        } else {
            // NIfTI-1 holds both as f32; the slope is a little larger, so that rounding leaves no value out.
            let slope = f64::from((((high - low) / STEPS) as f32 * (1.0 + f32::EPSILON)).max(f32::MIN_POSITIVE));
            let intercept = f64::from((low - f64::from(i16::MIN) * slope) as f32);
            Kind::Scaled([slope, intercept])
        };
        Self { low, high, not_finite, kind }
    }

    /// True if the numbers are those of a CT in Hounsfield units: whole, and air among them.
    pub fn is_ct(&self) -> bool {
        self.kind == Kind::I16 && self.low <= -200.0
    }

    /// A voxel's value; one that is not finite becomes the least or the largest value.
    fn value(&self, v: f32) -> f64 {
        if v.is_nan() { self.low } else { f64::from(v).clamp(self.low, self.high) }
    }

    /// The image that a page holds, as text.
    fn embed(
        &self,
        image: &Volume<f32>,
        reduction: &ViewerReduction,
        geometry: &Geometry,
    ) -> Result<String, VolumeError> {
        let value = |v| self.value(v);
        match self.kind {
            Kind::U8 => {
                let data = reduction.means(&image.data, value, |v| v.round() as u8);
                text(data, geometry, UNSCALED, false)
            }
            Kind::I16 => {
                let data = reduction.means(&image.data, value, |v| v.round() as i16);
                text(data, geometry, UNSCALED, false)
            }
            Kind::Scaled([slope, intercept]) => {
                let stored = |v: f64| ((v - intercept) / slope).round() as i16;
                text(reduction.means(&image.data, value, stored), geometry, [slope, intercept], false)
            }
        }
    }
}

/// The image and the masks that a page holds, as text in this order. Of their headers, the affine alone is there.
pub(super) fn volumes(
    image: &Volume<f32>,
    masks: &[ViewerMask<'_>],
    reduction: &ViewerReduction,
    cast: &Cast,
) -> Result<Vec<String>, ReportError> {
    // A geometry of its own: that of a file carries the description.
    let geometry = Geometry::from_affine(reduction.geometry(&image.geometry).affine())?;
    let mut texts = vec![cast.embed(image, reduction, &geometry)?];
    for mask in masks {
        texts.push(text(reduction.labels(&mask.volume.data), &geometry, UNSCALED, true)?);
    }
    Ok(texts)
}

fn text<T: Stored>(
    data: Array3<T>,
    geometry: &Geometry,
    scaling: [f64; 2],
    labels: bool,
) -> Result<String, VolumeError> {
    // Both are numbers of f32.
    let [slope, intercept] = scaling.map(|number| number as f32);
    let options = WriteOptions::default().with_level(LEVEL).with_labels(labels).with_scaling(slope, intercept);
    Ok(STANDARD.encode(nifti_bytes(&Volume::new(data, geometry.clone()), &options)?))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn whole_numbers_are_exact_and_others_within_half_a_step() {
        assert_eq!(Cast::of(&array![[[0.0, 255.0]]]).kind, Kind::U8);
        assert_eq!(Cast::of(&array![[[-1.0, 255.0]]]).kind, Kind::I16);
        for (low, high) in [(-1.5f32, 7.25), (0.0, 65536.0), (-3e38, 3e38), (0.0, 3e38), (1e-40, 2e-40), (0.5, 0.5)] {
            let cast = Cast::of(&array![[[low, high]]]);
            let Kind::Scaled([slope, intercept]) = cast.kind else { panic!("{:?}", cast.kind) };
            assert!(slope > 0.0 && f64::from(slope as f32) == slope && (intercept as f32).is_finite());
            for v in [low, high, low / 2.0 + high / 2.0] {
                let stored = ((f64::from(v) - intercept) / slope).round();
                let error = (stored * slope + intercept - f64::from(v)).abs();
                // The intercept as f32 may lie a step beside the least value.
                assert!(
                    (-32769.0..=32768.0).contains(&stored) && error <= 0.51 * slope,
                    "{v}: {stored} {error} {slope}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_finite_becomes_the_least_or_the_largest_value() {
        let cast = Cast::of(&array![[[f32::NAN, -5.0, f32::INFINITY, 9.0, f32::NEG_INFINITY]]]);
        assert_eq!((cast.low, cast.high, cast.not_finite, cast.kind), (-5.0, 9.0, 3, Kind::I16));
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 2.0].map(|v| cast.value(v)), [-5.0, 9.0, -5.0, 2.0]);
        let none = Cast::of(&array![[[f32::NAN]]]);
        assert_eq!((none.low, none.high, none.kind), (0.0, 0.0, Kind::U8));
    }
}
