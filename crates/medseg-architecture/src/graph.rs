//! The operations of an architecture, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::shapes::{Flow, after};
use crate::{Architecture, ArchitectureError, Block, Join, Layer, Parameter, Stage, StageBlock, Step, parameters};

/// Most operations of a network.
const MOST_NODES: usize = 100_000;
/// Most channels of a tensor.
const MOST_CHANNELS: usize = 1 << 20;

/// An architecture, checked and resolved: operations in an order in which each one's inputs come before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    pub(crate) in_channels: usize,
    pub(crate) nodes: Vec<Node>,
    pub(crate) outputs: Vec<usize>,
    pub(crate) multiple: [usize; 3],
}

/// An operation and where its inputs come from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Node {
    /// Unique name; parameters are called `name.weight`, `name.bias`, and so on.
    pub name: String,
    /// The operation.
    pub operation: Operation,
    /// Numbers of the nodes that it reads; node 0 is the image.
    pub inputs: Vec<usize>,
    /// Channels of its output.
    pub channels: usize,
    /// Voxels of the image, along `[depth, height, width]`, for one of its output.
    pub divisor: [usize; 3],
}

/// The kind of a node.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// The image; node 0 alone.
    Image,
    /// A layer. The channels and the padding of a convolution are always given.
    Layer(Layer),
    /// Channels of all inputs, one after the other.
    Concat,
    /// Sum of the inputs; one channel is added to every channel.
    Add,
}

impl Graph {
    pub(crate) fn new(architecture: &Architecture) -> Result<Self, ArchitectureError> {
        let channels = architecture.in_channels;
        if !(1..=MOST_CHANNELS).contains(&channels) {
            return Err(ArchitectureError::Network(format!("an image of {channels} channels")));
        }
        let image =
            Node { name: "image".into(), operation: Operation::Image, inputs: Vec::new(), channels, divisor: [1; 3] };
        let mut builder =
            Builder { nodes: vec![image], names: BTreeSet::from(["image".into()]), stages: BTreeMap::new() };
        builder.stages.insert("image".into(), 0);
        for stage in &architecture.stages {
            builder.stage(stage, &architecture.blocks)?;
        }
        let outputs = builder.outputs(&architecture.outputs)?;
        let multiple = multiple_of(&builder.nodes)?;
        Ok(Self { in_channels: channels, nodes: builder.nodes, outputs, multiple })
    }

    /// Channels of the image.
    #[must_use]
    pub fn in_channels(&self) -> usize {
        self.in_channels
    }

    /// Channels of the logits.
    #[must_use]
    pub fn out_channels(&self) -> usize {
        self.nodes[self.outputs[0]].channels
    }

    /// All operations; the first is the image.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Numbers of the nodes that are logits: the first on the image's grid, others for deep supervision.
    #[must_use]
    pub fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    /// Sizes of images along `[depth, height, width]` must be multiples of these.
    #[must_use]
    pub fn size_multiple(&self) -> [usize; 3] {
        self.multiple
    }

    /// Names and shapes of all weights and running statistics, in the order of the operations.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        parameters::of_graph(self)
    }

    /// The same network with one output, without the operations that only others need.
    #[must_use]
    pub fn for_prediction(&self) -> Self {
        let mut wanted = vec![false; self.nodes.len()];
        wanted[0] = true;
        wanted[self.outputs[0]] = true;
        for number in (0..self.nodes.len()).rev().filter(|number| *number <= self.outputs[0]) {
            if wanted[number] {
                self.nodes[number].inputs.iter().for_each(|input| wanted[*input] = true);
            }
        }
        let mut renumbered = vec![0; self.nodes.len()];
        let mut nodes = Vec::new();
        for (number, node) in self.nodes.iter().enumerate().filter(|(number, _)| wanted[*number]) {
            renumbered[number] = nodes.len();
            let inputs = node.inputs.iter().map(|input| renumbered[*input]).collect();
            nodes.push(Node { inputs, ..node.clone() });
        }
        Self { outputs: vec![renumbered[self.outputs[0]]], nodes, ..self.clone() }
    }
}

/// Adds stage after stage.
struct Builder {
    nodes: Vec<Node>,
    /// Names of the nodes.
    names: BTreeSet<String>,
    /// Node that holds each stage's output.
    stages: BTreeMap<String, usize>,
}

impl Builder {
    fn stage(&mut self, stage: &Stage, blocks: &BTreeMap<String, Block>) -> Result<(), ArchitectureError> {
        let fail = |reason: String| ArchitectureError::stage(&stage.name, reason);
        if stage.name.is_empty() || self.stages.contains_key(&stage.name) {
            return Err(fail("every stage needs a name of its own, other than image".into()));
        }
        let block = match &stage.block {
            StageBlock::Own(block) => block,
            StageBlock::Named(name) => blocks.get(name).ok_or_else(|| fail(format!("there is no block {name}")))?,
        };
        let mut inputs = Vec::new();
        for (number, branch) in stage.inputs.iter().enumerate() {
            let from = self.stages.get(&branch.from);
            let from = *from.ok_or_else(|| fail(format!("there is no stage {} before it", branch.from)))?;
            inputs.push(self.row(stage, &format!("inputs.{number}."), from, &branch.through)?);
        }
        let input = match inputs[..] {
            [] => return Err(fail("it reads nothing".into())),
            [input] => input,
            _ => self.join(&format!("{}.join", stage.name), stage.join, inputs)?,
        };
        let mut output = self.row(stage, "", input, &block.steps)?;
        if let Some(shortcut) = &block.shortcut {
            let second = self.row(stage, "shortcut.", input, shortcut)?;
            output = self.join(&format!("{}.sum", stage.name), Join::Add, vec![output, second])?;
        }
        output = self.row(stage, "then.", output, &block.then)?;
        self.stages.insert(stage.name.clone(), output);
        Ok(())
    }

