//! Stages: inputs, their join, and a block.

use serde::{Deserialize, Serialize};

use crate::{Block, Step};

/// A stage of a network: it joins outputs of earlier stages and runs a block on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name, by which later stages read it.
    pub name: String,
    /// Sources of its input, in the order in which a concatenation takes them.
    pub inputs: Vec<Branch>,
    /// Way in which several inputs become one.
    #[serde(default, skip_serializing_if = "is_concat")]
    pub join: Join,
    /// Name before those of its named steps, in place of its own; an empty one leaves the steps' names as they are.
    ///
    /// Layers of one module of PyTorch can so lie in several stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Channels of every convolution that does not say its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// The block, or the name of one of [`Architecture::blocks`](crate::Architecture::blocks).
    #[serde(default)]
    pub block: StageBlock,
}

/// An input of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The stage that is read, or `image`.
    pub from: String,
    /// Layers on the way, such as a pooling or an upsampling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<Step>,
}

/// Way in which several inputs of a stage become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// Their channels, one input after the other.
    #[default]
    Concat,
    /// Their sum. An input of one channel is added to every channel.
    Add,
}

/// A block of a stage, by name or in place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StageBlock {
    /// One of the architecture's blocks.
    Named(String),
    /// A block of this stage alone.
    Own(Block),
}

impl Default for StageBlock {
    /// No layer.
    fn default() -> Self {
        Self::Own(Block::default())
    }
}

impl Stage {
    /// A stage that reads one earlier stage, or `image`.
    #[must_use]
    pub fn new(name: impl Into<String>, from: impl Into<String>, block: Block) -> Self {
        Self::of(name, [Branch::new(from)], Join::Concat, block)
    }

    /// A stage of several inputs.
    #[must_use]
    pub fn of(name: impl Into<String>, inputs: impl Into<Vec<Branch>>, join: Join, block: Block) -> Self {
        Self {
            name: name.into(),
            inputs: inputs.into(),
            join,
            prefix: None,
            channels: None,
            block: StageBlock::Own(block),
        }
    }

    /// The same stage with another name before those of its named steps.
    ///
    /// ```
    /// use medseg_architecture::{Architecture, Block, Layer, Stage, Step};
    ///
    /// let block = Block::new([Step::named("final", Layer::head(2))]);
    /// let stages = vec![Stage::new("logits", "image", block).with_prefix("")];
    /// let outputs = vec!["logits".to_owned()];
    /// let network = Architecture { in_channels: 1, blocks: Default::default(), stages, outputs };
    /// assert_eq!(network.graph()?.parameters()[0].name, "final.weight");
    /// # Ok::<(), medseg_architecture::ArchitectureError>(())
    /// ```
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: Some(prefix.into()), ..self }
    }

    /// The same stage with channels for its convolutions.
    #[must_use]
    pub fn with_channels(self, channels: usize) -> Self {
        Self { channels: Some(channels), ..self }
    }
}

impl Branch {
    /// The output of a stage as it is.
    #[must_use]
    pub fn new(from: impl Into<String>) -> Self {
        Self { from: from.into(), through: Vec::new() }
    }

    /// The output of a stage after these layers.
    #[must_use]
    pub fn through(from: impl Into<String>, steps: impl IntoIterator<Item = impl Into<Step>>) -> Self {
        Self { from: from.into(), through: steps.into_iter().map(Into::into).collect() }
    }
}

fn is_concat(join: &Join) -> bool {
    *join == Join::Concat
}

#[cfg(test)]
mod tests {
    use crate::{Architecture, Block, Branch, Join, Layer, Stage, Step};

    fn named(step: &str) -> Block {
        Block::new([Step::named(step, Layer::head(1)), Layer::Relu.into()])
    }

    fn names(stages: Vec<Stage>) -> Result<Vec<String>, String> {
        let outputs = vec![stages[stages.len() - 1].name.clone()];
        let network = Architecture { in_channels: 1, blocks: Default::default(), stages, outputs };
        let graph = network.graph().map_err(|error| error.to_string())?;
        Ok(graph.nodes().iter().skip(1).map(|node| node.name.clone()).collect())
    }

    #[test]
    fn a_prefix_stands_before_the_names_of_steps_and_not_before_their_numbers() {
        let one = Stage::new("one", "image", named("a")).with_prefix("module");
        let branches = [Branch::new("one"), Branch::through("image", [Step::named("up", Layer::head(1))])];
        let two = Stage::of("two", branches, Join::Add, named("b")).with_prefix("");
        assert_eq!(names(vec![one, two]).unwrap(), ["module.a", "one.1", "up", "two.join", "b", "two.1"]);
    }

    #[test]
    fn equal_and_empty_names_are_refused() {
        let stage = |name: &str, from: &str, step: &str| Stage::new(name, from, named(step)).with_prefix("");
        let twice = names(vec![stage("one", "image", "a"), stage("two", "one", "a")]).unwrap_err();
        assert!(twice.contains("another one has this name"), "{twice}");
        let empty = names(vec![stage("one", "image", "")]).unwrap_err();
        assert!(empty.contains("needs a name"), "{empty}");
    }
}
