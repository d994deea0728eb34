//! Voxels that are no finite numbers.

use ndarray::{ArrayRef, Dimension};
use rayon::prelude::*;

/// Voxels that one task looks at.
const PART: usize = 1 << 18;

/// True if no voxel is NaN or infinite.
#[must_use]
pub fn all_finite<D: Dimension>(image: &ArrayRef<f32, D>) -> bool {
    let finite = |part: &[f32]| part.iter().fold(true, |all, value| all & value.is_finite());
    match image.as_slice_memory_order() {
        Some(voxels) => voxels.par_chunks(PART).all(finite),
        None => image.iter().all(|value| value.is_finite()),
    }
}

/// Replaces voxels that are NaN or -∞ by the lowest finite value, and those that are +∞ by the highest. Returns false, and
/// changes nothing, if no voxel is finite.
///
/// ```
/// use medseg_transforms::replace_not_finite;
/// use ndarray::array;
///
/// let mut image = array![f32::NAN, -1000.0, 40.0, f32::INFINITY, f32::NEG_INFINITY];
/// assert!(replace_not_finite(&mut image));
/// assert_eq!(image, array![-1000.0, -1000.0, 40.0, 40.0, -1000.0]);
/// assert!(!replace_not_finite(&mut array![f32::NAN]));
/// ```
#[must_use]
pub fn replace_not_finite<D: Dimension>(image: &mut ArrayRef<f32, D>) -> bool {
    if image.is_empty() || all_finite(image) {
        return true;
    }
    let finite = || image.iter().copied().filter(|value| value.is_finite());
    let Some(lowest) = finite().reduce(f32::min) else { return false };
    let highest = finite().fold(lowest, f32::max);
    image.mapv_inplace(|value| match value {
        value if value.is_finite() => value,
        f32::INFINITY => highest,
        _ => lowest,
    });
    true
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, s};

    use super::*;

    #[test]
    fn one_voxel_is_found_in_any_layout() {
        let mut image = Array3::<f32>::zeros((70, 71, 72));
        assert!(all_finite(&image));
        for voxel in [[0, 0, 0], [35, 1, 2], [69, 70, 71]] {
            image[voxel] = f32::NEG_INFINITY;
            let turned = image.view().reversed_axes();
            assert!(!all_finite(&image) && !all_finite(&turned));
            assert!(!all_finite(&image.slice(s![.., ..;-1, ..;1])));
            image[voxel] = 1.0;
        }
        assert!(all_finite(&Array3::zeros((0, 2, 2))) && replace_not_finite(&mut Array3::zeros((0, 2, 2))));
    }

    #[test]
    fn one_value_is_found_at_every_place_of_rows_of_every_length() {
        for len in [1, 7, 8, 9, 31, 33, 300_000] {
            let mut row = ndarray::Array1::from_elem(len, f32::MAX);
            assert!(all_finite(&row));
            for at in [0, len / 2, len - 1] {
                for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    row[at] = value;
                    assert!(!all_finite(&row), "{value} at {at} of {len}");
                }
                row[at] = f32::MIN_POSITIVE / 2.0;
            }
        }
    }
}
