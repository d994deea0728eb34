//! Architectures that are misspelt, impossible or made to do harm.

use std::time::{Duration, Instant};

use medseg_architecture::networks::NormActivation;
use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage, StageBlock, Step};

use crate::{refused, single};

const SOUND: &str = r#"{
  "in_channels": 1,
  "blocks": {"one": {"steps": [{"name": "a", "layer": "conv", "kernel": [3, 3, 3], "stride": [1, 1, 1]}, {"layer": "relu"}],
    "shortcut": [{"layer": "instance_norm"}], "then": [{"layer": "leaky_relu", "slope": 0.1}]}},
  "stages": [
    {"name": "top", "inputs": [{"from": "image", "through": [{"layer": "max_pool", "kernel": 2, "stride": 2},
      {"layer": "upsample", "align_corners": true}]}], "join": "add", "channels": 2, "block": "one"},
    {"name": "logits", "inputs": [{"from": "top"}], "block": {"steps": [
      {"layer": "conv", "kernel": [1, 1, 1], "channels": 2, "bias": true}]}}
  ],
  "outputs": ["logits"]
}"#;

fn parsed(text: &str) -> Result<Architecture, serde_json::Error> {
    serde_json::from_str(text)
}

fn conv(kernel: [usize; 3], stride: [usize; 3], padding: Option<[usize; 3]>) -> Layer {
    Layer::Conv { channels: None, kernel, stride, padding, bias: false }
}

