//! Turning, shearing, moving and scaling around the middle.

use medseg_volume::Dhw;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{
    BorderMode, Draw, Kernel, LazySample, Resample, ResampleMeaning, SpatialChange, Transform, TransformError, VoxelMap,
};

/// MONAI's `Affine`. It says where a new voxel looks in the old volume, positions counted from both volumes' centres:
/// first scaled, then moved, sheared and turned (rotate · shear · translate · scale). So a scale of 2 shows twice as much,
/// and a translation of +2 moves the content towards lower indices. All along `[depth, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Affine {
    /// Radians around each axis; around the width axis first, around depth last (MONAI's "XYZ").
    pub rotate: Dhw<f64>,
    /// Six elementary shears, one after another: how much of the second axis is added to the first, for (d, h), (d, w),
    /// (h, d), (h, w), (w, d), (w, h).
    pub shear: [f64; 6],
    /// Voxels.
    pub translate: Dhw<f64>,
    /// Factors.
    pub scale: Dhw<f64>,
    /// Voxels of the result; the old ones if not given.
    pub size: Option<Dhw<usize>>,
    /// Interpolation of the image.
    pub kernel: Kernel,
    /// Values outside the volume.
    pub padding: BorderMode,
    /// MONAI's `align_corners = True`, which is no pure change of the positions: turns shear volumes that are not cubes,
    /// and moves are smaller by (n - 1) / n. Only there to repeat what was done with it.
    pub align_corners: bool,
}

impl Default for Affine {
    fn default() -> Self {
        Self {
            rotate: Dhw::splat(0.0),
            shear: [0.0; 6],
            translate: Dhw::splat(0.0),
            scale: Dhw::splat(1.0),
            size: None,
            kernel: Kernel::default(),
            padding: BorderMode::default(),
            align_corners: false,
        }
    }
}

impl Affine {
    /// The map around the centres, which [`VoxelMap::centered`] brings to voxel indices.
    #[must_use]
    pub fn matrix(&self) -> VoxelMap {
        let shear = SHEARED.iter().zip(self.shear).fold(VoxelMap::IDENTITY, |product, ((row, column), by)| {
            let mut one = VoxelMap::IDENTITY;
            one.linear[*row][*column] = by;
            one.after(&product)
        });
        let scaled = VoxelMap::scaling(self.scale, Dhw::splat(0.0));
        rotation(self.rotate).after(&shear).after(&VoxelMap::translation(self.translate)).after(&scaled)
    }

    /// The change of a volume of `shape`.
    ///
    /// # Errors
    /// [`TransformError::Geometry`] if it would flatten the volume.
    pub fn change(&self, shape: Dhw<usize>) -> Result<SpatialChange, TransformError> {
        let size = self.size.unwrap_or(shape);
        let mut matrix = self.matrix();
        if self.align_corners {
            let stretch = |length: usize| if length > 1 { length as f64 / (length as f64 - 1.0) } else { 1.0 };
            let (old, new) = (shape.map(|s| 1.0 / stretch(s)), size.map(stretch));
            let none = Dhw::splat(0.0);
            matrix = VoxelMap::scaling(old, none).after(&matrix).after(&VoxelMap::scaling(new, none));
        }
        // What is mirrored follows the same convention.
        let padding = match self.padding {
            BorderMode::Reflection if self.align_corners => BorderMode::Mirror,
            other => other,
        };
        let map = matrix.centered(shape, size);
        if map.inverse().is_none() {
            return Err(TransformError::Geometry("the affine flattens the volume".into()));
        }
        Ok(SpatialChange::Resample(Resample {
            shape: size,
            map,
            kernel: self.kernel,
            padding,
            elastic: None,
            meaning: ResampleMeaning::Other,
        }))
    }
}

impl Transform for Affine {
    fn name(&self) -> String {
        "affine".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        no_area(self.kernel)?;
        self.change(Dhw::splat(2)).map(|_| ())
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        no_area(self.kernel)?;
        let shape = sample.shape();
        if self.matrix() == VoxelMap::IDENTITY && self.size.is_none_or(|size| size == shape) {
            return Ok(Draw::Skip);
        }
        Ok(self.change(shape)?.into())
    }
}

/// MONAI's `Rotate`: turns around the middle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// Radians around each axis, as in [`Affine`].
    pub angles: Dhw<f64>,
    /// Keeps the shape; otherwise it is that of the box around the rotated volume.
    #[serde(default = "crate::model::yes")]
    pub keep_size: bool,
    /// Interpolation of the image.
    #[serde(default)]
    pub kernel: Kernel,
    /// Values outside the volume.
    #[serde(default)]
    pub padding: BorderMode,
}

impl Transform for Rotate {
    fn name(&self) -> String {
        "rotate".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        no_area(self.kernel)?;
        if self.angles.to_array().iter().all(|v| v.is_finite()) {
            return Ok(());
        }
        Err(TransformError::parameter("angles", self.angles, "must be numbers"))
    }

    fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        let size = (!self.keep_size).then(|| turned_shape(sample.shape(), &rotation(self.angles)));
        let (kernel, padding) = (self.kernel, self.padding);
        Affine { rotate: self.angles, size, kernel, padding, ..Affine::default() }.draw(sample, rng)
    }
}

/// Row and column of the elementary shears.
const SHEARED: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];

/// Turns around depth · around height · around width.
fn rotation(angles: Dhw<f64>) -> VoxelMap {
    let around = |axis: usize, angle: f64| {
        let (a, b) = ((axis + 1) % 3, (axis + 2) % 3);
        let mut map = VoxelMap::IDENTITY;
        let (sin, cos) = angle.sin_cos();
        (map.linear[a][a], map.linear[b][b]) = (cos, cos);
        (map.linear[a][b], map.linear[b][a]) = (-sin, sin);
        map
    };
    let Dhw { d, h, w } = angles;
    around(0, d).after(&around(1, h)).after(&around(2, w))
}

/// The shape of the box around a turned volume, as MONAI has it.
fn turned_shape(shape: Dhw<usize>, turn: &VoxelMap) -> Dhw<usize> {
    let lengths = shape.map(|v| v as f64).to_array();
    // A box's extent along an axis is the sum of its sides' extents.
    let extent = |row: [f64; 3]| row.iter().zip(lengths).map(|(r, length)| (r * length).abs()).sum::<f64>();
    Dhw::from(turn.linear.map(|row| (extent(row) + 0.5) as usize))
}

pub(crate) fn no_area(kernel: Kernel) -> Result<(), TransformError> {
    if kernel == Kernel::Area {
        return Err(TransformError::parameter("kernel", "area", "is for changes of the size only"));
    }
    Ok(())
}
