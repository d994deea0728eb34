//! Single layers: operators and attributes.

use medseg_architecture::networks::{UNetPlusPlusConfig, VNetConfig};
use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage};

use crate::decoded::{attribute, graph, of_layers};

fn operators(in_channels: usize, layers: impl IntoIterator<Item = Layer>) -> Vec<String> {
    graph(&of_layers(in_channels, layers)).node.into_iter().map(|node| node.op_type).collect()
}

#[test]
fn a_convolution_has_kernel_strides_and_pads() {
    let conv = Layer::Conv { channels: Some(4), kernel: [1, 3, 5], stride: [1, 1, 1], padding: None, bias: true };
    let node = &graph(&of_layers(2, [conv])).node[0];
    assert_eq!(node.op_type, "Conv");
    assert_eq!(node.input, ["image", "s.0.weight", "s.0.bias"]);
    assert_eq!(attribute(node, "kernel_shape"), "[1, 3, 5]");
    assert_eq!(attribute(node, "strides"), "[1, 1, 1]");
    assert_eq!(attribute(node, "pads"), "[0, 1, 2, 0, 1, 2]");
}

#[test]
fn a_transposed_convolution_has_an_output_padding_where_it_needs_one() {
    let up = |kernel, output_padding| Layer::TransposedConv {
        channels: Some(2),
        kernel,
        stride: [2; 3],
        padding: [1; 3],
        output_padding,
        bias: false,
    };
    let down = || Layer::AveragePool { kernel: [2; 3] };
    let with = &graph(&of_layers(2, [down(), up([3; 3], [1; 3])])).node[1];
    assert_eq!((with.op_type.as_str(), attribute(with, "output_padding")), ("ConvTranspose", "[1, 1, 1]".into()));
    let without = &graph(&of_layers(2, [down(), up([4; 3], [0; 3])])).node[1];
    assert!(without.attribute.iter().all(|attribute| attribute.name != "output_padding"));
}

#[test]
fn an_output_padding_of_the_stride_is_a_shorter_cut_at_the_end() {
    let conv = Layer::TransposedConv {
        channels: Some(2),
        kernel: [2, 1, 4],
        stride: [1; 3],
        padding: [1, 0, 2],
        output_padding: [1, 0, 1],
        bias: false,
    };
    let node = &graph(&of_layers(2, [conv])).node[0];
    assert_eq!(attribute(node, "pads"), "[1, 0, 2, 0, 0, 1]");
    assert!(node.attribute.iter().all(|attribute| attribute.name != "output_padding"));
}

#[test]
fn norms_without_parameters_share_their_constants() {
    let norm = Layer::InstanceNorm { affine: false, eps: 0.25 };
    let model = graph(&of_layers(3, [norm.clone(), Layer::Relu, norm]));
    assert_eq!(
        model.initializer.iter().map(|tensor| tensor.name.as_str()).collect::<Vec<_>>(),
        ["constant.1", "constant.0"]
    );
    assert_eq!(attribute(&model.node[0], "epsilon"), "0.25");
    assert_eq!(model.initializer[0].raw_data, [1.0_f32; 3].map(f32::to_le_bytes).concat());
}

#[test]
fn operators_of_activations_norms_and_grids() {
    let each = [
        (Layer::Relu, vec!["Relu"]),
        (Layer::LeakyRelu { slope: 0.1 }, vec!["LeakyRelu"]),
        (Layer::Prelu { per_channel: true }, vec!["PRelu"]),
        (Layer::Elu, vec!["Elu"]),
        (Layer::Gelu, vec!["Div", "Erf", "Add", "Mul", "Mul"]),
        (Layer::Silu, vec!["Sigmoid", "Mul"]),
        (Layer::batch_norm(), vec!["BatchNormalization"]),
        (Layer::InstanceNorm { affine: true, eps: 1e-5 }, vec!["InstanceNormalization"]),
        (
            Layer::GroupNorm { groups: 2, eps: 1e-5 },
            vec!["Reshape", "InstanceNormalization", "Shape", "Reshape", "Mul", "Add"],
        ),
        (Layer::MaxPool { kernel: 3, stride: 1, padding: 1 }, vec!["MaxPool"]),
    ];
    for (layer, expected) in each {
        assert_eq!(operators(4, [layer.clone()]), expected, "{layer:?}");
    }
    let pools = [Layer::AveragePool { kernel: [2; 3] }, Layer::Upsample { align_corners: false }];
    let model = graph(&of_layers(1, pools));
    assert_eq!(model.node[1].op_type, "Resize");
    assert_eq!(attribute(&model.node[1], "mode"), "linear");
    assert_eq!(attribute(&model.node[1], "coordinate_transformation_mode"), "half_pixel");
    assert_eq!(model.node[1].input, ["s.0", "", "factors"]);
}

#[test]
fn dropout_is_left_out_and_a_network_of_nothing_else_is_the_identity() {
    let dropout = || Layer::Dropout { p: 0.5, whole_channels: true };
    assert_eq!(operators(1, [dropout(), Layer::Relu, dropout()]), ["Relu"]);
    assert_eq!(operators(1, [dropout(), dropout()]), ["Identity"]);
}

#[test]
fn a_sum_of_three_is_two_additions() {
    let inputs: Vec<Branch> = (0..3).map(|_| Branch::through("image", [Layer::Relu])).collect();
    let stages = vec![Stage::of("s", inputs, Join::Add, Block::default())];
    let outputs = vec!["s".to_owned()];
    let network = Architecture { in_channels: 2, blocks: Default::default(), stages, outputs };
    let nodes = graph(&network.graph().unwrap()).node;
    let additions: Vec<_> = nodes[3..].iter().map(|node| (node.op_type.as_str(), node.input.len())).collect();
    assert_eq!(additions, [("Add", 2), ("Add", 2)]);
    assert_eq!(nodes[4].output, ["logits"]);
}

#[test]
fn well_known_networks_have_one_node_an_operation() {
    let networks = [UNetPlusPlusConfig::default().architecture(), VNetConfig::default().architecture()];
    for network in networks {
        let graph = network.unwrap().graph().unwrap();
        let small = graph.for_prediction();
        assert_eq!(crate::decoded::graph(&graph).node.len(), small.nodes().len() - 1);
    }
}

#[test]
fn heads_of_deep_supervision_are_left_out() {
    let config =
        UNetPlusPlusConfig { channels: vec![2, 4, 6], deep_supervision: true, ..UNetPlusPlusConfig::default() };
    let graph = config.architecture().unwrap().graph().unwrap();
    let model = crate::decoded::graph(&graph);
    let heads = model.initializer.iter().filter(|tensor| tensor.name.starts_with("head"));
    assert_eq!(heads.map(|tensor| tensor.name.as_str()).collect::<Vec<_>>(), ["head2.0.weight", "head2.0.bias"]);
}
