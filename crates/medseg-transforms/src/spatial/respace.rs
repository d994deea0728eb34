//! Changing the voxels' size.

use medseg_volume::{Affine as Matrix, Dhw, Geometry};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::no_area;
use crate::{
    BorderMode, Draw, Kernel, LazySample, Resample, ResampleMeaning, SpatialChange, Transform, TransformError, VoxelMap,
};

/// MONAI's `Spacing`: voxels of a given size, axes at right angles in the old directions.
///
/// The first voxel stays where it is and an axis has round((n - 1) · old / new + 1) voxels, halves to the even number. An
/// axis whose spacing is within 1/1000 mm of the wanted one keeps it. Of skewed axes the one along the width keeps its
/// direction, the one along the height its plane with it, and the new volume starts where the old one's lowest corner is;
/// if none is lowest along all axes, the centres fall together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Respace {
    /// Millimetres along `[depth, height, width]`; an axis of 0 or less keeps its spacing.
    pub spacing: Dhw<f64>,
    /// Axes along the patient's (right, front, head) instead of the old directions.
    #[serde(default)]
    pub diagonal: bool,
    /// Counts the outer faces instead of the voxels' centres, MONAI's `scale_extent`.
    ///
    /// An axis then has n' = round(n · old / new) voxels, halves to the even number. The first of them lies at
    /// 0.5 · (n / n' - 1) old voxels.
    ///
    /// As in MONAI, each world coordinate of that first voxel gets the sign of the old volume's lowest outer corner. The
    /// grid is shifted where the two signs differ. That happens to volumes that start within a voxel of the world's
    /// origin, and with `diagonal` to axes that point the other way. Voxels and geometry fit each other there too.
    #[serde(default)]
    pub keep_extent: bool,
    /// Interpolation of the image.
    #[serde(default)]
    pub kernel: Kernel,
    /// Values outside the volume.
    #[serde(default)]
    pub padding: BorderMode,
}

/// MONAI's tolerance of spacings and affines.
const NEAR: f64 = 1e-3;

impl Respace {
    /// To a spacing in millimetres along `[depth, height, width]`, everything else as MONAI has it by default.
    #[must_use]
    pub fn to(spacing: Dhw<f64>) -> Self {
        let (kernel, padding) = (Kernel::default(), BorderMode::default());
        Self { spacing, diagonal: false, keep_extent: false, kernel, padding }
    }

    /// The new grid of a volume.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] for a spacing that is none, or so small that the new volume would be absurd.
    pub fn grid(&self, shape: Dhw<usize>, geometry: &Geometry) -> Result<(Dhw<usize>, VoxelMap), TransformError> {
        self.check()?;
        let old = geometry.affine();
        // In the file's order i, j, k, in which MONAI removes shears.
        let (lengths, mut wanted, have) =
            (reversed(shape.to_array()), reversed(self.spacing.to_array()), reversed(geometry.spacing().to_array()));
        for (wanted, have) in wanted.iter_mut().zip(have) {
            if *wanted <= 0.0 || (*wanted - have).abs() <= NEAR {
                *wanted = have;
            }
        }
        let steps: [[f64; 3]; 3] = std::array::from_fn(|c| std::array::from_fn(|r| old[r][c]));
        let directions = if self.diagonal { AXES } else { orthonormal(&steps) };
        let columns: [[f64; 3]; 3] = std::array::from_fn(|c| directions[c].map(|v| v * wanted[c]));
        let place = place(&columns, &old, lengths, self.keep_extent);
        let (new_lengths, origin) = place.ok_or_else(|| self.refused())?;
        let row = |r: usize| [columns[0][r], columns[1][r], columns[2][r], origin[r]];
        let new = Geometry::from_affine([row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]]);
        let new = new.map_err(|e| TransformError::Geometry(e.to_string()))?;
        Ok((Dhw::from(reversed(new_lengths)), between(&new, geometry)))
    }

    fn refused(&self) -> TransformError {
        TransformError::parameter("spacing", self.spacing, "would make a volume that is none")
    }

    fn check(&self) -> Result<(), TransformError> {
        no_area(self.kernel)?;
        if self.spacing.to_array().iter().all(|v| v.is_finite()) { Ok(()) } else { Err(self.refused()) }
    }
}

impl Transform for Respace {
    fn name(&self) -> String {
        "spacing".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        self.check()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        let before = sample.shape();
        let (shape, map) = self.grid(before, sample.geometry())?;
        if shape == before && map.is_near(&VoxelMap::IDENTITY, NEAR) {
            return Ok(Draw::Skip);
        }
        let (kernel, padding) = (self.kernel, self.padding);
        Ok(SpatialChange::Resample(Resample {
            shape,
            map,
            kernel,
            padding,
            elastic: None,
            meaning: ResampleMeaning::Spacing,
        })
        .into())
    }
}

const AXES: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

