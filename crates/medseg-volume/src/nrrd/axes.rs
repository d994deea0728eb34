//! The axes of an NRRD file: three of space, and at most one of channels before or after them.

use std::path::Path;

use super::space::vectors;
use crate::file::Fields;
use crate::{UnsupportedKind, VolumeError};

/// The axes by their meaning.
pub(super) struct Axes {
    /// Voxels along i, j, k.
    pub lengths: [u64; 3],
    pub channels: u64,
    /// True if the axis of channels is the fastest.
    pub interleaved: bool,
    /// The number of the first axis of space.
    pub domain: usize,
}

pub(super) fn axes(fields: &Fields<'_>, path: &Path) -> Result<Axes, VolumeError> {
    let dimension = fields.numbers::<usize>("dimension", 1)?.map_or(0, |dimension| dimension[0]);
    let unsupported = |reason: String| VolumeError::unsupported(path, UnsupportedKind::Channels, reason);
    if !(3..=4).contains(&dimension) {
        return Err(unsupported(format!("{dimension} dimensions; 3, and a fourth for channels, are read")));
    }
    let sizes: Vec<u64> = fields.numbers("sizes", dimension)?.ok_or_else(|| fields.bad("its header lacks sizes"))?;
    if let Some(axis) = sizes.iter().position(|size| *size == 0) {
        return Err(fields.bad(format!("size {} is 0", axis + 1)));
    }
    let between = || unsupported("an axis of channels between those of space".into());
    let domain = if dimension == 3 { 0 } else { domain(fields, dimension)?.ok_or_else(between)? };
    let channels = match (dimension, domain) {
        (3, _) => 1,
        (_, 0) => sizes[3],
        _ => sizes[0],
    };
    Ok(Axes {
        lengths: [sizes[domain], sizes[domain + 1], sizes[domain + 2]],
        channels,
        interleaved: domain == 1,
        domain,
    })
}

/// The first axis of space of four: the one without a direction, or of another kind, is that of channels. `None` where it
/// lies between the others.
fn domain(fields: &Fields<'_>, dimension: usize) -> Result<Option<usize>, VolumeError> {
    let channel = match (vectors(fields, "space directions", dimension)?, fields.get("kinds")) {
        (Some(directions), _) => directions.iter().position(Option::is_none),
        (None, Some(kinds)) => {
            kinds.split_whitespace().position(|kind| !matches!(kind.to_ascii_lowercase().as_str(), "domain" | "space"))
        }
        (None, None) => None,
    };
    Ok(match channel {
        Some(0) => Some(1),
        Some(3) | None => Some(0),
        Some(_) => None,
    })
}
