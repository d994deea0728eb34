//! The forward pass.

use burn::tensor::{DType, Tensor, activation, module};
use medseg_architecture::{Layer, Node, Operation};
use medseg_ops::{
    ChannelMap, ConvOptions, Mapped, NormRelu, Precision, RunningStatistics, Upsample, batch_norm3d, channel_map_runs,
    conv_transpose3d, conv3d, conv3d_concat, conv3d_mapped, dropout, dropout3d, group_norm3d, max_pool3d, norm_map,
    norm_relu_conv3d,
};

use crate::layers::LayerParameters;
use crate::network::Shared;
use crate::value::{Value, is_doubled, is_identity};

/// Most input channels of a convolution that copies its input first, so that reading through a map would not pay.
const FEW_CHANNELS: usize = 8;

/// The first `outputs` outputs for an image whose size and channels were checked.
pub(crate) fn forward(
    shared: &Shared,
    layers: &[LayerParameters],
    precision: Precision,
    x: Tensor<5>,
    outputs: usize,
) -> Vec<Tensor<5>> {
    let x = match precision.activations(&x.device()) {
        DType::F32 => x,
        half => x.cast(half),
    };
    let [_, _, image @ ..] = x.dims();
    let run = Run { shared, layers, precision, image, mapping: channel_map_runs(&x) };
    let nodes = shared.graph.nodes();
    let wanted = &shared.graph.outputs()[..outputs];
    let needed = run.needed(wanted);
    let mut left = run.readers(&needed, wanted);
    let mut values: Vec<Option<Value>> = vec![None; nodes.len()];
    values[0] = Some(Value::Ready(x));
    for (number, node) in nodes.iter().enumerate().skip(1).filter(|(number, _)| needed[*number]) {
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            left[*input] -= 1;
            let value = if left[*input] == 0 { values[*input].take() } else { values[*input].clone() };
            inputs.push(value.expect("inputs come before their readers"));
        }
        let is_output = wanted.contains(&number);
        let value = run.node(node, run.parameters(number), inputs, is_output);
        // What several read is made once.
        values[number] = Some(if left[number] > 1 { Value::Ready(value.tensor()) } else { value });
    }
    let logits = |node: &usize| {
        let y = values[*node].take().expect("outputs are needed, and each is one node").tensor();
        if matches!(y.dtype(), DType::F16 | DType::BF16) { y.cast(DType::F32) } else { y }
    };
    wanted.iter().map(logits).collect()
}

struct Run<'a> {
    shared: &'a Shared,
    layers: &'a [LayerParameters],
    precision: Precision,
    /// Size of the image.
    image: [usize; 3],
    /// True for predictions on the CPU: norms and activations become maps.
    mapping: bool,
}

