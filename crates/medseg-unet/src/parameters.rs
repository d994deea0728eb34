//! Weights by name, on their way into a network.

use std::collections::BTreeMap;

use burn::tensor::{Device, Distribution, Tensor};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::layout::ConvLayout;

/// Values of every parameter of a network, in C order.
pub(crate) struct Parameters(BTreeMap<String, Vec<f32>>);

impl Parameters {
    /// Values that the caller has checked to be exactly those of the layout, by name and number.
    pub fn new(values: BTreeMap<String, Vec<f32>>) -> Self {
        Self(values)
    }

    /// Kaiming-normal weights (He et al. 2015: fan_in, the activation's gain, as PyTorch's `kaiming_normal_`), zero biases,
    /// norms that change nothing. The same seed gives the same weights on every device.
    pub fn kaiming_normal<'a>(convs: impl IntoIterator<Item = &'a ConvLayout>, squared_gain: f64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut values = BTreeMap::new();
        for conv in convs {
            let shape = conv.weight_shape();
            // As PyTorch: the fan-in is counted from the second axis, also of a transposed convolution.
            let fan_in = shape[1..].iter().product::<usize>();
            let deviation = (squared_gain / fan_in as f64).sqrt();
            let weight = normal(&mut rng, shape.iter().product(), deviation);
            values.insert(conv.weight_name(), weight);
            if conv.bias {
                values.insert(conv.bias_name(), vec![0.0; conv.out_channels]);
            }
            if let Some(norm) = &conv.norm {
                for part in norm.parts() {
                    let value = if matches!(part, "weight" | "running_var") { 1.0 } else { 0.0 };
                    values.insert(norm.name_of(part), vec![value; norm.channels]);
                }
            }
        }
        Self(values)
    }

    /// These, with the others' values where they have any.
    pub fn with(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// These, with zeros for the ones that a name belongs to.
    pub fn with_zeros(mut self, names: impl IntoIterator<Item = String>) -> Self {
        for name in names {
            if let Some(values) = self.0.get_mut(&name) {
                values.fill(0.0);
            }
        }
        self
    }

    /// The values of a parameter, once.
    ///
    /// # Panics
    /// If it was taken before or is not in the layout: what is made here holds exactly the layout's.
    pub fn take(&mut self, name: &str) -> Vec<f32> {
        self.0.remove(name).unwrap_or_else(|| panic!("parameter {name} was taken twice or is not in the layout"))
    }
}

/// A seed by Burn's generator of the device.
pub(crate) fn drawn_seed(device: &Device) -> u64 {
    let draws = Tensor::<1>::random([4], Distribution::Uniform(0.0, 65_536.0), device);
    draws.into_data().iter::<f64>().fold(0, |seed, draw| (seed << 16) | (draw as u64).min(0xFFFF))
}

/// Normally distributed numbers of mean 0 by the Box-Muller transform.
fn normal(rng: &mut impl Rng, count: usize, deviation: f64) -> Vec<f32> {
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        // 1 - u lies in (0, 1], so the logarithm is finite.
        let (radius, angle) = ((-2.0 * (1.0 - u).ln()).sqrt() * deviation, std::f64::consts::TAU * v);
        values.extend([(radius * angle.cos()) as f32, (radius * angle.sin()) as f32]);
    }
    values.truncate(count);
    values
}
