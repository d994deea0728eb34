//! The temperature that makes probabilities honest.

use medseg_inference::Dhw;
use medseg_transforms::{Probabilities, Sample};
use medseg_volume::{Geometry, Volume};
use ndarray::{Array4, ArrayView3, ArrayView4};

use super::NetworkBundle;
use super::config::Average;
use crate::error::BundleError;

/// Most voxels of a case that count; more add nothing to one number.
const VOXELS: usize = 50_000;
/// Temperatures that are tried lie between 1/20 and 20.
const RANGE: f64 = 3.0;

/// Collects cases with their reference, and finds the temperature of a bundle (Guo et al. 2017, "On Calibration of Modern
/// Neural Networks"): the one by which the reference is most likely.
///
/// Take validation cases: on training cases a network is surer than it may be.
#[derive(Debug)]
pub struct Calibration<'a> {
    bundle: &'a NetworkBundle,
    /// Logits of the sampled voxels, class after class.
    logits: Vec<f32>,
    /// Reference of each sampled voxel.
    reference: Vec<u8>,
}

/// A temperature and its effect.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Calibrated {
    /// Divisor of the logits.
    pub temperature: f32,
    /// Mean negative logarithm of the reference's probability, in nats, with a temperature of 1.
    pub nats_before: f64,
    /// The same with the temperature found.
    pub nats_after: f64,
    /// Voxels that counted.
    pub voxels: usize,
}

impl<'a> Calibration<'a> {
    /// Without cases.
    ///
    /// # Errors
    /// [`BundleError::Config`] for a bundle that averages probabilities, since no temperature of its logits is that of its mean,
    /// and for one of regions that overlap.
    pub fn new(bundle: &'a NetworkBundle) -> Result<Self, BundleError> {
        if bundle.config.rule.has_regions() {
            let reason = "a label map does not tell to which regions that overlap a voxel belongs".to_owned();
            return Err(BundleError::Config(reason));
        }
        if bundle.config.average == Average::Probabilities {
            let reason = "a bundle that averages probabilities has no logits to divide".to_owned();
            return Err(BundleError::Config(reason));
        }
        Ok(Self { bundle, logits: Vec::new(), reference: Vec::new() })
    }

    /// Adds a case: the image `[channel, depth, height, width]` and its reference on the same grid, with the bundle's labels.
    ///
    /// # Errors
    /// A reference of another grid or with a label that no class has, and failures of preprocessing and network.
    pub fn add(&mut self, image: Array4<f32>, geometry: &Geometry, reference: &Volume<u8>) -> Result<(), BundleError> {
        let (_, d, h, w) = image.dim();
        let shape = Dhw { d, h, w };
        if reference.shape() != shape || !reference.geometry.same_grid(geometry, shape, 0.01) {
            return Err(BundleError::Config("the reference has another grid than the image".into()));
        }
        let id = self.bundle.config.name.clone();
        let sample = Sample { id, image, label: Some(reference.data.clone()), geometry: geometry.clone() };
        let sample = self.bundle.config.preprocessing.apply_one(sample, 0)?.sample;
        let Some(label) = sample.label else { unreachable!("a label goes with its image") };
        let logits = self.bundle.scores(&sample.image.view())?;
        self.sample(&logits.view(), &label.view())
    }

    /// Takes every n-th voxel.
    fn sample(&mut self, logits: &ArrayView4<'_, f32>, label: &ArrayView3<'_, u8>) -> Result<(), BundleError> {
        let classes = logits.dim().0;
        if let Some(label) = label.iter().find(|label| usize::from(**label) >= classes.max(2)) {
            return Err(BundleError::Config(format!("the reference has the label {label}, which no class has")));
        }
        // The divisor that found the logits is taken back.
        let temperature = self.bundle.config.temperature;
        let step = label.len().div_ceil(VOXELS).max(1);
        for ((z, y, x), label) in label.indexed_iter().step_by(step) {
            self.logits.extend((0..classes).map(|class| logits[[class, z, y, x]] * temperature));
            self.reference.push(*label);
        }
        Ok(())
    }

