//! The largest image that preprocessing makes, before it makes any.

use medseg_device::host_memory;
use medseg_transforms::Pipeline;
use medseg_volume::{Dhw, Geometry};

use crate::error::BundleError;

/// Bytes of a voxel on its way: the result, and planes before it.
const VOXEL_BYTES: u64 = 8;

/// Refuses steps that make more voxels than the computer can hold: after a spacing in the wrong unit, or by a size in a
/// bundle that cannot be meant.
pub(super) fn check(
    pipeline: &Pipeline,
    channels: usize,
    image: Dhw<usize>,
    geometry: &Geometry,
) -> Result<(), BundleError> {
    let grid = pipeline.largest_shape(image, geometry)?;
    let needed = (grid.voxels() as u64).saturating_mul(VOXEL_BYTES * channels as u64);
    match host_memory() {
        Some(host) if needed > host.total => {
            Err(BundleError::HostMemory { shape: image, grid, needed, total: host.total })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_no_computer_holds_is_an_error() {
        let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
        let pipeline: Pipeline =
            serde_json::from_str(r#"{"steps": [{"transform": "resize", "size": [2000000, 2000000, 2000000]}]}"#)
                .unwrap();
        let refused = check(&pipeline, 1, Dhw::splat(4), &geometry);
        assert!(matches!(refused, Err(BundleError::HostMemory { .. })), "{refused:?}");
    }
}
