//! The axis that is resampled apart from the others.

/// Ratio of the largest to the smallest spacing above which an axis is resampled on its own.
const ANISOTROPIC: f64 = 3.0;

/// The axis along which slices are resampled one by one, if there is one: that of the largest spacing, where it is more than
/// three times the smallest and no other axis has it too. Spacings are in mm; that of the data decides, then the new one.
/// `force` is the plans' `force_separate_z`.
///
/// Source: nnU-Net v2, `determine_do_sep_z_and_axis`.
///
/// ```
/// use medseg_nnunet::separate_axis;
/// assert_eq!(separate_axis([5.0, 0.8, 0.8], [1.0; 3], None), Some(0));
/// assert_eq!(separate_axis([1.0; 3], [0.8, 0.8, 5.0], None), Some(2));
/// assert_eq!(separate_axis([5.0, 5.0, 0.8], [1.0; 3], None), None);
/// assert_eq!(separate_axis([5.0, 0.8, 0.8], [1.0; 3], Some(false)), None);
/// ```
#[must_use]
pub fn separate_axis(from: [f64; 3], to: [f64; 3], force: Option<bool>) -> Option<usize> {
    let largest = |spacing: [f64; 3]| spacing.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let anisotropic =
        |spacing: [f64; 3]| largest(spacing) / spacing.into_iter().fold(f64::INFINITY, f64::min) > ANISOTROPIC;
    let spacing = match force {
        Some(false) => return None,
        Some(true) => from,
        None if anisotropic(from) => from,
        None if anisotropic(to) => to,
        None => return None,
    };
    let coarse: Vec<usize> = (0..3).filter(|axis| spacing[*axis] == largest(spacing)).collect();
    match coarse[..] {
        [axis] => Some(axis),
        _ => None,
    }
}
