//! Random architectures of every layer.

use burn::tensor::Device;
use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage};
use medseg_testing::noise;

use crate::{assert_same, image, oracle, shaken};

/// Draws of small numbers.
struct Draws(Vec<f64>);

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        (self.0.pop().unwrap() * n as f64) as usize
    }

    fn channels(&mut self) -> usize {
        [2, 4, 6, 10, 12][self.below(5)]
    }

    fn norm(&mut self) -> Layer {
        match self.below(5) {
            0 => Layer::InstanceNorm { affine: true, eps: 1e-5 },
            1 => Layer::instance_norm(),
            2 => Layer::batch_norm(),
            3 => Layer::GroupNorm { groups: 2, eps: 1e-5 },
            _ => Layer::Dropout { p: 0.3, whole_channels: true },
        }
    }

    fn activation(&mut self) -> Layer {
        match self.below(8) {
            0 => Layer::Relu,
            1 => Layer::LeakyRelu { slope: 0.1 },
            2 => Layer::Prelu { per_channel: true },
            3 => Layer::Prelu { per_channel: false },
            4 => Layer::Elu,
            5 => Layer::Gelu,
            6 => Layer::Silu,
            _ => Layer::Dropout { p: 0.3, whole_channels: false },
        }
    }

    fn conv(&mut self) -> Layer {
        let kernel = [[3, 3, 3], [1, 1, 1], [1, 3, 3], [3, 1, 3], [5, 3, 3]][self.below(5)];
        Layer::Conv { channels: None, kernel, stride: [1; 3], padding: None, bias: self.below(2) == 0 }
    }

    /// Convolutions, norms and activations in any order.
    fn block(&mut self, shortcut: bool) -> Block {
        let mut layers = Vec::new();
        for _ in 0..=self.below(3) {
            layers.push(self.conv());
            for _ in 0..self.below(4) {
                layers.push(if self.below(2) == 0 { self.norm() } else { self.activation() });
            }
        }
        let block = Block::new(layers);
        match shortcut {
            true => {
                let way = [vec![self.conv(), self.norm()], vec![Layer::conv([1; 3])]][self.below(2)].clone();
                block.with_shortcut(way).with_then([self.activation()])
            }
            false => block,
        }
    }

    fn down(&mut self) -> Vec<Layer> {
        match self.below(4) {
            0 => vec![Layer::MaxPool { kernel: 3, stride: 2, padding: 1 }],
            1 => vec![Layer::AveragePool { kernel: [2; 3] }],
            2 => vec![
                Layer::Conv { channels: None, kernel: [3; 3], stride: [2; 3], padding: None, bias: true },
                self.norm(),
                self.activation(),
            ],
            _ => vec![Layer::Conv { channels: None, kernel: [2; 3], stride: [2; 3], padding: None, bias: false }],
        }
    }

    fn up(&mut self) -> Vec<Layer> {
        match self.below(4) {
            0 => vec![Layer::Upsample { align_corners: true }],
            1 => vec![Layer::conv([1; 3]), Layer::Upsample { align_corners: false }],
            2 => vec![
                Layer::TransposedConv {
                    channels: None,
                    kernel: [3; 3],
                    stride: [2; 3],
                    padding: [1; 3],
                    output_padding: [1; 3],
                    bias: true,
                },
                self.norm(),
                self.activation(),
            ],
            _ => vec![Layer::TransposedConv {
                channels: None,
                kernel: [2; 3],
                stride: [2; 3],
                padding: [0; 3],
                output_padding: [0; 3],
                bias: false,
            }],
        }
    }
}

fn architecture(seed: u64) -> Architecture {
    let mut draws = Draws(noise(400, seed));
    let channels = [draws.channels(), draws.channels()];
    let shortcut = draws.below(2) == 0;
    let top = Stage::new("top", "image", draws.block(shortcut)).with_channels(channels[0]);
    let down = Branch::through("top", draws.down());
    let shortcut = draws.below(2) == 0;
    let bottom = Stage::of("bottom", [down], Join::Concat, draws.block(shortcut)).with_channels(channels[1]);
    let mut inputs = vec![Branch::new("top"), Branch::through("bottom", draws.up())];
    if draws.below(2) == 0 {
        inputs.reverse();
    }
    if draws.below(3) == 0 {
        inputs.insert(1, Branch::new("image"));
    }
    let shortcut = draws.below(2) == 0;
    let joined = Stage::of("joined", inputs, Join::Concat, draws.block(shortcut)).with_channels(channels[0]);
    // Channels of the sum agree with those of the first stage.
    let sum = Stage::of(
        "sum",
        [Branch::new("joined"), Branch::new("top"), Branch::new("image")],
        Join::Add,
        draws.block(false),
    );
    let logits = Stage::new("logits", "sum", Block::new([Layer::head(3)]));
    Architecture {
        in_channels: 1,
        blocks: Default::default(),
        stages: vec![top, bottom, joined, sum.with_channels(8), logits],
        outputs: vec!["logits".into()],
    }
}

#[test]
fn random_networks_predict_what_their_operations_say() {
    let device = Device::flex();
    for seed in 0..120 {
        let architecture = architecture(seed);
        let network = shaken(&architecture, 1000 * seed, &device);
        let x = image([1 + seed as usize % 2, 1, 4, 6, 10], seed, &device);
        let expected = oracle::outputs(&network, x.clone()).swap_remove(0);
        assert_same(network.forward(x), expected, &format!("seed {seed}: {architecture:?}"));
    }
}

#[test]
fn random_networks_with_autodiff_agree_with_those_without() {
    for seed in 200..230 {
        let mut architecture = architecture(seed);
        // Training draws and counts there.
        let drop = |layer: &Layer| matches!(layer, Layer::Dropout { .. } | Layer::BatchNorm { .. });
        for stage in &mut architecture.stages {
            let medseg_architecture::StageBlock::Own(block) = &mut stage.block else { unreachable!() };
            block.steps.retain(|step| !drop(&step.layer));
            block.then.retain(|step| !drop(&step.layer));
            block.shortcut.iter_mut().for_each(|way| way.retain(|step| !drop(&step.layer)));
            stage.inputs.iter_mut().for_each(|input| input.through.retain(|step| !drop(&step.layer)));
        }
        let (plain, autodiff) = (Device::flex(), Device::flex().autodiff());
        let x = image([1, 1, 4, 6, 10], seed, &plain);
        let expected = shaken(&architecture, seed, &plain).forward(x.clone());
        let found = shaken(&architecture, seed, &autodiff).forward(image([1, 1, 4, 6, 10], seed, &autodiff));
        assert_same(found.inner(), expected, &format!("seed {seed}: {architecture:?}"));
    }
}
