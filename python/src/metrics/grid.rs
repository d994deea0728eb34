//! The size of voxels, for distances in millimetres.

use medseg_metrics::VoxelGrid;
use medseg_volume::Geometry;
use pyo3::prelude::*;

use crate::arrays::OneOrThree;
use crate::errors::{bad_type, bad_value, raised};
use crate::volume::{Volume, check_spacing};

/// Millimetres between neighbouring voxels along an array's axes.
pub type Spacing = OneOrThree<f64>;

/// Largest distance between the voxels of two grids that count as one, millimetres; that of `medseg metrics`.
const SAME_GRID_MM: f64 = 0.1;

/// The place of an array's voxels among each other.
pub enum Grid {
    /// That of a volume.
    Volume(Box<Geometry>),
    /// Along x, y and z.
    Spacing([f64; 3]),
}

impl Grid {
    /// That of the volumes among some arrays, or a spacing for arrays of numpy.
    ///
    /// # Errors
    /// Volumes on different grids, a spacing beside a volume, neither of the two.
    pub fn of(objects: &[(&Bound<'_, PyAny>, &str)], spacing: Option<Spacing>) -> PyResult<Self> {
        let volumes: Vec<_> =
            objects.iter().filter_map(|(object, name)| Some((object.cast::<Volume>().ok()?.get(), *name))).collect();
        match (volumes.as_slice(), spacing) {
            ([], Some(spacing)) => {
                check_spacing(spacing)?;
                Ok(Self::Spacing(spacing.xyz()))
            }
            ([], None) => Err(bad_type(
                "spacing is missing: an array has none, so it takes the millimetres along its axes, or a medseg.Volume",
            )),
            (_, Some(_)) => Err(bad_type("spacing: a medseg.Volume has its own")),
            ([(first, name), others @ ..], None) => {
                let py = objects[0].0.py();
                for (other, other_name) in others {
                    let shape: Vec<usize> = first.array(py).getattr("shape")?.extract()?;
                    let [x, y, z] = shape[..] else { continue };
                    if !first.geometry().same_grid(other.geometry(), (z, y, x).into(), SAME_GRID_MM) {
                        return Err(bad_value(format!("{name} and {other_name} lie on different grids")));
                    }
                }
                Ok(Self::Volume(Box::new(first.geometry().clone())))
            }
        }
    }

    /// For arrays whose axes are z, y, x if `reversed`, or else x, y, z.
    pub fn voxels(&self, reversed: bool) -> PyResult<VoxelGrid> {
        let ordered = |[x, y, z]: [f64; 3]| if reversed { [z, y, x] } else { [x, y, z] };
        match self {
            Self::Spacing(spacing) => Ok(VoxelGrid::from(medseg_metrics::Dhw::from(ordered(*spacing)))),
            Self::Volume(geometry) if reversed => Ok(VoxelGrid::from(&**geometry)),
            Self::Volume(geometry) => {
                let [z, y, x] = VoxelGrid::from(&**geometry).vectors();
                VoxelGrid::from_vectors([x, y, z]).map_err(|error| raised(&error))
            }
        }
    }
}
