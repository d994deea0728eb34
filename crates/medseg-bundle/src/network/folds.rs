//! One predictor out of several folds.

use burn::tensor::{Tensor, activation};
use medseg_inference::{Dhw, mirror_images};
use medseg_network::Network;
use medseg_transforms::Probabilities;

use super::config::Average;

/// Folds that are averaged.
pub(super) struct Folds<'a> {
    pub networks: &'a [Network],
    pub average: Average,
    pub probabilities: Probabilities,
    pub temperature: f32,
    /// True if the sliding window makes probabilities of what it is given, as it does of mirrored windows.
    pub mirrored: bool,
    /// Mirror images of the windows that are predicted here, to see their spread.
    pub mirror: Dhw<bool>,
    /// Adds a channel behind the classes: the spread over folds and mirror images.
    pub spread: bool,
}

/// Sums over all predictions of the probability that a voxel is not background, and of its square.
type Moments = Option<[Tensor<5>; 2]>;

impl Folds<'_> {
    /// Averaged scores of windows: logits, or probabilities if these are averaged or windows are mirrored here; then the spread,
    /// if asked for.
    ///
    /// Averaged probabilities become the logits that have them, where the sliding window averages mirrored windows.
    ///
    /// The spread is the standard deviation, over folds and mirror images, of the probability that a voxel is not background.
    pub fn predict(&self, windows: &Tensor<5>) -> Tensor<5> {
        let mut moments = None;
        let images = mirror_images(self.mirror);
        let mut sum: Option<Tensor<5>> = None;
        for flips in &images {
            let scores = self.mean(windows, flips, &mut moments);
            let logits = self.average == Average::Logits;
            let scores = if logits && images.len() > 1 { self.probable(scores) } else { scores };
            sum = Some(added(sum, scores));
        }
        let mean = averaged(sum.expect("the windows themselves are among the images"), images.len());
        let mean = if self.mirrored && self.average == Average::Probabilities { self.logits_of(mean) } else { mean };
        let Some([sum, squares]) = moments else { return mean };
        let count = (images.len() * self.networks.len()) as f32;
        let spread = (squares / count - (sum / count).square()).clamp_min(0.0).sqrt();
        Tensor::cat(vec![mean, spread], 1)
    }

    /// Mean over the folds for one mirror image, flipped back: of logits, or of probabilities if these are averaged.
    fn mean(&self, windows: &Tensor<5>, flips: &[usize], moments: &mut Moments) -> Tensor<5> {
        let flipped = |tensor: Tensor<5>| flips.iter().fold(tensor, |tensor, dim| tensor.flip([*dim]));
        let mut sum: Option<Tensor<5>> = None;
        for network in self.networks {
            let logits = flipped(network.forward(flipped(windows.clone())));
            let logits = if self.divides() { logits / self.temperature } else { logits };
            if self.spread {
                let p = self.foreground(&self.probable(logits.clone()));
                let [mean, squares] = moments.take().map_or([None, None], |moments| moments.map(Some));
                *moments = Some([added(mean, p.clone()), added(squares, p.square())]);
            }
            let scores = if self.average == Average::Probabilities { self.probable(logits) } else { logits };
            sum = Some(added(sum, scores));
        }
        averaged(sum.expect("a bundle has a fold"), self.networks.len())
    }

    #[expect(clippy::float_cmp, reason = "1 is the setting that changes nothing")]
    fn divides(&self) -> bool {
        self.temperature != 1.0
    }

    fn probable(&self, logits: Tensor<5>) -> Tensor<5> {
        match self.probabilities {
            Probabilities::Sigmoid => activation::sigmoid(logits),
            Probabilities::Softmax => activation::softmax(logits, 1),
        }
    }

    /// The logits of probabilities; those of 0 and 1 stay finite.
    fn logits_of(&self, probabilities: Tensor<5>) -> Tensor<5> {
        let log = |p: Tensor<5>| p.clamp_min(f32::MIN_POSITIVE).log();
        match self.probabilities {
            Probabilities::Sigmoid => log(probabilities.clone()) - log(probabilities.neg() + 1.0),
            Probabilities::Softmax => log(probabilities),
        }
    }

    /// Probability of everything but the background.
    fn foreground(&self, probabilities: &Tensor<5>) -> Tensor<5> {
        match self.probabilities {
            // Of regions that overlap, the most probable one: nested regions are all in the largest.
            Probabilities::Sigmoid => probabilities.clone().max_dim(1),
            Probabilities::Softmax => probabilities.clone().narrow(1, 0, 1).neg() + 1.0,
        }
    }
}

fn added(sum: Option<Tensor<5>>, more: Tensor<5>) -> Tensor<5> {
    match sum {
        None => more,
        Some(sum) => sum + more,
    }
}

fn averaged(sum: Tensor<5>, count: usize) -> Tensor<5> {
    if count == 1 { sum } else { sum / count as f32 }
}
