//! Names of the weights in PyTorch's state dicts.

use std::collections::BTreeMap;

use crate::layout::Layout;
use crate::{BlockKind, UNetConfig};

/// Names of a network's tensors in a state dict of PyTorch, and the order of its kernels' axes.
///
/// [`load_state_dict_with`](crate::load_state_dict_with) finds them and [`save_state_dict`](crate::save_state_dict)
/// writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDictKeys {
    /// By this crate's names.
    pub(super) keys: BTreeMap<String, String>,
    /// Kernels are `[out, in, width, height, depth]`.
    pub(super) reversed_axes: bool,
}

impl StateDictKeys {
    /// This crate's names (`conv0_0.conv1.weight`, ...): those of [`UNet::named_parameters`](crate::UNet::named_parameters).
    #[must_use]
    pub fn own(config: &UNetConfig) -> Self {
        let names = Layout::new(config).tensors().into_iter().map(|(name, _)| (name.clone(), name));
        Self { keys: names.collect(), reversed_axes: false }
    }

    /// The names that the reference experiments' modules give: `conv0_0.residual_unit.0.conv.weight`,
    /// `conv0_0.shortcut_unit.conv.weight`, with four layers `conv0_0.residual_unit_1.0.conv.weight` and so on, without a
    /// shortcut `conv0_0.unet_unit.0.conv.weight`; the norms' are called `norm` instead of `conv`.
    #[must_use]
    pub fn reference(config: &UNetConfig) -> Self {
        let layout = Layout::new(config);
        let mut keys = Self::own(config).keys;
        for stage in layout.encoder.iter().chain(&layout.decoder) {
            for conv in &stage.convs {
                let part = conv.name.strip_prefix(&stage.name).unwrap_or_default();
                let module = format!("{}.{}", stage.name, reference_module(stage.kind, part));
                let renamed = |name: String, layer: &str, part: &str| (name, format!("{module}.{layer}.{part}"));
                keys.extend([renamed(conv.weight_name(), "conv", "weight")]);
                keys.extend(conv.bias.then(|| renamed(conv.bias_name(), "conv", "bias")));
                if let Some(norm) = &conv.norm {
                    keys.extend(norm.parts().into_iter().map(|part| renamed(norm.name_of(part), "norm", part)));
                }
            }
        }
        Self { keys, reversed_axes: false }
    }

    /// The same names for kernels of `[out, in, width, height, depth]`, of a network that was trained on arrays indexed
    /// (x, y, z), or not.
    #[must_use]
    pub fn with_reversed_axes(self, reversed_axes: bool) -> Self {
        Self { reversed_axes, ..self }
    }

    /// The key of a tensor of this crate's name; one that has no key is called the same.
    #[must_use]
    pub fn key_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.keys.get(name).map_or(name, String::as_str)
    }
}

/// The reference's module of one convolution with its norm.
fn reference_module(kind: BlockKind, conv: &str) -> &'static str {
    match (kind, conv) {
        (BlockKind::TwoLayer, ".conv1") => "unet_unit.0",
        (BlockKind::TwoLayer, _) => "unet_unit.1",
        (BlockKind::ResTwoLayer, ".conv1") => "residual_unit.0",
        (BlockKind::ResTwoLayer, ".conv2") => "residual_unit.1",
        (BlockKind::ResTwoLayer, _) => "shortcut_unit",
        (BlockKind::ResFourLayer, ".conv1") => "residual_unit_1.0",
        (BlockKind::ResFourLayer, ".conv2") => "residual_unit_1.1",
        (BlockKind::ResFourLayer, ".conv3") => "residual_unit_2.0",
        (BlockKind::ResFourLayer, ".conv4") => "residual_unit_2.1",
        (BlockKind::ResFourLayer, _) => "shortcut_unit_1",
    }
}
