//! The crate's resampling of random masks: that of the oracle.

use medseg_nnunet::{LabelResampling, LabelResizeRule, resample_segmentation};
use medseg_testing::noise;
use ndarray::Array3;

use super::dice::Dice;
use super::grid::Grids;
use super::labels::resample_labels;
use super::rule::{Rule, Rules};

/// Cubes among them, whose labels tie where fractions are the same along all axes.
fn shapes(dice: &mut Dice) -> [[usize; 3]; 2] {
    let cube = dice.chance(0.7);
    [16, 20].map(|most| {
        let edge = dice.whole(4..=most);
        [0; 3].map(|_| if cube { edge } else { dice.whole(4..=most) })
    })
}

/// The last bit of SciPy's sums decides between nearly equal shares of a voxel.
#[test]
fn ties_of_labels_are_those_of_the_oracle() {
    const SPACING: [f64; 3] = [1.0; 3];
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let [from, to] = shapes(&mut dice);
        let labels = dice.between(2.0, 6.0);
        let values = noise(from.iter().product(), seed).into_iter().map(|value| (value * labels) as i16 - 1);
        let mask = Array3::from_shape_vec(from, values.collect()).unwrap();
        let grids = Grids { from, to, from_spacing: SPACING, to_spacing: SPACING };
        for (rule, broken) in
            [(LabelResizeRule::Largest, None), (LabelResizeRule::AtLeastHalf, Some(Rule::LargestShare))]
        {
            let expected = resample_labels(&mask, &grids, Rules { broken });
            let how = LabelResampling::Spline { order: 1, force_separate: None, rule };
            let found = resample_segmentation(&mask, to, SPACING, SPACING, &how).unwrap();
            let differing = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "seed {seed}, {rule:?}, {from:?} to {to:?}: labels that differ");
        }
    }
}
