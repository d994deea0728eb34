//! One predictor out of several folds.

use burn::tensor::{Tensor, activation};
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
    /// Adds a channel behind the classes: the spread of the folds.
    pub spread: bool,
}

impl Folds<'_> {
    /// Averaged scores of windows: logits, or probabilities if these are averaged; then the spread, if asked for.
    ///
    /// Averaged probabilities of mirrored windows are given as the logits that have them.
    ///
    /// The spread is the standard deviation over the folds of the probability that a voxel is not background.
    pub fn predict(&self, windows: &Tensor<5>) -> Tensor<5> {
        let mut sum: Option<Tensor<5>> = None;
        let mut moments: Option<[Tensor<5>; 2]> = None;
        for network in self.networks {
            let logits = network.forward(windows.clone());
            let logits = if self.divides() { logits / self.temperature } else { logits };
            if self.spread {
                let p = self.foreground(&self.probable(logits.clone()));
                moments = Some(match moments {
                    None => [p.clone(), p.square()],
                    Some([mean, squares]) => [mean + p.clone(), squares + p.square()],
                });
            }
            let scores = if self.average == Average::Probabilities { self.probable(logits) } else { logits };
            sum = Some(match sum {
                None => scores,
                Some(sum) => sum + scores,
            });
        }
        let count = self.networks.len() as f32;
        let sum = sum.expect("a bundle has a fold");
        let mean = if self.networks.len() == 1 { sum } else { sum / count };
        let mean = match self.average {
            Average::Probabilities if self.mirrored => self.logits_of(mean),
            _ => mean,
        };
        let Some([sum, squares]) = moments else { return mean };
        let centre = sum / count;
        let spread = (squares / count - centre.square()).clamp_min(0.0).sqrt();
        Tensor::cat(vec![mean, spread], 1)
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
        let first = probabilities.clone().narrow(1, 0, 1);
        match self.probabilities {
            Probabilities::Sigmoid => first,
            Probabilities::Softmax => first.neg() + 1.0,
        }
    }
}
