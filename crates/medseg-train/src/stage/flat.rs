//! Gradients as one row of numbers, as ranks exchange them.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use medseg_bundle::StageNetwork;

use crate::TrainError;

/// The row of a network's gradients: the numbers of all parameters in the order of their visit, then a 1 for each parameter
/// that has a gradient and a 0 for each other one. So the sum of rows says which parameters have a gradient in any.
pub(super) struct FlatGradients<'a> {
    network: &'a StageNetwork,
    numbers: usize,
    parameters: usize,
}

impl<'a> FlatGradients<'a> {
    pub fn of(network: &'a StageNetwork) -> Self {
        struct Count(usize, usize);
        impl ModuleVisitor for Count {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.0 += param.val().shape().num_elements();
                self.1 += 1;
            }
        }
        let mut count = Count(0, 0);
        network.visit(&mut count);
        Self { network, numbers: count.0, parameters: count.1 }
    }

    /// Length of a row.
    pub fn len(&self) -> usize {
        self.numbers + self.parameters
    }

    /// The row of these gradients.
    pub fn row(&self, gradients: GradientsParams) -> Result<Vec<f32>, TrainError> {
        struct Write {
            gradients: GradientsParams,
            row: Vec<f32>,
            present: Vec<f32>,
            failed: Option<TrainError>,
        }
        impl ModuleVisitor for Write {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let numbers = param.val().shape().num_elements();
                let end = self.row.len() + numbers;
                let gradient = self.gradients.remove::<D>(param.id);
                self.present.push(if gradient.is_some() { 1.0 } else { 0.0 });
                match gradient.map(Tensor::try_into_vec_as::<f32>) {
                    Some(Ok(values)) if values.len() == numbers => self.row.extend(values),
                    Some(Ok(_)) => self.fail("a gradient has another shape than its weights".into()),
                    Some(Err(e)) => self.fail(e.to_string()),
                    None => {}
                }
                self.row.resize(end, 0.0);
            }
        }
        impl Write {
            fn fail(&mut self, reason: String) {
                self.failed.get_or_insert(TrainError::Device(reason));
            }
        }
        let (row, present) = (Vec::with_capacity(self.len()), Vec::with_capacity(self.parameters));
        let mut write = Write { gradients, row, present, failed: None };
        self.network.visit(&mut write);
        match write.failed {
            Some(error) => Err(error),
            None => {
                write.row.extend(write.present);
                Ok(write.row)
            }
        }
    }

    /// The gradients of a row, on a device without autodiff.
    pub fn gradients(&self, row: &[f32], device: &Device) -> GradientsParams {
        struct Read<'a> {
            numbers: &'a [f32],
            present: &'a [f32],
            device: &'a Device,
            gradients: GradientsParams,
        }
        impl ModuleVisitor for Read<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let shape = param.val().shape();
                let (values, rest) = self.numbers.split_at(shape.num_elements());
                let (present, others) = self.present.split_at(1);
                (self.numbers, self.present) = (rest, others);
                if present[0] > 0.0 {
                    let data = TensorData::new(values.to_vec(), shape);
                    self.gradients.register(param.id, Tensor::<D>::from_data(data, self.device));
                }
            }
        }
        let (numbers, present) = row.split_at(self.numbers);
        let mut read = Read { numbers, present, device, gradients: GradientsParams::new() };
        self.network.visit(&mut read);
        read.gradients
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use medseg_unet::UNetConfig;

    use super::*;

    /// Gradients of a network, of other values for each factor.
    fn gradients(network: &StageNetwork, factor: f64) -> GradientsParams {
        let x = Tensor::<5>::ones([1, 1, 16, 16, 16], &Device::flex().autodiff());
        let y = network.forward(x.clone() * x.cumsum(4));
        GradientsParams::from_grads((y.clone() * y).mean().mul_scalar(factor).backward(), network)
    }

    fn network(channels: Vec<usize>) -> StageNetwork {
        let config = UNetConfig { channels, dropout: 0.0, ..UNetConfig::default() };
        StageNetwork::from(config.init_seeded(1, &Device::flex().autodiff()).unwrap())
    }

    #[test]
    fn a_row_gives_back_its_gradients_and_says_which_are_missing() {
        let network = network(vec![2, 4]);
        let flat = FlatGradients::of(&network);
        let row = flat.row(gradients(&network, 2.0)).unwrap();
        assert_eq!(row.len(), flat.len());
        assert!(row.iter().any(|number| *number != 0.0 && *number != 1.0));
        let again = flat.row(flat.gradients(&row, &Device::flex())).unwrap();
        assert!(row.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits()));
        let none = flat.row(GradientsParams::new()).unwrap();
        assert!(none.iter().all(|number| *number == 0.0));
        assert!(flat.gradients(&none, &Device::flex()).is_empty());
    }

    #[test]
    #[ignore = "prints the times that docs/SCALING.md calculates with"]
    fn times_of_a_row() {
        for channels in [vec![16, 32, 64, 128], vec![32, 64, 128, 256, 512]] {
            let network = network(channels);
            let flat = FlatGradients::of(&network);
            for _ in 0..3 {
                let gradients = gradients(&network, 1.0);
                let started = Instant::now();
                let row = flat.row(gradients).unwrap();
                let made = started.elapsed();
                let started = Instant::now();
                drop(flat.gradients(&row, &Device::flex()));
                println!("{} numbers: {made:.2?} to make, {:.2?} to read", flat.len(), started.elapsed());
            }
        }
    }
}