impl Run<'_> {
    /// Nodes that the wanted outputs depend on.
    fn needed(&self, wanted: &[usize]) -> Vec<bool> {
        let nodes = self.shared.graph.nodes();
        let mut needed = vec![false; nodes.len()];
        wanted.iter().for_each(|node| needed[*node] = true);
        for number in (0..nodes.len()).rev() {
            if needed[number] {
                nodes[number].inputs.iter().for_each(|input| needed[*input] = true);
            }
        }
        needed
    }

    /// Number of needed nodes, and outputs, that read each node.
    fn readers(&self, needed: &[bool], wanted: &[usize]) -> Vec<usize> {
        let nodes = self.shared.graph.nodes();
        let mut readers = vec![0; nodes.len()];
        let read = nodes.iter().zip(needed).filter(|(_, needed)| **needed).flat_map(|(node, _)| &node.inputs);
        read.chain(wanted).for_each(|node| readers[*node] += 1);
        readers
    }

    fn parameters(&self, node: usize) -> Option<&LayerParameters> {
        self.shared.places[node].map(|place| &self.layers[place])
    }

    fn node(&self, node: &Node, of: Option<&LayerParameters>, mut inputs: Vec<Value>, is_output: bool) -> Value {
        match &node.operation {
            Operation::Concat => Value::Concat(inputs),
            Operation::Add => {
                let mut terms = inputs.into_iter().map(Value::tensor);
                let first = terms.next().expect("a sum has terms");
                Value::Ready(terms.fold(first, |sum, term| sum + term))
            }
            Operation::Layer(layer) => {
                let input = inputs.pop().expect("a layer has one input");
                self.layer(layer, of, input, node.grid(self.image), is_output)
            }
            _ => unreachable!("the image is the first node alone"),
        }
    }

    fn layer(
        &self,
        layer: &Layer,
        of: Option<&LayerParameters>,
        input: Value,
        grid: [usize; 3],
        is_output: bool,
    ) -> Value {
        let of = || of.expect("a layer with parameters has them");
        match layer {
            Layer::Conv { stride, padding, .. } => {
                // Losses and probabilities need the digits of logits.
                let precision = if is_output { Precision::F32 } else { self.precision };
                let options = ConvOptions { stride: *stride, padding: padding.unwrap_or_default(), precision };
                let y = if self.mapping { mapped_conv(input, of(), options) } else { conv(input, of(), options) };
                self.with_bias(y, of())
            }
            Layer::TransposedConv { stride, padding, output_padding, .. } => {
                let x = input.tensor();
                self.with_bias(conv_transpose3d(x, of().kernel(), None, *stride, *padding, *output_padding), of())
            }
            Layer::InstanceNorm { affine, eps } => self.instance_norm(input, affine.then(of), *eps),
            Layer::GroupNorm { groups, eps } => self.group_norm(input, of(), *groups, *eps),
            Layer::BatchNorm { eps, momentum } => self.batch_norm(input, of(), *eps, *momentum),
            Layer::Relu => self.leaky(input, 0.0),
            Layer::LeakyRelu { slope } => self.leaky(input, *slope),
            Layer::Prelu { .. } => self.prelu(input, of().slopes()),
            Layer::Elu => Value::Ready(activation::elu(input.tensor(), 1.0)),
            Layer::Gelu => Value::Ready(activation::gelu(input.tensor())),
            Layer::Silu => Value::Ready(activation::silu(input.tensor())),
            Layer::MaxPool { kernel, stride, padding } => {
                Value::Ready(max_pool3d(input.tensor(), *kernel, *stride, *padding))
            }
            Layer::AveragePool { kernel } => {
                let x = input.tensor();
                let [_, _, d, h, w] = x.dims();
                let [a, b, c] = *kernel;
                Value::Ready(module::adaptive_avg_pool3d(x, [d / a, h / b, w / c]))
            }
            Layer::Upsample { align_corners } | Layer::UpsampleToGrid { align_corners } => {
                Value::Upsampled(input.tensor(), grid, *align_corners)
            }
            Layer::Dropout { p, whole_channels } => self.dropout(input, *p, *whole_channels),
        }
    }

    fn with_bias(&self, y: Tensor<5>, of: &LayerParameters) -> Value {
        let Some(bias) = of.bias() else { return Value::Ready(y) };
        if !self.mapping {
            let bias = bias.cast(y.dtype()).reshape([1, -1, 1, 1, 1]);
            return Value::Ready(y + bias);
        }
        let (bias, [batch, channels, ..]) = (host(bias), y.dims());
        let mut map = ChannelMap::identity(batch * channels);
        map.0.iter_mut().zip(bias.iter().cycle()).for_each(|(row, bias)| row.bias = *bias);
        Value::Mapped(y, map)
    }

    fn instance_norm(&self, input: Value, of: Option<&LayerParameters>, eps: f64) -> Value {
        let affine = of.and_then(LayerParameters::affine);
        if !self.mapping {
            return Value::Normed(input.tensor(), NormRelu { affine, factors: None, slope: 1.0, eps });
        }
        // A bias of a channel is lost in its norm.
        let x = match input {
            Value::Mapped(x, map) if map.0.iter().all(is_bias) => x,
            other => other.tensor(),
        };
        let affine = affine.map(|(weight, bias)| (host(weight), host(bias)));
        let map = norm_map(&x, None, affine.as_ref().map(|(weight, bias)| (&weight[..], &bias[..])), eps);
        Value::Mapped(x, map)
    }

    fn group_norm(&self, input: Value, of: &LayerParameters, groups: usize, eps: f64) -> Value {
        let (x, affine) = (input.tensor(), of.affine());
        if !self.mapping {
            return Value::Ready(group_norm3d(x, groups, affine, eps));
        }
        let affine = affine.map(|(weight, bias)| (host(weight), host(bias)));
        let map = norm_map(&x, Some(groups), affine.as_ref().map(|(weight, bias)| (&weight[..], &bias[..])), eps);
        Value::Mapped(x, map)
    }

    fn batch_norm(&self, input: Value, of: &LayerParameters, eps: f64, momentum: f64) -> Value {
        let (affine, [mean, variance]) = (of.affine().expect("a batch norm has a weight and a bias"), of.statistics());
        if !self.mapping {
            let running = RunningStatistics { mean, variance, momentum };
            return Value::Ready(batch_norm3d(input.tensor(), affine, running, eps));
        }
        let (x, mut map) = input.linear();
        let [weight, bias] = [affine.0, affine.1].map(host);
        let [mean, variance] = [mean, variance].map(|state| host(state.value_sync()));
        let channels = weight.len();
        for (row, scale) in map.0.iter_mut().enumerate() {
            let c = row % channels;
            let factor = f64::from(weight[c]) / (f64::from(variance[c]) + eps).sqrt();
            let moved = (f64::from(scale.bias) - f64::from(mean[c])) * factor + f64::from(bias[c]);
            scale.scale = (f64::from(scale.scale) * factor) as f32;
            scale.bias = moved as f32;
        }
        Value::Mapped(x, map)
    }

    fn leaky(&self, input: Value, slope: f64) -> Value {
        if self.mapping {
            let (x, mut map) = input.linear();
            map.0.iter_mut().for_each(|row| row.slope = slope as f32);
            return Value::Mapped(x, map);
        }
        match input {
            Value::Normed(x, norm) if is_identity(norm.slope) => Value::Normed(x, NormRelu { slope, ..norm }),
            other if slope == 0.0 => Value::Ready(activation::relu(other.tensor())),
            other => Value::Ready(activation::leaky_relu(other.tensor(), slope)),
        }
    }

    fn prelu(&self, input: Value, slopes: Tensor<1>) -> Value {
        if self.mapping {
            let (x, mut map) = input.linear();
            let slopes = host(slopes);
            map.0.iter_mut().zip(slopes.iter().cycle()).for_each(|(row, slope)| row.slope = *slope);
            return Value::Mapped(x, map);
        }
        let x = input.tensor();
        let slopes = slopes.cast(x.dtype());
        Value::Ready(activation::prelu(x, slopes))
    }

    fn dropout(&self, input: Value, p: f64, whole_channels: bool) -> Value {
        if self.mapping || p == 0.0 {
            return input;
        }
        let x = input.tensor();
        Value::Ready(if whole_channels { dropout3d(x, p) } else { dropout(x, p) })
    }
}

