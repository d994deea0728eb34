//! The logits of all folds on the network's grid.

use ndarray::{Array3, Array4, Axis, s};

use super::decision::{sigmoid, softmax};
use super::halves::half_of_f32;
use super::networks::Networks;
use super::rule::{Rule, Rules};
use super::windows::{gaussian, padded, starts};

/// The sliding window of a model.
#[derive(Clone, Debug)]
pub struct Sliding {
    pub patch: [usize; 3],
    pub step: f64,
    pub mirrored: Vec<usize>,
    /// True if channels are regions, which may overlap.
    pub regions: bool,
}

impl Sliding {
    /// The mean of the folds, whose values are f16.
    pub fn logits(&self, image: &Array4<f32>, networks: &mut Networks, rules: Rules) -> Array4<f32> {
        let folds = networks.folds();
        let mut total = self.fold(image, 0, networks, rules);
        for fold in 1..folds {
            total = (total + self.fold(image, fold, networks, rules)).mapv_into(half_of_f32);
        }
        (total / folds as f32).mapv_into(half_of_f32)
    }

    fn fold(&self, image: &Array4<f32>, fold: usize, networks: &mut Networks, rules: Rules) -> Array4<f32> {
        let round = |value: f32| if rules.hold(Rule::HalfSums) { half_of_f32(value) } else { value };
        let mirrored = if rules.hold(Rule::Mirroring) { &self.mirrored[..] } else { &[] };
        let (padded, [before, top, left]) = padded(image, self.patch, rules);
        let (_, d, h, w) = padded.dim();
        let weights = gaussian(self.patch, rules);
        let mut weight_sums = Array3::<f32>::zeros((d, h, w));
        let mut sums: Option<Array4<f32>> = None;
        for [z, y, x] in starts([d, h, w], self.patch, self.step, rules) {
            let [depth, height, width] = self.patch;
            let part = s![.., z..z + depth, y..y + height, x..x + width];
            let logits = networks.mean(fold, padded.slice(part), mirrored);
            let sums = sums.get_or_insert_with(|| Array4::zeros((logits.dim().0, d, h, w)));
            for (mut sums, logits) in sums.slice_mut(part).axis_iter_mut(Axis(0)).zip(logits.axis_iter(Axis(0))) {
                sums.zip_mut_with(&(&logits * &weights), |sum, product| *sum = round(*sum + product));
            }
            let mut weight_sums = weight_sums.slice_mut(s![z..z + depth, y..y + height, x..x + width]);
            weight_sums.zip_mut_with(&weights, |sum, weight| *sum = round(*sum + weight));
        }
        let mut logits = sums.expect("a window") / &weight_sums;
        if !rules.hold(Rule::AveragedLogits) {
            logits = if self.regions { sigmoid(logits) } else { softmax(logits) };
        }
        let (_, d, h, w) = image.dim();
        logits.slice(s![.., before..before + d, top..top + h, left..left + w]).mapv(half_of_f32)
    }
}
