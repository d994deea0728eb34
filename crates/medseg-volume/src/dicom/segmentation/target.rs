//! The grid that the frames of a segmentation are put on.

use std::path::Path;

use ndarray::Array3;

use super::grid::{Placement, Planes};
use super::read_options::ReadOptions;
use crate::dicom::{DicomError, SeriesWarning};
use crate::segments::SegmentationError;
use crate::{Dhw, Geometry, Volume};

/// The grid that frames are put on.
pub(super) struct Target {
    shape: Dhw<usize>,
    geometry: Geometry,
    /// The place of each frame.
    pub places: Vec<Placement>,
    /// The grid that takes the nearest voxels of this one, where they differ.
    other: Option<(Dhw<usize>, Geometry)>,
    pub warnings: Vec<SeriesWarning>,
}

impl Target {
    pub(super) fn of(path: &Path, planes: &Planes, options: &ReadOptions) -> Result<Self, SegmentationError> {
        if let Some((shape, geometry)) = &options.grid {
            let placed = planes.placements(path, geometry)?;
            let lost = placed.iter().position(Option::is_none);
            match lost {
                None => {
                    let places = placed.into_iter().flatten().collect();
                    let (shape, geometry) = (*shape, geometry.clone());
                    return Ok(Self { shape, geometry, places, other: None, warnings: Vec::new() });
                }
                Some(frame) if !options.nearest => {
                    return Err(SegmentationError::FrameOffGrid { path: path.into(), frame: frame + 1 });
                }
                Some(_) => {}
            }
        }
        let own = planes.own_grid(path)?;
        let place =
            |slice: &usize| Placement { start: [*slice as isize, 0, 0], per_row: [0, 1, 0], per_column: [0, 0, 1] };
        Ok(Self {
            shape: own.shape,
            geometry: own.geometry,
            places: own.slices.iter().map(place).collect(),
            other: options.grid.clone(),
            warnings: own.warnings,
        })
    }

    /// Voxels of 0, if they, a frame's values and the result are within the limit.
    pub(super) fn background(&self, path: &Path, plane: usize, limit: u64) -> Result<Array3<u16>, DicomError> {
        let other = self.other.as_ref().map_or(0, |(shape, _)| shape.voxels());
        let voxels = (self.shape.voxels() as u64).saturating_add(other as u64);
        let needed = voxels.saturating_mul(2).saturating_add(4 * plane as u64);
        if needed > limit {
            return Err(DicomError::limit(path, needed, limit));
        }
        let refused = || DicomError::limit(path, needed, limit);
        // Refused instead of aborted where the system has no such memory; nothing is touched yet.
        Vec::<u8>::new().try_reserve_exact(needed as usize).map_err(|_| refused())?;
        let Dhw { d, h, w } = self.shape;
        Ok(Array3::zeros((d, h, w)))
    }

    /// The mask of labels on this grid; or on the other one, each of its voxels with the label of the nearest.
    pub(super) fn mask(self, labels: Array3<u16>) -> Volume<u16> {
        let mask = Volume::new(labels, self.geometry);
        let Some((Dhw { d, h, w }, geometry)) = self.other else { return mask };
        let label = |(d, h, w): (usize, usize, usize)| {
            let world = geometry.voxel_to_world(Dhw { d: d as f64, h: h as f64, w: w as f64 });
            let voxel = mask.geometry.world_to_voxel(world).to_array().map(f64::round);
            let inside = voxel.iter().all(|n| *n >= 0.0);
            inside.then(|| mask.data.get(voxel.map(|n| n as usize)).copied()).flatten().unwrap_or(0)
        };
        let data = Array3::from_shape_fn((d, h, w), label);
        Volume::new(data, geometry)
    }
}
