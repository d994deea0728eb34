//! Labels from channels.

use crate::BundleProblem;
use crate::config::{Component, channel_labels};

/// Labels from channels, as BraTS has them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelLabels {
    /// Channels with the label of the voxels in which they are over 0; the first such channel decides.
    pub labels: Vec<(usize, u32)>,
    /// Label of the other voxels.
    pub otherwise: u32,
}

impl ChannelLabels {
    pub(super) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        if !component.flag("overwrite", true)? {
            return Err(component.refusal("overwrite"));
        }
        component.ignore(&["inv_func", "track_meta"]);
        let id = component.argument("func");
        let node = component.take_raw("func").ok_or_else(|| BundleProblem::missing(&id))?;
        let text = node.raw.as_str().and_then(|text| text.strip_prefix('$')).unwrap_or_default();
        match channel_labels(text) {
            Some((labels, otherwise)) => Ok(Self { labels, otherwise }),
            None => Err(BundleProblem::expression(
                &id,
                text,
                "it is no `lambda x: torch.where(x[[CHANNEL]] > 0, LABEL, …)` with a label or another torch.where behind",
            )),
        }
    }
}
