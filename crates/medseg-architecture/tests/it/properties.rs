//! Random architectures: checked without a panic, and consistent where they are possible.

use std::collections::BTreeSet;

use medseg_architecture::networks::{UNetPlusPlusConfig, VNetConfig};
use medseg_architecture::{Architecture, Block, Branch, Graph, Join, Layer, Operation, Stage, StageBlock, Step};
use proptest::prelude::*;

/// Layers, most of them possible.
fn layers() -> impl Strategy<Value = Layer> {
    let channels = || prop_oneof![3 => Just(None), 1 => (1_usize..5).prop_map(Some)];
    let padding = || prop_oneof![19 => Just(None), 1 => prop::array::uniform3(0_usize..3).prop_map(Some)];
    let kernel = || prop_oneof![19 => Just([3; 3]), 1 => prop::array::uniform3(0_usize..5)];
    let conv = (channels(), kernel(), padding(), any::<bool>())
        .prop_map(|(channels, kernel, padding, bias)| Layer::Conv { channels, kernel, stride: [1; 3], padding, bias });
    let strided = (channels(), 1_usize..4, 1_usize..3).prop_map(|(channels, kernel, stride)| Layer::Conv {
        channels,
        kernel: [kernel; 3],
        stride: [stride; 3],
        padding: None,
        bias: false,
    });
    let up = (channels(), 1_usize..5, 1_usize..4, 0_usize..3, 0_usize..3, any::<bool>()).prop_map(
        |(channels, kernel, stride, padding, output_padding, bias)| Layer::TransposedConv {
            channels,
            kernel: [kernel; 3],
            stride: [stride; 3],
            padding: [padding; 3],
            output_padding: [output_padding; 3],
            bias,
        },
    );
    let pool = (1_usize..4, 1_usize..4, 0_usize..2).prop_map(|(kernel, stride, padding)| Layer::MaxPool {
        kernel,
        stride,
        padding,
    });
    prop_oneof![
        20 => conv,
        2 => strided,
        2 => up,
        1 => pool,
        1 => prop::array::uniform3(1_usize..3).prop_map(|kernel| Layer::AveragePool { kernel }),
        2 => any::<bool>().prop_map(|align_corners| Layer::Upsample { align_corners }),
        1 => Just(Layer::batch_norm()),
        1 => any::<bool>().prop_map(|affine| Layer::InstanceNorm { affine, eps: 1e-3 }),
        1 => (1_usize..4).prop_map(|groups| Layer::GroupNorm { groups, eps: 1e-5 }),
        1 => any::<bool>().prop_map(|per_channel| Layer::Prelu { per_channel }),
        1 => (0.0..1.0_f64).prop_map(|slope| Layer::LeakyRelu { slope }),
        1 => (0.0..1.0_f64, any::<bool>()).prop_map(|(p, whole_channels)| Layer::Dropout { p, whole_channels }),
        1 => prop_oneof![Just(Layer::Relu), Just(Layer::Elu), Just(Layer::Gelu), Just(Layer::Silu)],
    ]
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let name = prop_oneof![12 => Just(None), 1 => "[a-c]{1,2}".prop_map(Some)];
    prop::collection::vec((name, layers()).prop_map(|(name, layer)| Step { name, layer }), 0..most)
}

fn blocks() -> impl Strategy<Value = Block> {
    let shortcut = prop_oneof![6 => Just(None), 1 => steps(2).prop_map(Some)];
    (steps(4), shortcut, steps(2)).prop_map(|(steps, shortcut, then)| Block { steps, shortcut, then })
}

