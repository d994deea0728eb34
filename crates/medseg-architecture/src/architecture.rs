//! A network as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ArchitectureError, Block, Graph, Stage};

/// A network as data: stages in the order in which they run.
///
/// A stage joins outputs of earlier stages, each through layers of its own, and runs a block. The image is called `image`.
///
/// ```
/// use medseg_architecture::Architecture;
///
/// let text = r#"{
///   "in_channels": 1,
///   "blocks": {"double": {"steps": [
///     {"layer": "conv", "kernel": [3, 3, 3]}, {"layer": "instance_norm"}, {"layer": "relu"},
///     {"layer": "conv", "kernel": [3, 3, 3]}, {"layer": "instance_norm"}, {"layer": "relu"}
///   ]}},
///   "stages": [
///     {"name": "top", "inputs": [{"from": "image"}], "channels": 8, "block": "double"},
///     {"name": "bottom", "inputs": [{"from": "top", "through": [{"layer": "max_pool", "kernel": 2, "stride": 2}]}],
///      "channels": 16, "block": "double"},
///     {"name": "up", "inputs": [{"from": "top"}, {"from": "bottom", "through": [{"layer": "upsample", "align_corners": true}]}],
///      "channels": 8, "block": "double"},
///     {"name": "logits", "inputs": [{"from": "up"}], "block": {"steps": [
///       {"layer": "conv", "kernel": [1, 1, 1], "channels": 2, "bias": true}]}}
///   ],
///   "outputs": ["logits"]
/// }"#;
/// let network: Architecture = serde_json::from_str(text)?;
/// let graph = network.graph()?;
/// assert_eq!((graph.out_channels(), graph.size_multiple()), (2, [2, 2, 2]));
/// assert_eq!(graph.parameters()[0].name, "top.0.weight");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Channels of the image.
    pub in_channels: usize,
    /// Blocks that stages name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blocks: BTreeMap<String, Block>,
    /// The stages.
    pub stages: Vec<Stage>,
    /// Stages whose outputs are logits: the first on the image's grid, others on coarser ones for deep supervision.
    pub outputs: Vec<String>,
}

impl Architecture {
    /// The network as a checked list of operations.
    ///
    /// # Errors
    /// A name that is unknown or given twice, inputs that do not fit together, a number without meaning, or an
    /// architecture of more than 100,000 operations.
    pub fn graph(&self) -> Result<Graph, ArchitectureError> {
        Graph::new(self)
    }
}
