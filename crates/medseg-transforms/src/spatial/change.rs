//! One change of a grid, completely settled.

use medseg_volume::{Dhw, Geometry};
use serde::{Deserialize, Serialize};

use super::{Axes, BorderMode, Elastic, Kernel, VoxelMap};
use crate::{BoxDhw, PadMode, TransformError};

/// One change of a sample's grid with nothing left to chance: image, label and geometry follow it together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpatialChange {
    /// Cuts out a box, or pads where it reaches outside. Exact.
    #[serde(rename = "crop")]
    Crop {
        /// The box.
        region: BoxDhw,
        /// The image's value outside where `mode` is [`PadMode::Constant`]; labels get 0.
        outside: f32,
        /// Values outside the volume, or outside the part of it that the box holds.
        #[serde(default, skip_serializing_if = "PadMode::is_constant")]
        mode: PadMode,
    },
    /// Turns the axes. Exact.
    Axes(Axes),
    /// Interpolates on a new grid.
    Resample(Resample),
}

/// A new grid whose voxels lie between those of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resample {
    /// The new shape.
    pub shape: Dhw<usize>,
    /// From new voxels to old ones.
    pub map: VoxelMap,
    /// Interpolation of the image.
    pub kernel: Kernel,
    /// Values outside the old grid.
    pub padding: BorderMode,
    /// Displacements added to the positions in the new grid before the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic: Option<Elastic>,
    /// Relation of the new grid to the old one, for the way back.
    #[serde(default, skip_serializing_if = "ResampleMeaning::is_other")]
    pub meaning: ResampleMeaning,
}

/// Relation of a [`Resample`]'s new grid to the old one; it decides how a [`Trace`](crate::Trace) takes results back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResampleMeaning {
    /// The same patient in voxels of another size ([`Respace`](crate::Respace)). Old voxels beyond the new grid have the
    /// values at its border.
    Spacing,
    /// The same volume in another number of voxels ([`Resize`](crate::Resize)), likewise.
    Size,
    /// Anything else. Old voxels beyond the new grid have no value.
    #[default]
    Other,
}

impl ResampleMeaning {
    fn is_other(&self) -> bool {
        *self == Self::Other
    }
}

impl SpatialChange {
    /// The shape after it.
    #[must_use]
    pub fn shape(&self, before: Dhw<usize>) -> Dhw<usize> {
        match self {
            Self::Crop { region, .. } => region.size,
            Self::Axes(axes) => axes.permuted(before),
            Self::Resample(resample) => resample.shape,
        }
    }

    /// From voxels after it to those before it, without elastic displacements.
    #[must_use]
    pub fn map(&self, before: Dhw<usize>) -> VoxelMap {
        match self {
            Self::Crop { region, .. } => VoxelMap::translation(region.start.map(|v| v as f64)),
            Self::Axes(axes) => VoxelMap::permuting(axes, before),
            Self::Resample(resample) => resample.map,
        }
    }

    /// The geometry after it; unchanged, with its header fields, where the grid is.
    ///
    /// # Errors
    /// [`TransformError::Geometry`] if the new grid is none.
    pub fn geometry(&self, before: Dhw<usize>, geometry: &Geometry) -> Result<Geometry, TransformError> {
        self.map(before).geometry(geometry)
    }

    /// Refuses grids without voxels, or so large that they cannot be meant.
    ///
    /// # Errors
    /// [`TransformError::NoVoxels`] and [`TransformError::Parameter`].
    pub(crate) fn validate(&self, before: Dhw<usize>) -> Result<(), TransformError> {
        let shape = self.shape(before);
        if shape.voxels() == 0 {
            return Err(TransformError::NoVoxels { shape });
        }
        if shape.voxels() > MOST_VOXELS {
            return Err(TransformError::parameter("shape", shape, "has more than 2^33 voxels"));
        }
        match self {
            Self::Crop { region, mode, .. } if !mode.is_constant() && region.clipped(before).size.voxels() == 0 => {
                Err(TransformError::NothingToRepeat { mode: *mode, volume: before })
            }
            Self::Axes(axes) if !axes.is_valid() => {
                Err(TransformError::parameter("order", format!("{:?}", axes.order), "must name every axis once"))
            }
            Self::Resample(resample) => resample.validate(before),
            _ => Ok(()),
        }
    }
}

impl Resample {
    fn validate(&self, before: Dhw<usize>) -> Result<(), TransformError> {
        if self.map.inverse().is_none() {
            return Err(TransformError::Geometry("the map flattens the volume".into()));
        }
        let covers = || self.map.is_near(&VoxelMap::resizing(before, self.shape, false), 1e-9);
        if self.kernel == Kernel::Area && (self.elastic.is_some() || !covers()) {
            return Err(TransformError::parameter("kernel", "area", "is for changes of the size only"));
        }
        self.elastic.map_or(Ok(()), |elastic| elastic.validate())
    }
}

/// More than any volume has; a margin or size with a digit too many costs an error, not memory.
const MOST_VOXELS: usize = 1 << 33;
