//! The networks of the folds, on windows.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use medseg_nnunet::Model;
use medseg_unet::{ConcatOrder, StagedUNet};
use ndarray::{Array4, ArrayView4, Axis};

/// A window's fold, mirrored axes and values.
type Key = (usize, Vec<usize>, Vec<u32>);

/// The networks, with the logits of every window so far.
pub struct Networks {
    device: Device,
    folds: Vec<StagedUNet>,
    known: HashMap<Key, Array4<f32>>,
}

impl Networks {
    pub fn new(model: &Model, concat: ConcatOrder) -> Self {
        let (device, folder) = (Device::flex(), model.folder());
        let config = model.network().clone().with_concat(concat);
        let load = |fold| {
            let checkpoint = folder.checkpoint(fold).unwrap();
            let keys = folder.network_keys();
            let parameter = |key: &str, shape: &[usize]| {
                let values = checkpoint.weight(key, shape).unwrap().values().unwrap();
                (key.to_owned(), TensorData::new(values, shape.to_vec()))
            };
            let parameters: Vec<_> = keys.parameters().into_iter().map(|of| parameter(&of.key, &of.shape)).collect();
            StagedUNet::from_parameters(&config, parameters, &device).unwrap()
        };
        let folds = folder.folds.iter().copied().map(load).collect();
        Self { device, folds, known: HashMap::new() }
    }

    pub fn folds(&self) -> usize {
        self.folds.len()
    }

    /// The mean of the logits of a window and of its copies that are mirrored along some of the axes.
    pub fn mean(&mut self, fold: usize, window: ArrayView4<'_, f32>, mirrored: &[usize]) -> Array4<f32> {
        let key = (fold, mirrored.to_vec(), window.iter().map(|value| value.to_bits()).collect());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let mut sum = self.forward(fold, window);
        let subsets = subsets(mirrored);
        for axes in &subsets {
            let mut flipped = window;
            axes.iter().for_each(|axis| flipped.invert_axis(Axis(axis + 1)));
            let mut logits = self.forward(fold, flipped);
            axes.iter().for_each(|axis| logits.invert_axis(Axis(axis + 1)));
            sum += &logits;
        }
        sum /= (subsets.len() + 1) as f32;
        self.known.insert(key, sum.clone());
        sum
    }

    fn forward(&self, fold: usize, window: ArrayView4<'_, f32>) -> Array4<f32> {
        let (channels, d, h, w) = window.dim();
        let values: Vec<f32> = window.iter().copied().collect();
        let window = Tensor::from_data(TensorData::new(values, [1, channels, d, h, w]), &self.device);
        let logits = self.folds[fold].forward(window).unwrap().into_data();
        let values = logits.try_to_vec::<f32>().unwrap();
        Array4::from_shape_vec((values.len() / (d * h * w), d, h, w), values).unwrap()
    }
}

/// Subsets of at least one axis, small ones first, in the order of the axes.
fn subsets(axes: &[usize]) -> Vec<Vec<usize>> {
    match *axes {
        [] => vec![],
        [a] => vec![vec![a]],
        [a, b] => vec![vec![a], vec![b], vec![a, b]],
        [a, b, c] => vec![vec![a], vec![b], vec![c], vec![a, b], vec![a, c], vec![b, c], vec![a, b, c]],
        _ => panic!("more than three axes: {axes:?}"),
    }
}
