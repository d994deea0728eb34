//! Networks of MONAI as architectures.

mod basic_unet;
mod dynunet;
mod layers;
mod repeats;
mod segresnet;
mod triple;
mod unet;
mod vnet;

use medseg_architecture::Architecture;

use crate::BundleProblem;
use crate::config::{Component, Config, Node};
use layers::Adn;
use triple::Triples;

pub(crate) use triple::reversed;

/// Most channels of a layer.
const MOST_CHANNELS: usize = 1 << 16;
/// Most levels of a network.
const MOST_LEVELS: usize = 16;
/// Most blocks or units of a level.
const MOST_BLOCKS: usize = 64;
/// Names of the classes that are read.
const SUPPORTED: &str = "UNet, SegResNet, DynUNet, BasicUNet and VNet";

/// A network of MONAI.
#[derive(Clone, Debug, PartialEq)]
pub struct MonaiNetwork {
    /// Its class, such as `UNet`.
    pub class: String,
    /// The network, whose parameters have the names of MONAI's state dict.
    ///
    /// Axes are `[depth, height, width]`, those of MONAI reversed: a kernel of the state dict, `[out, in, x, y, z]`, becomes
    /// `[out, in, z, y, x]`.
    pub architecture: Architecture,
    /// Beginnings of further names in the state dict.
    repeats: Vec<&'static str>,
}

impl MonaiNetwork {
    /// Reads a component such as `{"_target_": "UNet", "spatial_dims": 3, …}`.
    ///
    /// ```
    /// use medseg_monai::MonaiNetwork;
    ///
    /// let text = r#"{"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8],
    ///                "strides": [2], "num_res_units": 1, "norm": "batch"}"#;
    /// let network = MonaiNetwork::from_json(text)?;
    /// assert_eq!(network.architecture.graph()?.parameters()[0].name, "model.0.conv.unit0.conv.weight");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Another class, an argument that is not supported, or numbers that do not fit together.
    pub fn from_json(text: &str) -> Result<Self, BundleProblem> {
        let config = Config::new("network.json", &format!("{{\"network_def\": {text}\n}}"), None)?;
        let node = config.raw("network_def").ok_or_else(|| BundleProblem::missing("network_def"))?;
        Self::read(&config, &node)
    }

    pub(crate) fn read(config: &Config, node: &Node<'_>) -> Result<Self, BundleProblem> {
        let mut component = Component::new(config, node)?;
        let (architecture, repeats) = match component.class.to_ascii_lowercase().as_str() {
            "unet" => (unet::architecture(&mut component)?, vec![]),
            "segresnet" => segresnet::architecture(&mut component)?,
            "dynunet" => (dynunet::architecture(&mut component)?, vec!["skip_layers.", "deep_supervision_heads."]),
            "vnet" => (vnet::architecture(&mut component)?, vec![]),
            "basicunet" => (basic_unet::architecture(&mut component)?, vec![]),
            _ => return Err(component.unknown(SUPPORTED)),
        };
        let (class, id) = (component.class.clone(), component.id.clone());
        component.finish()?;
        architecture.graph().map_err(|source| BundleProblem::Network { id, source })?;
        Ok(Self { class, architecture, repeats })
    }
}

/// Channels of image and logits; a network of other than three axes is refused.
fn channels(
    component: &mut Component<'_>,
    spatial_dims: Option<usize>,
    defaults: Option<[usize; 2]>,
) -> Result<[usize; 2], BundleProblem> {
    match component.whole("spatial_dims", spatial_dims, 1, 3)? {
        3 => {}
        axes => return Err(BundleProblem::unsupported(component.argument("spatial_dims"), axes.to_string(), "3")),
    }
    let [image, logits] = [defaults.map(|both| both[0]), defaults.map(|both| both[1])];
    Ok([
        component.whole("in_channels", image, 1, MOST_CHANNELS)?,
        component.whole("out_channels", logits, 1, MOST_CHANNELS)?,
    ])
}
