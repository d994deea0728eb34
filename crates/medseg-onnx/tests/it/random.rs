//! Random architectures of all layers, and random weights.

use medseg_architecture::{
    Architecture, Block, Branch, Join, Layer, Parameter, ParameterRole, Stage, StageBlock, Step,
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Most voxels of an image for one of a tensor, along an axis.
const COARSEST: usize = 6;

/// A stage's output: name, channels, and voxels of the image for one of its own.
#[derive(Clone)]
struct Output {
    name: String,
    channels: usize,
    divisor: [usize; 3],
}

/// A valid architecture that is drawn from the seed. Every stage's output is part of the logits.
pub fn architecture(seed: u64) -> Architecture {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let in_channels = rng.random_range(1..=3);
    let mut outputs = vec![Output { name: "image".into(), channels: in_channels, divisor: [1; 3] }];
    let mut stages = Vec::new();
    for number in 0..rng.random_range(1..=5) {
        // Some names are those that the export reserves.
        let name = ["logits", "constant.1", "shape", "factors", "a.weight"][number].to_owned();
        let name = if rng.random_bool(0.7) { format!("s{number}") } else { name };
        let (stage, output) = stage(&mut rng, name, &outputs);
        stages.push(stage);
        outputs.push(output);
    }
    stages.push(last(&mut rng, &outputs));
    let named = Architecture { in_channels, blocks: Default::default(), stages, outputs: vec!["last".into()] };
    if rng.random_bool(0.5) { named } else { with_named_blocks(named) }
}

/// Random values that neither grow nor vanish from layer to layer.
pub fn values(parameter: &Parameter, seed: u64) -> Vec<f32> {
    let name = parameter.name.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut rng = ChaCha8Rng::seed_from_u64(name);
    let (middle, width) = match parameter.role {
        // Uniform numbers of the variance 2 / fan-in.
        ParameterRole::Kernel => (0.0, (6.0 / parameter.shape[1..].iter().product::<usize>() as f32).sqrt()),
        ParameterRole::NormWeight | ParameterRole::RunningVariance => (1.0, 0.5),
        ParameterRole::Slope => (0.25, 0.2),
        _ => (0.0, 0.5),
    };
    (0..parameter.len()).map(|_| middle + width * rng.random_range(-1.0_f32..1.0)).collect()
}

/// A stage that reads one to three earlier ones of one grid, and its output.
fn stage(rng: &mut impl Rng, name: String, outputs: &[Output]) -> (Stage, Output) {
    let first = one_of(rng, outputs).clone();
    let alike: Vec<&Output> = outputs.iter().filter(|output| output.divisor == first.divisor).collect();
    let join = if rng.random_bool(0.5) { Join::Concat } else { Join::Add };
    let channels = rng.random_range(1..=6);
    let inputs: Vec<Output> = (0..rng.random_range(1..=3)).map(|_| (*one_of(rng, &alike)).clone()).collect();
    let mut branches = Vec::new();
    let mut joined = Output { name: String::new(), channels: 0, divisor: first.divisor };
    let single = inputs.len() == 1;
    for input in inputs {
        let mut steps: Vec<Step> = row(rng, &mut input.clone(), 1, false);
        // A sum takes the same channels, or one.
        let of_branch = match (join, single) {
            (Join::Add, false) if rng.random_bool(0.3) => 1,
            (Join::Add, false) => channels,
            _ => rng.random_range(1..=6),
        };
        steps.push(conv(of_branch, [1; 3], rng.random_bool(0.5)).into());
        joined.channels = match join {
            Join::Concat => joined.channels + of_branch,
            Join::Add => joined.channels.max(of_branch),
        };
        branches.push(Branch::through(input.name, steps));
    }
    let mut output = joined.clone();
    let shortcut = rng.random_bool(0.4);
    let mut steps = row(rng, &mut output, 4, !shortcut);
    let mut block = Block::default();
    if shortcut {
        steps.push(conv(joined.channels, [3; 3], true).into());
        output.channels = joined.channels;
        let empty = rng.random_bool(0.5);
        block.shortcut = Some(if empty { Vec::new() } else { vec![conv(joined.channels, [1; 3], false).into()] });
        block.then = row(rng, &mut output, 2, false);
    }
    block.steps = steps;
    output.name.clone_from(&name);
    (Stage::of(name, branches, join, block), output)
}

/// Layers in a row, which change the grid if they may.
fn row(rng: &mut impl Rng, at: &mut Output, most: usize, grid: bool) -> Vec<Step> {
    (0..rng.random_range(0..=most)).map(|_| layer(rng, at, grid).into()).collect()
}

fn layer(rng: &mut impl Rng, at: &mut Output, grid: bool) -> Layer {
    let eps = *one_of(rng, &[1e-5, 1e-3]);
    match rng.random_range(0..if grid { 17 } else { 11 }) {
        0 => Layer::Relu,
        1 => Layer::LeakyRelu { slope: *one_of(rng, &[0.01, 0.3]) },
        2 => Layer::Prelu { per_channel: rng.random_bool(0.7) },
        3 => Layer::Elu,
        4 => Layer::Gelu,
        5 => Layer::Silu,
        6 => Layer::Dropout { p: 0.5, whole_channels: rng.random_bool(0.5) },
        7 => Layer::InstanceNorm { affine: rng.random_bool(0.5), eps },
        8 => Layer::BatchNorm { eps, momentum: 0.1 },
        9 => {
            let divisors: Vec<usize> = (1..=at.channels).filter(|groups| at.channels.is_multiple_of(*groups)).collect();
            Layer::GroupNorm { groups: *one_of(rng, &divisors), eps }
        }
        10 => Layer::MaxPool { kernel: 3, stride: 1, padding: 1 },
        11 | 12 => {
            let stride = strides(rng, at);
            let padding = [0; 3].map(|_| rng.random_range(0..=2));
            let kernel = [0, 1, 2].map(|a| 2 * padding[a] + rng.random_range(1..=stride[a]));
            at.channels = rng.random_range(1..=6);
            shrink(at, stride);
            let (channels, padding) = (Some(at.channels), Some(padding));
            Layer::Conv { channels, kernel, stride, padding, bias: rng.random_bool(0.5) }
        }
        13 => {
            let stride = *one_of(rng, &[2, 3]);
            let padding = rng.random_range(0..=1);
            if at.divisor.iter().any(|divisor| divisor * stride > COARSEST) {
                return Layer::Relu;
            }
            shrink(at, [stride; 3]);
            Layer::MaxPool { kernel: 2 * padding + rng.random_range(1..=stride), stride, padding }
        }
        14 => {
            let kernel = strides(rng, at);
            shrink(at, kernel);
            Layer::AveragePool { kernel }
        }
        15 if at.divisor.iter().all(|divisor| divisor.is_multiple_of(2)) => {
            at.divisor = at.divisor.map(|divisor| divisor / 2);
            Layer::Upsample { align_corners: rng.random_bool(0.5) }
        }
        _ => {
            let stride = at.divisor.map(|divisor| {
                let factors: Vec<usize> = (1..=divisor).filter(|factor| divisor.is_multiple_of(*factor)).collect();
                *one_of(rng, &factors)
            });
            at.channels = rng.random_range(1..=6);
            transposed(rng, at, stride)
        }
    }
}

/// All outputs on the image's grid, concatenated, and a convolution to logits.
fn last(rng: &mut impl Rng, outputs: &[Output]) -> Stage {
    let mut branches = Vec::new();
    for output in outputs {
        let mut at = output.clone();
        let mut steps: Vec<Step> = Vec::new();
        if at.divisor.iter().all(|divisor| divisor.is_multiple_of(2)) && rng.random_bool(0.5) {
            steps.push(Layer::Upsample { align_corners: rng.random_bool(0.5) }.into());
            at.divisor = at.divisor.map(|divisor| divisor / 2);
        }
        if at.divisor != [1; 3] {
            let stride = at.divisor;
            steps.push(transposed(rng, &mut at, stride).into());
        }
        branches.push(Branch::through(&output.name, steps));
    }
    let mut steps = vec![Step::named("final", Layer::head(rng.random_range(1..=4)))];
    if rng.random_bool(0.2) {
        steps.push(Layer::Dropout { p: 0.1, whole_channels: false }.into());
    }
    Stage::of("last", branches, Join::Concat, Block::new(steps))
}

fn transposed(rng: &mut impl Rng, at: &mut Output, stride: [usize; 3]) -> Layer {
    let output_padding = stride.map(|stride| rng.random_range(0..stride));
    let padding = [0, 1, 2].map(|a| {
        // The kernel, stride + 2 · padding - output padding, is longer than the padding.
        let padding = rng.random_range(0..=2_usize);
        padding.max(usize::from(stride[a] == output_padding[a]))
    });
    let kernel = [0, 1, 2].map(|a| stride[a] + 2 * padding[a] - output_padding[a]);
    at.divisor = [0, 1, 2].map(|a| at.divisor[a] / stride[a]);
    Layer::TransposedConv {
        channels: Some(at.channels),
        kernel,
        stride,
        padding,
        output_padding,
        bias: rng.random_bool(0.5),
    }
}

fn conv(channels: usize, kernel: [usize; 3], bias: bool) -> Layer {
    Layer::Conv { channels: Some(channels), kernel, stride: [1; 3], padding: None, bias }
}

/// Strides that leave the grid fine enough.
fn strides(rng: &mut impl Rng, at: &Output) -> [usize; 3] {
    at.divisor.map(|divisor| rng.random_range(1..=(COARSEST / divisor).min(3)))
}

fn shrink(at: &mut Output, stride: [usize; 3]) {
    at.divisor = [0, 1, 2].map(|a| at.divisor[a] * stride[a]);
}

fn one_of<'a, T>(rng: &mut impl Rng, all: &'a [T]) -> &'a T {
    &all[rng.random_range(0..all.len())]
}

/// The same architecture, whose stages call their blocks by name.
fn with_named_blocks(mut architecture: Architecture) -> Architecture {
    for (number, stage) in architecture.stages.iter_mut().enumerate() {
        let name = format!("block{number}");
        if let StageBlock::Own(block) = std::mem::replace(&mut stage.block, StageBlock::Named(name.clone())) {
            architecture.blocks.insert(name, block);
        }
    }
    architecture
}