    /// Layers one after the other.
    fn row(&mut self, stage: &Stage, row: &str, from: usize, steps: &[Step]) -> Result<usize, ArchitectureError> {
        let mut at = from;
        for (number, step) in steps.iter().enumerate() {
            let name = match (&step.name, stage.prefix.as_ref().unwrap_or(&stage.name)) {
                (Some(name), prefix) if name.is_empty() => prefix.clone(),
                (Some(name), prefix) if prefix.is_empty() => name.clone(),
                (Some(name), prefix) => format!("{prefix}.{name}"),
                (None, _) => format!("{}.{row}{number}", stage.name),
            };
            let layer = resolved(&step.layer, &name, stage.channels)?;
            let input = &self.nodes[at];
            let Flow { channels, divisor } =
                after(&layer, &name, Flow { channels: input.channels, divisor: input.divisor })?;
            at = self.push(Node { name, operation: Operation::Layer(layer), inputs: vec![at], channels, divisor })?;
        }
        Ok(at)
    }

    fn join(&mut self, name: &str, join: Join, inputs: Vec<usize>) -> Result<usize, ArchitectureError> {
        let fail = |reason: String| ArchitectureError::layer(name, reason);
        let of = |input: &usize| &self.nodes[*input];
        let divisor = of(&inputs[0]).divisor;
        if let Some(other) = inputs.iter().map(of).find(|node| node.divisor != divisor) {
            let (first, other) = (of(&inputs[0]), other);
            return Err(fail(format!(
                "{} and {} have other grids: one voxel stands for {:?} and {:?} of the image's",
                first.name, other.name, first.divisor, other.divisor
            )));
        }
        let channels: Vec<usize> = inputs.iter().map(|input| of(input).channels).collect();
        let most = channels.iter().copied().max().unwrap_or_default();
        let (operation, channels) = match join {
            Join::Concat => (Operation::Concat, channels.iter().sum()),
            Join::Add if channels.iter().all(|of| *of == most || *of == 1) => (Operation::Add, most),
            Join::Add => return Err(fail(format!("{channels:?} channels cannot be added"))),
        };
        self.push(Node { name: name.to_owned(), operation, inputs, channels, divisor })
    }

    fn push(&mut self, node: Node) -> Result<usize, ArchitectureError> {
        let fail = |reason: String| ArchitectureError::layer(&node.name, reason);
        if self.nodes.len() >= MOST_NODES {
            return Err(ArchitectureError::Network(format!("more than {MOST_NODES} operations")));
        }
        if !(1..=MOST_CHANNELS).contains(&node.channels) {
            return Err(fail(format!("{} channels", node.channels)));
        }
        if node.name.is_empty() {
            return Err(fail("every layer needs a name".into()));
        }
        if !self.names.insert(node.name.clone()) {
            return Err(fail("another one has this name".into()));
        }
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    fn outputs(&self, names: &[String]) -> Result<Vec<usize>, ArchitectureError> {
        let fail = |reason: String| Err(ArchitectureError::Network(reason));
        let mut outputs = Vec::new();
        for name in names {
            match self.stages.get(name).copied() {
                None | Some(0) => return fail(format!("the output {name} is no stage")),
                Some(node) if outputs.contains(&node) => return fail(format!("the output {name} is named twice")),
                Some(node) => outputs.push(node),
            }
        }
        let Some(first) = outputs.first().map(|node| &self.nodes[*node]) else { return fail("no output".into()) };
        if first.divisor != [1; 3] {
            return fail(format!("the first output, {}, is not on the image's grid", names[0]));
        }
        match outputs.iter().find(|node| self.nodes[**node].channels != first.channels) {
            Some(node) => fail(format!("the output {} has other channels than the first", self.nodes[*node].name)),
            None => Ok(outputs),
        }
    }
}

/// The layer with the channels and the padding that it takes from its stage and its kernel.
fn resolved(layer: &Layer, name: &str, of_stage: Option<usize>) -> Result<Layer, ArchitectureError> {
    let missing = || ArchitectureError::layer(name, "neither the convolution nor its stage says how many channels");
    let mut layer = layer.clone();
    if let Layer::Conv { channels, .. } | Layer::TransposedConv { channels, .. } = &mut layer {
        *channels = Some(channels.or(of_stage).ok_or_else(missing)?);
    }
    if let Layer::Conv { kernel, padding, .. } = &mut layer {
        *padding = Some(padding.unwrap_or(kernel.map(|k| k.saturating_sub(1) / 2)));
    }
    Ok(layer)
}

/// The least common multiple of all divisors; 1 along an axis on which every layer rounds sizes.
fn multiple_of(nodes: &[Node]) -> Result<[usize; 3], ArchitectureError> {
    let rounds = |axis: usize| {
        nodes.iter().all(|node| !matches!(&node.operation, Operation::Layer(layer) if !layer.rounds(axis)))
    };
    let rounds = [0, 1, 2].map(rounds);
    let mut multiple = [1_usize; 3];
    for node in nodes {
        for ((all, divisor), rounds) in multiple.iter_mut().zip(node.divisor).zip(rounds) {
            if rounds {
                continue;
            }
            let common = divisor / greatest_common_divisor(*all, divisor);
            let product = all.checked_mul(common).filter(|product| *product <= 1 << 20);
            *all = product.ok_or_else(|| ArchitectureError::Network("strides of more than 2^20 voxels".into()))?;
        }
    }
    Ok(multiple)
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