/// True for a map that adds a number to each channel and does no more.
fn is_bias(row: &medseg_ops::Scale) -> bool {
    row.shift == 0.0 && row.rest == 0.0 && is_identity(f64::from(row.scale)) && is_identity(f64::from(row.slope))
}

/// A convolution in a prediction on the CPU, without its bias.
fn mapped_conv(input: Value, of: &LayerParameters, options: ConvOptions) -> Tensor<5> {
    let weight = of.kernel();
    let [_, channels, kernel @ ..] = weight.dims();
    let through = options.stride == [1; 3] && matches!(kernel, [1, 1, 1] | [1, 3, 3] | [3, 3, 3]);
    if !through || channels <= FEW_CHANNELS {
        return conv3d(input.tensor(), weight, None, options);
    }
    let read = |value: Value| match value {
        Value::Mapped(x, map) => Mapped::Map(x, Some(map)),
        Value::Upsampled(x, size, align_corners) if is_doubled(&x, size) => Mapped::Upsampled(x, align_corners),
        other => Mapped::Map(other.tensor(), None),
    };
    let inputs = match input {
        Value::Concat(values) => pair(values).into_iter().map(read).collect(),
        other => vec![read(other)],
    };
    conv3d_mapped(inputs, weight, options)
}

/// At most two values with the channels of all.
fn pair(mut values: Vec<Value>) -> Vec<Value> {
    if values.len() <= 2 {
        return values;
    }
    let last = values.pop().expect("more than two");
    vec![Value::Ready(Value::Concat(values).tensor()), last]
}

/// A convolution in training, or on a backend without maps, without its bias.
fn conv(input: Value, of: &LayerParameters, options: ConvOptions) -> Tensor<5> {
    let weight = of.kernel();
    match input {
        Value::Normed(x, norm) if !is_identity(norm.slope) => norm_relu_conv3d(x, norm, weight, options),
        Value::Concat(values) => {
            let mut values = pair(values).into_iter();
            let (Some(first), Some(second)) = (values.next(), values.next()) else {
                unreachable!("a concatenation has two inputs at least")
            };
            match (first, second) {
                (Value::Upsampled(x, size, align_corners), second)
                    if is_doubled(&x, size) && !matches!(second, Value::Upsampled(..)) =>
                {
                    // The operation puts the upsampled channels last.
                    let ([out, all, ..], up) = (weight.dims(), x.dims()[1]);
                    let swapped = [up..all, 0..up].map(|channels| weight.clone().slice([0..out, channels]));
                    let weight = Tensor::cat(swapped.into(), 1);
                    conv3d_concat(second.tensor(), x, weight, Upsample::Trilinear2x { align_corners }, options)
                }
                (first, Value::Upsampled(x, size, align_corners)) if is_doubled(&x, size) => {
                    conv3d_concat(first.tensor(), x, weight, Upsample::Trilinear2x { align_corners }, options)
                }
                (first, second) => conv3d_concat(first.tensor(), second.tensor(), weight, Upsample::No, options),
            }
        }
        other => conv3d(other.tensor(), weight, None, options),
    }
}

/// A row of parameters on the host.
fn host(row: Tensor<1>) -> Vec<f32> {
    row.into_data().convert::<f32>().try_to_vec().expect("converted to f32")
}