prop_compose! {
    fn architectures()(
        in_channels in 1_usize..4,
        named in blocks(),
        stages in prop::collection::vec((
            prop::collection::vec((any::<prop::sample::Index>(), steps(2)), 1..4),
            any::<bool>(),
            prop_oneof![19 => (1_usize..5).prop_map(Some), 1 => Just(None)],
            prop_oneof![1 => Just(None), 3 => blocks().prop_map(Some)],
        ), 1..6),
        classes in 1_usize..4,
        outputs in 1_usize..3,
    ) -> Architecture {
        let name = |n: usize| if n == 0 { "image".to_owned() } else { format!("s{n}") };
        let mut all: Vec<Stage> = Vec::new();
        for (number, (inputs, add, channels, block)) in stages.into_iter().enumerate() {
            let inputs = inputs.into_iter().map(|(from, through)| Branch { from: name(from.index(number + 1)), through });
            all.push(Stage {
                prefix: None,
                name: name(number + 1),
                inputs: inputs.collect(),
                join: if add { Join::Add } else { Join::Concat },
                channels,
                block: block.map_or(StageBlock::Named("shared".into()), StageBlock::Own),
            });
        }
        let last = all.len();
        let heads = (0..outputs.min(last)).map(|n| Stage::new(format!("head{n}"), name(last - n), Block::new([Layer::head(classes)])));
        let heads: Vec<Stage> = heads.collect();
        let outputs = heads.iter().map(|head| head.name.clone()).collect();
        all.extend(heads);
        Architecture { in_channels, blocks: [("shared".to_owned(), named)].into(), stages: all, outputs }
    }
}

/// Size of a layer's output along an axis, by PyTorch's formulas.
fn size(layer: &Layer, axis: usize, n: usize) -> usize {
    match layer {
        Layer::Conv { kernel, stride, padding, .. } => {
            (n + 2 * padding.expect("given")[axis] - kernel[axis]) / stride[axis] + 1
        }
        Layer::TransposedConv { kernel, stride, padding, output_padding, .. } => {
            (n - 1) * stride[axis] + kernel[axis] + output_padding[axis] - 2 * padding[axis]
        }
        Layer::MaxPool { kernel, stride, padding } => (n + 2 * padding - kernel) / stride + 1,
        Layer::AveragePool { kernel } => n / kernel[axis],
        Layer::Upsample { .. } => 2 * n,
        _ => n,
    }
}

/// Everything that holds for every graph.
fn check(graph: &Graph, times: usize) {
    let image = graph.size_multiple().map(|n| n * times);
    let shapes = graph.shapes(image).unwrap();
    let mut names = BTreeSet::new();
    for (number, node) in graph.nodes().iter().enumerate() {
        assert!(names.insert(&node.name) && node.inputs.iter().all(|input| *input < number));
        let inputs: Vec<[usize; 4]> = node.inputs.iter().map(|input| shapes[*input]).collect();
        let [channels, sizes @ ..] = shapes[number];
        let want = match &node.operation {
            Operation::Image => [graph.in_channels(), image[0], image[1], image[2]],
            Operation::Concat => [inputs.iter().map(|shape| shape[0]).sum(), inputs[0][1], inputs[0][2], inputs[0][3]],
            Operation::Add => {
                let most = inputs.iter().map(|shape| shape[0]).max().unwrap();
                assert!(inputs.iter().all(|shape| shape[0] == most || shape[0] == 1));
                [most, inputs[0][1], inputs[0][2], inputs[0][3]]
            }
            Operation::Layer(layer) => {
                let channels = match layer {
                    Layer::Conv { channels, .. } | Layer::TransposedConv { channels, .. } => channels.expect("given"),
                    _ => inputs[0][0],
                };
                let [d, h, w] = [0, 1, 2].map(|axis| size(layer, axis, inputs[0][axis + 1]));
                [channels, d, h, w]
            }
            _ => unreachable!("every operation is listed"),
        };
        assert_eq!(shapes[number], want, "{}", node.name);
        assert!(inputs.iter().all(|shape| node.inputs.len() == 1 || shape[1..] == inputs[0][1..]));
        assert!(
            channels == node.channels && (0..3).all(|a| sizes[a] == image[a].div_ceil(node.divisor[a]) && sizes[a] > 0)
        );
    }
    let parameters = graph.parameters();
    let unique: BTreeSet<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(unique.len(), parameters.len());
    assert!(parameters.iter().all(|p| p.len() == p.shape.iter().product::<usize>() as u64 && !p.is_empty()));
    let cost = graph.cost(image).unwrap();
    let weights = parameters.iter().filter(|p| !p.role.is_statistic()).map(|p| p.len()).sum::<u64>();
    assert_eq!(cost.parameters, weights);
    // No peak lies below an operation with its inputs, or above everything at once.
    let bytes = |n: usize| 4 * shapes[n].iter().product::<usize>() as u64;
    let together = |n: usize| {
        bytes(n) + graph.nodes()[n].inputs.iter().collect::<BTreeSet<_>>().into_iter().map(|i| bytes(*i)).sum::<u64>()
    };
    let all = 0..graph.nodes().len();
    assert!(cost.peak_bytes >= all.clone().map(together).max().unwrap());
    assert!(cost.peak_bytes <= all.map(bytes).sum());
    let larger = graph.cost(image.map(|n| 2 * n)).unwrap();
    // Sizes that layers round up grow less than the image.
    assert!(larger.flops >= cost.flops && larger.flops <= 8 * cost.flops && larger.peak_bytes >= cost.peak_bytes);
}

