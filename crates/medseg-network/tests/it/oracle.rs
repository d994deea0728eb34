//! A network computed operation by operation, with Burn's own operations alone.

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, TensorData, activation, module};
use medseg_architecture::{Layer, Operation};
use medseg_network::Network;
use medseg_ops::composed;

/// All outputs of the network in prediction.
pub fn outputs(network: &Network, x: Tensor<5>) -> Vec<Tensor<5>> {
    let tensors = network.named_tensors();
    let graph = network.graph();
    let mut values: Vec<Tensor<5>> = vec![x];
    for node in graph.nodes().iter().skip(1) {
        let inputs: Vec<Tensor<5>> = node.inputs.iter().map(|input| values[*input].clone()).collect();
        let of = |ending: &str| {
            let name = format!("{}.{ending}", node.name);
            tensors.iter().find(|(found, _)| *found == name).map(|(_, data)| data.clone())
        };
        values.push(match &node.operation {
            Operation::Concat => Tensor::cat(inputs, 1),
            Operation::Add => {
                let channels = inputs.iter().map(|x| x.dims()[1]).max().unwrap();
                let whole = |x: &Tensor<5>| {
                    let [b, _, d, h, w] = x.dims();
                    x.clone().expand([b, channels, d, h, w])
                };
                inputs[1..].iter().fold(whole(&inputs[0]), |sum, x| sum + whole(x))
            }
            Operation::Layer(Layer::UpsampleToGrid { align_corners }) => {
                let [_, _, image @ ..] = values[0].dims();
                resized(inputs[0].clone(), node.grid(image), *align_corners)
            }
            Operation::Layer(layer) => apply(layer, inputs[0].clone(), &of),
            _ => unreachable!(),
        });
    }
    graph.outputs().iter().map(|node| values[*node].clone()).collect()
}

fn apply(layer: &Layer, x: Tensor<5>, of: &dyn Fn(&str) -> Option<TensorData>) -> Tensor<5> {
    let device = x.device();
    let row = |ending: &str| Tensor::<1>::from_data(of(ending).unwrap(), &device);
    let bias = || of("bias").map(|data| Tensor::<1>::from_data(data, &device));
    let column = |row: Tensor<1>| row.reshape([1, -1, 1, 1, 1]);
    match layer {
        Layer::Conv { stride, padding, .. } => {
            let weight = Tensor::<5>::from_data(of("weight").unwrap(), &device);
            module::conv3d(x, weight, bias(), ConvOptions::new(*stride, padding.unwrap(), [1; 3], 1))
        }
        Layer::TransposedConv { stride, padding, output_padding, .. } => {
            let weight = Tensor::<5>::from_data(of("weight").unwrap(), &device);
            composed::conv_transpose3d(x, weight, bias(), *stride, *padding, *output_padding)
        }
        Layer::InstanceNorm { affine, eps } => {
            let affine = affine.then(|| (row("weight"), row("bias")));
            composed::instance_norm3d(x, affine, *eps)
        }
        Layer::GroupNorm { groups, eps } => {
            let dims @ [batch, channels, d, h, w] = x.dims();
            let thick = x.reshape([batch, *groups, channels / groups * d, h, w]);
            let y = composed::instance_norm3d(thick, None, *eps).reshape(dims);
            y * column(row("weight")) + column(row("bias"))
        }
        Layer::BatchNorm { eps, .. } => {
            let (mean, variance) = (column(row("running_mean")), column(row("running_var")));
            (x - mean) / (variance + *eps).sqrt() * column(row("weight")) + column(row("bias"))
        }
        Layer::Relu => activation::relu(x),
        Layer::LeakyRelu { slope } => x.clone().clamp_min(0.0) + x.clamp_max(0.0) * *slope,
        Layer::Prelu { .. } => x.clone().clamp_min(0.0) + x.clamp_max(0.0) * column(row("weight")),
        Layer::Elu => x.clone().clamp_min(0.0) + (x.clamp_max(0.0).exp() - 1.0),
        Layer::Gelu => activation::gelu(x),
        Layer::Silu => x.clone() * activation::sigmoid(x),
        Layer::MaxPool { kernel, stride, padding } => composed::max_pool3d(x, *kernel, *stride, *padding),
        Layer::AveragePool { kernel } => {
            let [b, c, d, h, w] = x.dims();
            let [p, q, r] = *kernel;
            // Burn has no tensor of eight axes to spare: one axis after the other.
            let x = x.reshape([b * c, d / p, p, h * w]).mean_dim(2);
            let x: Tensor<4> = x.reshape([b * c * (d / p), h / q, q, w]).mean_dim(2);
            let x: Tensor<4> = x.reshape([b * c * (d / p), h / q, w / r, r]).mean_dim(3);
            x.reshape([b, c, d / p, h / q, w / r])
        }
        Layer::Upsample { align_corners } => composed::upsample_trilinear2x(x, *align_corners),
        Layer::Dropout { .. } => x,
        Layer::UpsampleToGrid { .. } => unreachable!("it needs the image's size"),
    }
}

/// Trilinear interpolation, voxel by voxel in f64.
fn resized(x: Tensor<5>, size: [usize; 3], align_corners: bool) -> Tensor<5> {
    let (dims, device) = (x.dims(), x.device());
    let [batch, channels, from @ ..] = dims;
    let values: Vec<f32> = x.into_data().try_to_vec().unwrap();
    let at = |axis: usize, to: usize| {
        let (n, m) = (from[axis] as f64, size[axis] as f64);
        let place =
            if align_corners { to as f64 * (n - 1.0) / (m - 1.0).max(1.0) } else { (to as f64 + 0.5) * n / m - 0.5 };
        let place = place.clamp(0.0, n - 1.0);
        (place.floor() as usize, (place.floor() as usize + 1).min(from[axis] - 1), place - place.floor())
    };
    let mut out = Vec::new();
    for row in 0..batch * channels {
        for z in 0..size[0] {
            for y in 0..size[1] {
                for x in 0..size[2] {
                    let taps = [at(0, z), at(1, y), at(2, x)];
                    let mut sum = 0.0;
                    for corner in 0..8 {
                        let (mut index, mut weight) = (row, 1.0);
                        for (axis, (low, high, share)) in taps.iter().enumerate() {
                            let far = corner >> axis & 1 == 1;
                            index = index * from[axis] + if far { *high } else { *low };
                            weight *= if far { *share } else { 1.0 - share };
                        }
                        sum += weight * f64::from(values[index]);
                    }
                    out.push(sum as f32);
                }
            }
        }
    }
    let [d, h, w] = size;
    Tensor::from_data(TensorData::new(out, [batch, channels, d, h, w]), &device)
}
