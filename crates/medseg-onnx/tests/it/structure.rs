//! Invariants of the models of random architectures.

use std::collections::{BTreeMap, BTreeSet};

use medseg_onnx::OnnxOptions;
use proptest::prelude::*;

use crate::proto::GraphProto;
use crate::{decoded, random};

/// Every tensor has a name of its own and is there before it is read; every tensor but the logits is read.
fn check_order(graph: &GraphProto) {
    let initializers = graph.initializer.iter().map(|tensor| &tensor.name);
    let mut known = BTreeSet::from(["image".to_owned()]);
    for name in initializers {
        assert!(known.insert(name.clone()), "{name} is there twice");
    }
    let mut read = BTreeSet::from(["logits".to_owned()]);
    let mut nodes = BTreeSet::new();
    for node in &graph.node {
        assert!(nodes.insert(&node.name), "two nodes are called {}", node.name);
        for input in node.input.iter().filter(|input| !input.is_empty()) {
            assert!(known.contains(input), "{} reads {input} before it is there", node.name);
            read.insert(input.clone());
        }
        let [output] = &node.output[..] else { panic!("{} has {:?}", node.name, node.output) };
        assert!(!output.is_empty() && known.insert(output.clone()), "{output} is there twice");
    }
    let unread: Vec<&String> = known.difference(&read).collect();
    assert!(unread.is_empty(), "nobody reads {unread:?}");
    assert!(graph.node.iter().any(|node| node.output == ["logits"]));
}

fn check_sizes(graph: &GraphProto) {
    for tensor in &graph.initializer {
        let values = tensor.dims.iter().product::<i64>();
        let bytes = if tensor.data_type == 1 { 4 } else { 8 };
        assert_eq!(tensor.raw_data.len() as i64, values * bytes, "{}", tensor.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn tensors_exist_before_they_are_read_and_are_all_read(seed in any::<u64>()) {
        let graph = random::architecture(seed).graph().unwrap();
        let model = decoded::graph(&graph);
        check_order(&model);
        check_sizes(&model);
    }

    #[test]
    fn initializers_hold_the_parameters(seed in any::<u64>()) {
        let graph = random::architecture(seed).graph().unwrap();
        let model = decoded::graph(&graph);
        let tensors: BTreeMap<_, _> = model.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        for parameter in graph.parameters() {
            let tensor = tensors[parameter.name.as_str()];
            let dims: Vec<usize> = tensor.dims.iter().map(|n| *n as usize).collect();
            // Per-channel factors may have axes of 1 behind them.
            prop_assert!(dims.starts_with(&parameter.shape));
            prop_assert!(dims[parameter.shape.len()..].iter().all(|n| *n == 1));
            let bytes: Vec<u8> = random::values(&parameter, 1).iter().flat_map(|value| value.to_le_bytes()).collect();
            prop_assert_eq!(&tensor.raw_data, &bytes);
        }
    }

    #[test]
    fn the_same_network_gives_the_same_bytes(seed in any::<u64>()) {
        let graph = random::architecture(seed).graph().unwrap();
        let options = OnnxOptions::default().with_metadata("a", "b");
        prop_assert_eq!(decoded::bytes(&graph, &options), decoded::bytes(&graph, &options));
    }
}