    /// The best temperature of the cases so far.
    ///
    /// # Errors
    /// [`BundleError::Config`] without a case.
    pub fn fit(&self) -> Result<Calibrated, BundleError> {
        if self.reference.is_empty() {
            return Err(BundleError::Config("a temperature needs a case".into()));
        }
        // The loss has one minimum along the temperature: golden sections of its logarithm.
        let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
        let (mut low, mut high) = (-RANGE, RANGE);
        let nats = |of: f64| self.nats(of.exp());
        let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
        let (mut at_a, mut at_b) = (nats(a), nats(b));
        for _ in 0..40 {
            if at_a < at_b {
                (high, b, at_b) = (b, a, at_a);
                a = high - ratio * (high - low);
                at_a = nats(a);
            } else {
                (low, a, at_a) = (a, b, at_b);
                b = low + ratio * (high - low);
                at_b = nats(b);
            }
        }
        let temperature = ((low + high) / 2.0).exp();
        let (nats_before, nats_after) = (self.nats(1.0), self.nats(temperature));
        Ok(Calibrated { temperature: temperature as f32, nats_before, nats_after, voxels: self.reference.len() })
    }

    /// Mean negative logarithm of the reference's probability.
    fn nats(&self, temperature: f64) -> f64 {
        let of_voxel = |(logits, label): (&[f32], &u8)| match self.bundle.config.probabilities {
            Probabilities::Sigmoid => {
                let logit = f64::from(logits[0]) / temperature;
                let signed = if *label > 0 { -logit } else { logit };
                // ln(1 + e^x), without an overflow.
                signed.max(0.0) + (-signed.abs()).exp().ln_1p()
            }
            Probabilities::Softmax => {
                let scaled = logits.iter().map(|logit| f64::from(*logit) / temperature);
                let largest = scaled.clone().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scaled.map(|logit| (logit - largest).exp()).sum();
                sum.ln() + largest - f64::from(logits[usize::from(*label)]) / temperature
            }
        };
        let classes = self.logits.len() / self.reference.len();
        let voxels = self.logits.chunks_exact(classes).zip(&self.reference);
        voxels.map(of_voxel).sum::<f64>() / self.reference.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use medseg_architecture::{Architecture, Block, Layer, Stage};
    use medseg_network::Network;
    use ndarray::Array3;

    use super::super::NetworkBundleConfig;
    use super::*;

    fn bundle(classes: usize) -> NetworkBundle {
        let stages = vec![Stage::new("logits", "image", Block::new([Layer::head(classes)]))];
        let architecture =
            Architecture { in_channels: 1, blocks: Default::default(), stages, outputs: vec!["logits".into()] };
        let network = Network::seeded(&architecture, 1, &Device::flex()).unwrap();
        NetworkBundle::new(NetworkBundleConfig::new("test", architecture).unwrap(), vec![network], &Device::flex())
            .unwrap()
    }

    /// Labels drawn by the probabilities of known logits, which are then made too large.
    fn drawn(classes: usize, factor: f32) -> (Array4<f32>, Array3<u8>) {
        let draws = medseg_testing::noise(2 * 30 * 40 * 50, 9);
        let mut logits = Array4::zeros((classes, 30, 40, 50));
        let mut label = Array3::zeros((30, 40, 50));
        for (number, ((z, y, x), label)) in label.indexed_iter_mut().enumerate() {
            let (place, chance) = (4.0 * draws[2 * number] - 2.0, draws[2 * number + 1]);
            logits[[0, z, y, x]] = place as f32 * factor;
            // A single class is 1 with this probability; of two, the first has it.
            let first = 1.0 / (1.0 + (-place).exp());
            *label = u8::from(if classes == 1 { chance < first } else { chance >= first });
        }
        (logits, label)
    }

    #[test]
    fn the_factor_of_logits_is_found_again() {
        for classes in [1, 2] {
            let bundle = bundle(classes);
            for factor in [0.4, 1.0, 3.0] {
                let mut calibration = Calibration::new(&bundle).unwrap();
                let (logits, label) = drawn(classes, factor);
                calibration.sample(&logits.view(), &label.view()).unwrap();
                let found = calibration.fit().unwrap();
                assert!((found.temperature / factor - 1.0).abs() < 0.05, "{found:?} for {factor}");
                assert!(found.nats_after <= found.nats_before + 1e-12 && found.voxels == label.len().div_ceil(2));
            }
        }
    }

    #[test]
    fn nothing_and_foreign_labels_are_refused() {
        let bundle = bundle(2);
        let mut calibration = Calibration::new(&bundle).unwrap();
        assert!(calibration.fit().is_err());
        let wrong = calibration.sample(&Array4::zeros((2, 1, 1, 1)).view(), &Array3::from_elem((1, 1, 1), 2).view());
        assert!(matches!(wrong, Err(BundleError::Config(reason)) if reason.contains("label 2")));
    }
}
