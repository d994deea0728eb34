//! The part of a volume that is shown, and its planes.

use ndarray::{ArrayView3, Axis};

/// Millimetres around the foreground, at least.
const LEAST_MARGIN_MM: f64 = 12.0;
/// Margin as a share of the foreground's longest side.
const MARGIN: f64 = 0.25;

/// A cube of millimetres that the planes are cut from; all three show the same scale.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    /// Side of the cube.
    pub side_mm: f64,
    /// Its lower corner along every axis, from the volume's lower face; negative where the cube is larger.
    pub start_mm: [f64; 3],
    /// The plane shown across every axis.
    pub index: [usize; 3],
}

impl View {
    /// Around the foreground of both masks, through the planes that hold most of the reference, or of the prediction where
    /// the reference has none; the whole volume where neither has any.
    pub fn around(prediction: &ArrayView3<'_, u8>, reference: Option<&ArrayView3<'_, u8>>, spacing: [f64; 3]) -> Self {
        let counts: [Vec<[usize; 2]>; 3] = std::array::from_fn(|axis| {
            let predicted = foreground(prediction, axis);
            let expected = reference.map_or_else(|| vec![0; predicted.len()], |r| foreground(r, axis));
            predicted.into_iter().zip(expected).map(|(p, r)| [p, r]).collect()
        });
        let which = usize::from(counts[0].iter().any(|c| c[1] > 0));
        let index = std::array::from_fn(|axis| fullest(&counts[axis], which));
        let extent: [[f64; 2]; 3] = std::array::from_fn(|axis| {
            let some = |c: &[usize; 2]| c[0] + c[1] > 0;
            let (first, last) = (counts[axis].iter().position(some), counts[axis].iter().rposition(some));
            let (first, last) = (first.unwrap_or(0), last.unwrap_or(counts[axis].len().saturating_sub(1)));
            [first as f64 * spacing[axis], (last + 1) as f64 * spacing[axis]]
        });
        let volume: [f64; 3] = std::array::from_fn(|axis| counts[axis].len() as f64 * spacing[axis]);
        let longest = extent.iter().map(|[low, high]| high - low).fold(0.0, f64::max);
        let wanted = longest + 2.0 * LEAST_MARGIN_MM.max(MARGIN * longest);
        let side_mm = wanted.min(volume.iter().copied().fold(0.0, f64::max));
        let start_mm = std::array::from_fn(|axis| {
            let [low, high] = extent[axis];
            let room = volume[axis] - side_mm;
            let start = (low + high - side_mm) / 2.0;
            // Inside the volume where the cube fits, else the volume in its middle.
            if room >= 0.0 { start.clamp(0.0, room) } else { room / 2.0 }
        });
        Self { side_mm, start_mm, index }
    }
}

/// Foreground voxels of every plane across an axis.
fn foreground(mask: &ArrayView3<'_, u8>, axis: usize) -> Vec<usize> {
    mask.axis_iter(Axis(axis)).map(|plane| plane.iter().filter(|v| **v != 0).count()).collect()
}

/// The plane with the most foreground, the middle one of several such; the middle of all if there is none.
fn fullest(counts: &[[usize; 2]], which: usize) -> usize {
    let most = counts.iter().map(|c| c[which]).max().unwrap_or(0);
    let candidates: Vec<usize> = (0..counts.len()).filter(|i| counts[*i][which] == most).collect();
    candidates.get(candidates.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn the_planes_go_through_most_of_the_reference_and_the_cube_stays_inside() {
        let mut prediction = Array3::zeros((40, 40, 40));
        let mut reference = prediction.clone();
        prediction[[39, 39, 39]] = 1;
        reference.slice_mut(ndarray::s![4..9, 20..22, 20..22]).fill(1);
        reference[[10, 20, 20]] = 1;
        let view = View::around(&prediction.view(), Some(&reference.view()), [1.0; 3]);
        assert_eq!(view.index[0], 6);
        assert!((20..22).contains(&view.index[1]));
        assert_eq!((view.side_mm, view.start_mm), (40.0, [0.0; 3]));
        let view = View::around(&reference.view(), None, [1.0; 3]);
        assert_eq!(view.side_mm, 7.0 + 24.0);
        assert_eq!(view.start_mm[0], 0.0);
    }

    #[test]
    fn a_flat_volume_lies_in_the_cubes_middle() {
        let none = Array3::zeros((2, 30, 30));
        let view = View::around(&none.view(), None, [5.0, 1.0, 1.0]);
        assert_eq!((view.side_mm, view.start_mm), (30.0, [-10.0, 0.0, 0.0]));
        assert_eq!(view.index, [1, 15, 15]);
    }
}