#[test]
fn unknown_fields_are_refused_wherever_they_are() {
    parsed(SOUND).unwrap().graph().unwrap();
    for (from, to) in [
        (r#""in_channels": 1"#, r#""in_channels": 1, "out_channels": 2"#),
        (r#""stride": [1, 1, 1]"#, r#""stide": [2, 2, 2]"#),
        (r#"{"name": "a", "layer": "conv""#, r#"{"name": "a", "layer": "conv", "dilation": [2, 2, 2]"#),
        (r#"{"layer": "relu"}"#, r#"{"layer": "relu", "slope": 0.1}"#),
        (r#"{"layer": "relu"}"#, r#"{"nam": "r", "layer": "relu"}"#),
        (r#""slope": 0.1"#, r#""slope": 0.1, "inplace": true"#),
        (r#"{"layer": "instance_norm"}"#, r#"{"layer": "instance_norm", "affin": true}"#),
        (r#""then": ["#, r#""after": ["#),
        (r#""align_corners": true"#, r#""align_corners": true, "scale": 3"#),
        (r#"{"from": "top"}"#, r#"{"from": "top", "trough": []}"#),
        (r#""channels": 2, "block": "one""#, r#""channel": 2, "block": "one""#),
        (r#""block": {"steps""#, r#""block": {"shortcuts": [], "steps""#),
        (r#""outputs": ["logits"]"#, r#""outputs": ["logits"], "version": 3"#),
    ] {
        assert!(SOUND.contains(from), "{from}");
        assert!(parsed(&SOUND.replacen(from, to, 1)).is_err(), "{to} is read");
    }
}

#[test]
fn layers_without_fields_take_none() {
    for name in ["relu", "elu", "gelu", "silu"] {
        let layer: Layer = serde_json::from_str(&format!(r#"{{"layer": "{name}"}}"#)).unwrap();
        let text = serde_json::to_string(&layer).unwrap();
        assert_eq!(text, format!(r#"{{"layer":"{name}"}}"#));
        assert!(serde_json::from_str::<Layer>(&format!(r#"{{"layer": "{name}", "slope": 0.1}}"#)).is_err(), "{name}");
        let step: Step = serde_json::from_str(&format!(r#"{{"layer": "{name}", "name": "x"}}"#)).unwrap();
        assert_eq!(step, Step::named("x", layer.clone()));
        let step: Step = serde_json::from_str(&format!(r#"{{"layer": "{name}"}}"#)).unwrap();
        assert_eq!(step, layer.into());
    }
    let then = r#"{"norm": {"layer": "instance_norm"}, "activation": {"layer": "relu", "slope": 0.1}}"#;
    assert!(serde_json::from_str::<NormActivation>(then).is_err());
}

#[test]
fn wrong_types_and_missing_fields_are_refused() {
    for (from, to) in [
        (r#""in_channels": 1"#, r#""in_channels": -1"#),
        (r#""in_channels": 1"#, r#""in_channels": 1.5"#),
        (r#""in_channels": 1,"#, ""),
        (r#""kernel": [3, 3, 3]"#, r#""kernel": [3, 3]"#),
        (r#""kernel": [3, 3, 3]"#, r#""kernel": [3, 3, 3, 3]"#),
        (r#""kernel": [3, 3, 3]"#, r#""kernel": 3"#),
        (r#""kernel": [3, 3, 3]"#, r#""kernel": [1e400, 3, 3]"#),
        (r#""kernel": [3, 3, 3]"#, r#""kernel": [18446744073709551616, 3, 3]"#),
        (r#""layer": "relu""#, r#""layer": "rleu""#),
        (r#""layer": "relu""#, r#""name": "b""#),
        (r#""join": "add""#, r#""join": "multiply""#),
    ] {
        assert!(parsed(&SOUND.replacen(from, to, 1)).is_err(), "{to} is read");
    }
    let deep = format!("{}{}", r#"{"in_channels": "#.repeat(100_000), "1");
    assert!(parsed(&deep).is_err());
}

#[test]
fn stages_read_earlier_ones_alone_so_there_are_no_cycles() {
    let sound = parsed(SOUND).unwrap();
    for from in ["logits", "top", "nothing", ""] {
        let mut network = sound.clone();
        network.stages[0].inputs[0].from = from.into();
        refused(&network, "stage top");
    }
    let mut turned = sound.clone();
    turned.stages.reverse();
    refused(&turned, "stage logits");
    let mut nothing = sound;
    nothing.stages[1].inputs.clear();
    refused(&nothing, "reads nothing");
}

#[test]
fn names_are_given_once() {
    let relu = || Block::new([Layer::Relu]);
    let network = |stages: Vec<Stage>| {
        let outputs = vec![stages.last().unwrap().name.clone()];
        Architecture { in_channels: 1, blocks: Default::default(), stages, outputs }
    };
    for twice in ["image", ""] {
        refused(&network(vec![Stage::new(twice, "image", relu())]), "a name of its own");
    }
    refused(&network(vec![Stage::new("a", "image", relu()), Stage::new("a", "image", relu())]), "stage a");
    let steps = [Step::named("x", Layer::Relu), Step::named("x", Layer::Relu)];
    refused(&network(vec![Stage::new("a", "image", Block::new(steps))]), "layer a.x");
    // The number of an unnamed layer, and the name of a sum.
    let steps = [Step::named("1", Layer::Relu), Layer::Relu.into()];
    refused(&network(vec![Stage::new("a", "image", Block::new(steps))]), "layer a.1");
    let steps = [Step::named("sum", Layer::Relu)];
    let block = Block::new(steps).with_shortcut(Vec::<Step>::new());
    refused(&network(vec![Stage::new("a", "image", block)]), "layer a.sum");
    // A dot in a stage's name leads to the name of another stage's layer.
    let stages = vec![
        Stage::new("a", "image", Block::new([Step::named("b.c", Layer::Relu)])),
        Stage::new("a.b", "image", Block::new([Step::named("c", Layer::Relu)])),
    ];
    refused(&network(stages), "layer a.b.c");
    let mut unknown = network(vec![Stage::new("a", "image", relu())]);
    unknown.stages[0].block = StageBlock::Named("none".into());
    refused(&unknown, "no block none");
}

#[test]
fn outputs_are_stages_on_the_images_grid_with_the_same_channels() {
    let sound = parsed(SOUND).unwrap();
    let with =
        |outputs: &[&str]| Architecture { outputs: outputs.iter().map(|s| (*s).into()).collect(), ..sound.clone() };
    assert!(with(&["logits", "top"]).graph().is_ok());
    refused(&with(&[]), "no output");
    refused(&with(&["image"]), "image");
    refused(&with(&["none"]), "none");
    refused(&with(&["logits", "logits"]), "twice");
    refused(&single([Layer::MaxPool { kernel: 2, stride: 2, padding: 0 }]), "grid");
    let stages = vec![
        Stage::new("a", "image", Block::new([Layer::head(2)])),
        Stage::new("b", "image", Block::new([Layer::head(3)])),
    ];
    let outputs = vec!["a".into(), "b".into()];
    let others = Architecture { in_channels: 1, blocks: Default::default(), stages, outputs };
    refused(&others, "other channels");
    // A stage without layers is another stage's output.
    let mut empty = others;
    empty.stages[1] = Stage::new("b", "a", Block::default());
    refused(&empty, "twice");
}

#[test]
fn huge_numbers_are_refused_without_a_panic() {
    let numbers = [64, 1 << 20, 1 << 31, 1 << 32, 1 << 60, 1 << 63, usize::MAX - 1, usize::MAX];
    for n in numbers {
        for at in 0..3 {
            let one = |value: usize| {
                let mut triple = [1; 3];
                triple[at] = value;
                triple
            };
            assert!(single([conv(one(n), [1; 3], None)]).graph().is_err(), "kernel {n}");
            assert!(single([conv([1; 3], one(n), None)]).graph().is_err(), "stride {n}");
            assert!(single([conv(one(n), one(n), None)]).graph().is_err(), "kernel and stride {n}");
            assert!(single([conv([3; 3], [1; 3], Some(one(n)))]).graph().is_err(), "padding {n}");
            assert!(single([Layer::AveragePool { kernel: one(n) }]).graph().is_err());
            for (kernel, stride, padding, output_padding) in [
                (one(n), [1; 3], [0; 3], [0; 3]),
                ([1; 3], one(n), [0; 3], [0; 3]),
                (one(n), one(n), [0; 3], [0; 3]),
                ([1; 3], [1; 3], one(n), [0; 3]),
                ([1; 3], [1; 3], [0; 3], one(n)),
                ([1; 3], [1; 3], one(n), one(n)),
                ([2; 3], [2; 3], one(n), one(n.wrapping_mul(2))),
            ] {
                let up = Layer::TransposedConv { channels: None, kernel, stride, padding, output_padding, bias: false };
                let down = Layer::AveragePool { kernel: [2; 3] };
                assert!(single([down, up]).graph().is_err(), "{kernel:?} {stride:?} {padding:?} {output_padding:?}");
            }
        }
        for (kernel, stride, padding) in [(n, 1, 0), (1, n, 0), (n, n, n / 2), (3, 1, n), (n, 1, n / 2)] {
            assert!(single([Layer::MaxPool { kernel, stride, padding }]).graph().is_err(), "{kernel} {stride}");
        }
        if n > 64 {
            assert!(single([Layer::GroupNorm { groups: n, eps: 1e-5 }]).graph().is_err());
        }
        if n > 1 << 20 {
            assert!(single([Layer::head(n)]).graph().is_err());
            assert!(Architecture { in_channels: n, ..single([Layer::head(1)]) }.graph().is_err());
            let mut of_stage = single([Layer::conv([3; 3])]);
            of_stage.stages[0].channels = Some(n);
            assert!(of_stage.graph().is_err());
        }
    }
    for zero in [
        conv([0, 1, 1], [1; 3], None),
        conv([1; 3], [1, 0, 1], None),
        Layer::head(0),
        Layer::AveragePool { kernel: [0; 3] },
        Layer::MaxPool { kernel: 0, stride: 1, padding: 0 },
        Layer::MaxPool { kernel: 1, stride: 0, padding: 0 },
        Layer::GroupNorm { groups: 0, eps: 1e-5 },
    ] {
        assert!(single([zero.clone()]).graph().is_err(), "{zero:?}");
    }
    assert!(Architecture { in_channels: 0, ..single([Layer::head(1)]) }.graph().is_err());
}

#[test]
fn numbers_out_of_their_range_are_refused() {
    for bad in [-0.1, 1.0, 2.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for layer in [
            Layer::LeakyRelu { slope: bad },
            Layer::Dropout { p: bad, whole_channels: false },
            Layer::InstanceNorm { affine: false, eps: bad },
            Layer::GroupNorm { groups: 1, eps: bad },
            Layer::BatchNorm { eps: bad, momentum: 0.1 },
        ] {
            assert!(single([layer.clone()]).graph().is_err(), "{layer:?}");
        }
    }
    for bad in [0.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(single([Layer::BatchNorm { eps: 1e-5, momentum: bad }]).graph().is_err(), "{bad}");
    }
}

#[test]
fn strides_that_multiply_without_end_are_refused() {
    let pools = |count: usize| vec![Layer::MaxPool { kernel: 2, stride: 2, padding: 0 }; count];
    let ups = |count: usize| vec![Layer::Upsample { align_corners: false }; count];
    assert!(single([pools(20), ups(20)].concat()).graph().is_ok());
    for count in [21, 63, 64, 65, 500] {
        refused(&single([pools(count), ups(count)].concat()), "2^20");
    }
    refused(&single(ups(1)), "does not divide");
    // 3^12 and 2^19 have a common multiple beyond every image.
    let strided = |kernel: usize, count: usize, name: &str| {
        let layer = Layer::AveragePool { kernel: [kernel; 3] };
        Stage::new(name, "image", Block::new(vec![layer; count]))
    };
    let mut network = single([Layer::head(1)]);
    network.stages.insert(0, strided(3, 12, "three"));
    assert!(network.graph().is_ok());
    network.stages.insert(0, strided(2, 19, "two"));
    refused(&network, "2^20");
}

#[test]
fn sums_take_equal_channels_or_one_and_grids_must_be_the_same() {
    let network = |channels: [usize; 2], join: Join, pool: bool| {
        let through = if pool { vec![Layer::AveragePool { kernel: [2; 3] }] } else { Vec::new() };
        let stages = vec![
            Stage::new("a", "image", Block::new([Layer::head(channels[0])])),
            Stage::new("b", "image", Block::new([Layer::head(channels[1])])),
            Stage::of("c", [Branch::new("a"), Branch::through("b", through)], join, Block::default()),
        ];
        Architecture { in_channels: 1, blocks: Default::default(), stages, outputs: vec!["c".into()] }
    };
    for (channels, sum) in [([3, 3], Some(3)), ([3, 1], Some(3)), ([1, 4], Some(4)), ([2, 3], None), ([2, 4], None)] {
        assert_eq!(network(channels, Join::Add, false).graph().ok().map(|graph| graph.out_channels()), sum);
        let concat = network(channels, Join::Concat, false).graph().unwrap();
        assert_eq!(concat.out_channels(), channels[0] + channels[1]);
    }
    refused(&network([2, 2], Join::Add, true), "other grids");
    refused(&network([2, 2], Join::Concat, true), "other grids");
    refused(&network([1 << 20, 1], Join::Concat, false), "channels");
}

/// A limit that a quadratic way would exceed by far.
fn soon<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = run();
    assert!(started.elapsed() < Duration::from_secs(60), "{what} took {:?}", started.elapsed());
    result
}

#[test]
fn a_million_stages_are_refused_or_read_soon() {
    let empty = |count: usize| {
        let stage = |n: usize| {
            let from = if n == 0 { "image".into() } else { format!("s{}", n - 1) };
            Stage::new(format!("s{n}"), from, Block::default())
        };
        let mut stages: Vec<Stage> = (0..count).map(stage).collect();
        stages.push(Stage::new("out", format!("s{}", count - 1), Block::new([Layer::head(1)])));
        Architecture { in_channels: 1, blocks: Default::default(), stages, outputs: vec!["out".into()] }
    };
    // Stages without layers make no operations.
    let graph = soon("stages without layers", || empty(1_000_000).graph());
    assert_eq!(graph.unwrap().nodes().len(), 2);
    let full = single(vec![Layer::Relu; 1_000_000]);
    soon("layers", || refused(&full, "100000 operations"));
    // One block, named by every stage.
    let mut named = empty(100_001);
    named.blocks.insert("relu".into(), Block::new([Layer::Relu]));
    named.stages.iter_mut().for_each(|stage| stage.block = StageBlock::Named("relu".into()));
    soon("named blocks", || refused(&named, "100000 operations"));
    let mut wide = single([Layer::head(1)]);
    wide.stages[0].inputs = vec![Branch::new("image"); 1_000_000];
    soon("inputs", || refused(&wide, "channels"));
    wide.stages[0].join = Join::Add;
    soon("summands", || wide.graph()).unwrap();
    wide.outputs = vec!["only".into(); 1_000_000];
    soon("outputs", || refused(&wide, "twice"));
    let many = Architecture {
        in_channels: 1,
        blocks: Default::default(),
        stages: (0..99_999).map(|n| Stage::new(format!("s{n}"), "image", Block::new([Layer::Relu]))).collect(),
        outputs: (0..99_999).map(|n| format!("s{n}")).collect(),
    };
    let graph = soon("outputs of a hundred thousand stages", || many.graph()).unwrap();
    let graph = soon("one output", || graph.for_prediction());
    assert_eq!(graph.nodes().len(), 2);
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let graph = single([Layer::AveragePool { kernel: [2, 4, 1] }, Layer::Upsample { align_corners: true }]).graph();
    assert!(graph.is_err(), "one voxel stands for [2, 4, 1], which 2 does not divide");
    let up = Layer::TransposedConv {
        channels: None,
        kernel: [2, 4, 1],
        stride: [2, 4, 1],
        padding: [0; 3],
        output_padding: [0; 3],
        bias: false,
    };
    let graph = single([Layer::AveragePool { kernel: [2, 4, 1] }, up]).graph().unwrap();
    assert_eq!(graph.size_multiple(), [2, 4, 1]);
    assert!(graph.shapes([2, 4, 1]).is_ok() && graph.cost([6, 8, 3]).is_ok());
    for image in [[0, 4, 1], [2, 2, 1], [3, 4, 1], [2, 4, 0], [1 << 21, 4, 1], [usize::MAX; 3], [usize::MAX - 1, 4, 1]]
    {
        assert!(graph.shapes(image).is_err() && graph.cost(image).is_err(), "{image:?}");
    }
}