fn reversed<T: Copy>([a, b, c]: [T; 3]) -> [T; 3] {
    [c, b, a]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Directions at right angles: each step without what it has of the ones before it.
fn orthonormal(steps: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let mut directions = [[0.0; 3]; 3];
    for n in 0..3 {
        let mut left = steps[n];
        for before in &directions[..n] {
            let along = dot(left, *before);
            left.iter_mut().zip(before).for_each(|(l, b)| *l -= along * b);
        }
        let length = dot(left, left).sqrt();
        directions[n] = left.map(|v| v / length);
    }
    directions
}

/// World positions of the eight corners, from `low` to `high` along each axis in the order i, j, k, and their new voxel
/// positions up to the new origin.
fn corner_positions(
    columns: &[[f64; 3]; 3],
    old: &Matrix,
    low: [f64; 3],
    high: [f64; 3],
) -> ([[f64; 3]; 8], [[f64; 3]; 8]) {
    let world: [[f64; 3]; 8] = std::array::from_fn(|n| {
        // The last axis changes fastest.
        let at: [f64; 3] = std::array::from_fn(|a| if (n >> (2 - a)) & 1 == 1 { high[a] } else { low[a] });
        std::array::from_fn(|r| old[r][0] * at[0] + old[r][1] * at[1] + old[r][2] * at[2] + old[r][3])
    });
    // The columns are at right angles.
    let new = world.map(|w| std::array::from_fn(|c| dot(w, columns[c]) / dot(columns[c], columns[c])));
    (world, new)
}

fn spans(new: &[[f64; 3]; 8]) -> [f64; 3] {
    std::array::from_fn(|axis| {
        let along = new.iter().map(|p| p[axis]);
        along.clone().fold(f64::NEG_INFINITY, f64::max) - along.fold(f64::INFINITY, f64::min)
    })
}

/// A number of voxels that can be one.
fn voxels(length: f64) -> Option<usize> {
    let length = length.round_ties_even();
    (length >= 1.0 && length < f64::from(u32::MAX)).then_some(length as usize)
}

fn all_voxels(lengths: [f64; 3]) -> Option<[usize; 3]> {
    Some([voxels(lengths[0])?, voxels(lengths[1])?, voxels(lengths[2])?])
}

/// Shape and origin of the new grid; `None` for a shape that no volume has.
fn place(
    columns: &[[f64; 3]; 3],
    old: &Matrix,
    lengths: [usize; 3],
    keep_extent: bool,
) -> Option<([usize; 3], [f64; 3])> {
    // Outer faces of the corner voxels, or their centres.
    let (margin, more) = if keep_extent { (0.5, 0.0) } else { (0.0, 1.0) };
    let high = lengths.map(|length| length as f64 - 1.0 + margin);
    let (world, new) = corner_positions(columns, old, [-margin; 3], high);
    let new_lengths = all_voxels(spans(&new).map(|span| span + more))?;
    let lowest = |n: &usize| (0..3).all(|a| new.iter().all(|p| p[a] - new[*n][a] >= -LOWEST));
    let origin = match (0..8).find(lowest) {
        Some(n) => world[n],
        None => {
            let middle = |steps: &dyn Fn(usize, usize) -> f64, lengths: [usize; 3], r: usize| -> f64 {
                (0..3).map(|c| steps(r, c) * lengths[c] as f64 / 2.0).sum()
            };
            std::array::from_fn(|r| {
                old[r][3] + middle(&|r, c| old[r][c], lengths, r) - middle(&|r, c| columns[c][r], new_lengths, r)
            })
        }
    };
    if !keep_extent {
        return Some((new_lengths, origin));
    }
    // MONAI's rule: the amount is that of the first new voxel's centre, the sign that of the corner.
    let first: [f64; 3] = std::array::from_fn(|c| 0.5 * (lengths[c] as f64 / new_lengths[c] as f64 - 1.0));
    let amount = |r: usize| ((0..3).map(|c| old[r][c] * first[c]).sum::<f64>() + old[r][3]).abs();
    let sign = |v: f64| if v == 0.0 { 0.0 } else { v.signum() };
    Some((new_lengths, std::array::from_fn(|r| amount(r) * sign(origin[r]))))
}

/// numpy's default absolute tolerance, in voxels.
const LOWEST: f64 = 1e-8;

/// From the voxels of one grid to those of another.
fn between(new: &Geometry, old: &Geometry) -> VoxelMap {
    let at = |voxel: [f64; 3]| old.world_to_voxel(new.voxel_to_world(Dhw::from(voxel))).to_array();
    let offset = at([0.0; 3]);
    let steps = AXES.map(at);
    let tidy = |v: f64| if v.abs() < 1e-12 { 0.0 } else { v };
    let linear = std::array::from_fn(|r| std::array::from_fn(|c| tidy(steps[c][r] - offset[r])));
    VoxelMap { linear, offset: offset.map(tidy) }
}