/// The prediction's graph has exactly the operations that the first output needs.
fn check_prediction(graph: &Graph) {
    let mut needed = BTreeSet::from([0]);
    let mut left = vec![graph.outputs()[0]];
    while let Some(node) = left.pop() {
        needed.insert(node);
        left.extend(graph.nodes()[node].inputs.iter().filter(|input| !needed.contains(input)));
    }
    let alone = graph.for_prediction();
    let names = |graph: &Graph, of: &mut dyn Iterator<Item = usize>| -> Vec<String> {
        of.map(|n| graph.nodes()[n].name.clone()).collect()
    };
    assert_eq!(names(&alone, &mut (0..alone.nodes().len())), names(graph, &mut needed.iter().copied()));
    let kept: Vec<_> = graph.parameters().into_iter().filter(|p| needed.contains(&p.node)).collect();
    let of = |parameters: Vec<medseg_architecture::Parameter>| -> Vec<(String, Vec<usize>)> {
        parameters.into_iter().map(|p| (p.name, p.shape)).collect()
    };
    assert_eq!(of(alone.parameters()), of(kept));
    assert_eq!((alone.outputs().len(), alone.out_channels()), (1, graph.out_channels()));
    assert_eq!(alone.for_prediction(), alone);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn random_architectures_are_refused_or_consistent(architecture in architectures(), times in 1_usize..3) {
        if let Ok(graph) = architecture.graph() {
            check(&graph, times);
            check_prediction(&graph);
            check(&graph.for_prediction(), times);
        }
        let text = serde_json::to_string(&architecture).unwrap();
        prop_assert_eq!(serde_json::from_str::<Architecture>(&text).unwrap(), architecture);
    }

    #[test]
    fn random_text_is_refused_without_a_panic(text in r#"[\{\}\[\]":,a-z_0-9 ]{0,80}"#) {
        if let Ok(network) = serde_json::from_str::<Architecture>(&text) {
            let _ = network.graph();
        }
    }
}

#[test]
fn enough_random_architectures_are_possible() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let possible = (0..500).filter(|_| {
        let tree = architectures().new_tree(&mut runner).unwrap();
        proptest::strategy::ValueTree::current(&tree).graph().is_ok()
    });
    let possible = possible.count();
    assert!(possible > 25, "{possible} of 500");
}

#[test]
fn networks_of_the_literature_are_consistent_and_come_back_from_json() {
    let unets = (2..6).map(|levels| UNetPlusPlusConfig {
        channels: (2..2 + levels).collect(),
        out_channels: 3,
        deep_supervision: levels % 2 == 0,
        dropout: 0.25 * (levels % 3) as f64,
        ..UNetPlusPlusConfig::default()
    });
    let vnets = (2..6).map(|levels| VNetConfig {
        channels: (2..2 + levels).collect(),
        convs: (1..=levels).collect(),
        in_channels: levels,
        ..VNetConfig::default()
    });
    let unets = unets.map(|config| config.architecture().unwrap());
    for architecture in unets.chain(vnets.map(|config| config.architecture().unwrap())) {
        let graph = architecture.graph().unwrap();
        check(&graph, 1);
        check_prediction(&graph);
        let text = serde_json::to_string(&architecture).unwrap();
        assert_eq!(serde_json::from_str::<Architecture>(&text).unwrap(), architecture);
    }
}
