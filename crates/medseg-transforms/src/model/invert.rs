//! Taking a trace's changes of the grid back.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

use crate::spatial::{Kernel, SpatialChange, Taps, VoxelMap, displaced, nearest_index, separable, snapped, take};
use crate::{BorderMode, BoxDhw, ResampleMeaning, Trace, TransformError};

/// One change as an original voxel meets it.
struct Hop {
    /// From positions before the change to those after it.
    map: VoxelMap,
    /// The shapes before and after it.
    before: [usize; 3],
    shape: [usize; 3],
    /// Given if voxels lie between those of the old grid.
    resampled: Option<(ResampleMeaning, BorderMode)>,
    elastic: Option<[Array3<f32>; 3]>,
}

/// Treatment of positions between voxels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// All changes are one map, and the position at its end counts.
    Joined,
    /// A voxel is chosen after every change, as MONAI does.
    Stepwise,
}

impl Hop {
    /// The place `at` after the change of the one at `from`, brought into the new grid; `None` where that does not reach.
    fn along(&self, from: f64, at: f64, axis: usize, rule: Rule) -> Option<f64> {
        let last = self.shape[axis] as f64 - 1.0;
        match (self.resampled, rule) {
            // Between voxels when a resampling came before: as far as interpolation reaches.
            (None, Rule::Joined) => (at > -1.0 && at < last + 1.0).then_some(at),
            (None, Rule::Stepwise) => (at >= 0.0 && at <= last).then_some(at),
            // Up to the outer faces of the border voxels, which then count.
            (Some((ResampleMeaning::Other, _)), Rule::Joined) => {
                (at >= -0.5 - NEAR && at <= last + 0.5 + NEAR).then(|| at.clamp(0.0, last))
            }
            (Some(_), Rule::Joined) => Some(at.clamp(0.0, last)),
            (Some((ResampleMeaning::Size, _)), Rule::Stepwise) => {
                Some(nearest_index(from as usize, self.shape[axis], self.before[axis], 0.0) as f64)
            }
            (Some((_, padding)), Rule::Stepwise) => {
                let near = padding.position(at, self.shape[axis]).round_ties_even();
                (near >= 0.0 && near <= last).then_some(near)
            }
        }
    }

    fn apply(&self, at: [f64; 3], rule: Rule) -> Option<[f64; 3]> {
        let undisplaced = self.map.apply(at);
        let mut moved = undisplaced;
        if let Some(field) = &self.elastic {
            // The position whose displaced place is `undisplaced`, by fixed-point iteration.
            for _ in 0..FIXED_POINT_STEPS {
                let back = displaced(field, moved);
                moved = std::array::from_fn(|a| undisplaced[a] - (back[a] - moved[a]));
            }
        }
        let mut to = [0.0; 3];
        for axis in 0..3 {
            to[axis] = self.along(at[axis], snapped(moved[axis]), axis, rule)?;
        }
        Some(to)
    }
}

/// Of voxels, for rounding.
const NEAR: f64 = 1e-6;

/// Each step shrinks the error by the field's steepness; a field of steepness 1/2 is exact to 1e-6 voxels after 20.
const FIXED_POINT_STEPS: usize = 20;

impl Trace {
    /// The shape after all changes.
    #[must_use]
    pub fn final_shape(&self) -> Dhw<usize> {
        self.changes().fold(self.shape, |shape, change| change.shape(shape))
    }

    /// From voxels of the result to original ones, elastic displacements left out.
    #[must_use]
    pub fn map(&self) -> VoxelMap {
        let mut shape = self.shape;
        self.changes().fold(VoxelMap::IDENTITY, |map, change| {
            let next = map.after(&change.map(shape));
            shape = change.shape(shape);
            next
        })
    }

    /// Brings a label map from the result's grid back to the original one.
    ///
    /// Exact where the steps are: crops, pads, flips, turns. Otherwise all steps are one map, which says where in the
    /// result the centre of an original voxel lies. The nearest voxel there counts, halves to the even one. Elastic displacements are inverted by iteration, which is right as long as they do not fold.
    ///
    /// A voxel that the result does not show gets 0. One that lies within the outer faces of the result's border voxels
    /// gets their value, and after [`Respace`](crate::Respace) and [`Resize`](crate::Resize) every one beyond them too.
    ///
    /// MONAI's `Invertd` with `nearest_interp=True` takes another voxel in some places: see
    /// [`invert_nearest`](Self::invert_nearest), which does as it does.
    ///
    /// # Errors
    /// [`TransformError::Shape`] if the label is not on the result's grid; [`TransformError::Geometry`] if a step
    /// flattened the volume.
    pub fn invert_label(&self, label: &ArrayView3<'_, u8>) -> Result<Array3<u8>, TransformError> {
        self.nearest(label, Rule::Joined)
    }

    /// Brings values of any type from the result's grid back to the original one as MONAI's `Invertd` does with
    /// `nearest_interp=True`: step by step, last to first. The default value takes the place of 0.
    ///
    /// It differs from [`invert_label`](Self::invert_label) in three things:
    ///
    /// | | `invert_nearest` | `invert_label` |
    /// |---|---|---|
    /// | several resamplings | chooses a voxel after each | chooses one at the end |
    /// | [`Resize`](crate::Resize) from n to m voxels | voxel floor(index · m / n), PyTorch's `nearest`: shifts by half an original voxel | the voxel at the centre |
    /// | beyond the result | values of the step's [`BorderMode`] | 0, but for `Respace` and `Resize` |
    ///
    /// Both take the even voxel of two that are equally near. MONAI takes either there: rounding decides.
    ///
    /// # Errors
    /// As [`invert_label`](Self::invert_label).
    pub fn invert_nearest<T>(&self, label: &ArrayView3<'_, T>) -> Result<Array3<T>, TransformError>
    where
        T: Copy + Default + Send + Sync,
    {
        self.nearest(label, Rule::Stepwise)
    }

    fn nearest<T>(&self, label: &ArrayView3<'_, T>, rule: Rule) -> Result<Array3<T>, TransformError>
    where
        T: Copy + Default + Send + Sync,
    {
        let hops = self.hops(label.dim().into())?;
        if let Some((order, axes)) = self.separate(&hops, Kernel::Nearest, rule) {
            let view = label.view().permuted_axes(order);
            return Ok(take(&view, &axes.map(|taps| taps.places()), T::default()));
        }
        let lengths: [usize; 3] = label.dim().into();
        Ok(self.by_voxel(&hops, rule, |at| {
            let near = at.map(|v| v.round_ties_even());
            let exists = (0..3).all(|axis| near[axis] >= 0.0 && near[axis] < lengths[axis] as f64);
            if exists { label[near.map(|v| v as usize)] } else { T::default() }
        }))
    }

    /// Brings an image such as a probability map from the result's grid back to the original one: as
    /// [`invert_label`](Self::invert_label), but linear between voxels, fading to 0 where the result ends.
    ///
    /// # Errors
    /// As [`invert_label`](Self::invert_label).
    pub fn invert_image(&self, image: &ArrayView3<'_, f32>) -> Result<Array3<f32>, TransformError> {
        let hops = self.hops(image.dim().into())?;
        if let Some((order, axes)) = self.separate(&hops, Kernel::Linear, Rule::Joined) {
            let view = image.view().permuted_axes(order);
            return Ok(separable(&view.as_standard_layout().view(), &axes));
        }
        Ok(self.by_voxel(&hops, Rule::Joined, |at| linear_or_zero(image, at)))
    }

    /// The place in the result of a position in original voxels; `None` where the result does not show it.
    ///
    /// # Errors
    /// [`TransformError::Geometry`] if a step flattened the volume.
    pub fn forward_point(&self, voxel: Dhw<f64>) -> Result<Option<Dhw<f64>>, TransformError> {
        let hops = self.hops(self.final_shape())?;
        Ok(hops.iter().try_fold(voxel.to_array(), |at, hop| hop.apply(at, Rule::Joined)).map(Dhw::from))
    }

    /// The original voxels that a box of the result shows: the smallest box around them, which may reach outside.
    ///
    /// # Errors
    /// [`TransformError::NotInvertible`] after elastic displacements, whose boxes are none.
    pub fn invert_box(&self, region: &BoxDhw) -> Result<BoxDhw, TransformError> {
        let displaces =
            |c: &SpatialChange| matches!(c, SpatialChange::Resample(resample) if resample.elastic.is_some());
        if self.changes().any(displaces) {
            let reason = "a box is none after displacements; invert a label instead";
            return Err(TransformError::NotInvertible { change: "an elastic deformation", reason });
        }
        // Outer faces, so that a box maps to a box whatever the voxels' sizes.
        let (low, high) = (region.start.map(|v| v as f64 - 0.5), region.end().map(|v| v as f64 - 0.5));
        let (low, high, map) = (low.to_array(), high.to_array(), self.map());
        let (mut from, mut to) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for corner in 0..8usize {
            let at = map.apply(std::array::from_fn(|a| if (corner >> a) & 1 == 1 { high[a] } else { low[a] }));
            for axis in 0..3 {
                from[axis] = from[axis].min(at[axis]);
                to[axis] = to[axis].max(at[axis]);
            }
        }
        let start = from.map(|v| (v + 0.5 + NEAR).floor() as isize);
        let end = to.map(|v| (v + 0.5 - NEAR).ceil() as isize);
        Ok(BoxDhw {
            start: Dhw::from(start),
            size: Dhw::from(std::array::from_fn(|a| usize::try_from(end[a] - start[a]).unwrap_or(0))),
        })
    }

    fn hops(&self, got: Dhw<usize>) -> Result<Vec<Hop>, TransformError> {
        let want = self.final_shape();
        if got != want {
            return Err(TransformError::Shape { got, want }.of_case(&self.id));
        }
        let mut shape = self.shape;
        self.changes()
            .map(|change| {
                let before = shape.to_array();
                let map = change.map(shape).inverse();
                let map = map.ok_or_else(|| TransformError::Geometry("it is flat".into()).of_case(&self.id))?;
                shape = change.shape(shape);
                let (resampled, elastic) = match change {
                    SpatialChange::Resample(r) => {
                        (Some((r.meaning, r.padding)), r.elastic.map(|elastic| elastic.displacements(r.shape)))
                    }
                    SpatialChange::Crop { .. } | SpatialChange::Axes(_) => (None, None),
                };
                Ok(Hop { map, before, shape: shape.to_array(), resampled, elastic })
            })
            .collect()
    }

    /// Taps along each original axis into the result with its axes brought into the original order, if no step mixes
    /// axes: the order of the result's axes that does so, and the taps.
    fn separate(&self, hops: &[Hop], kernel: Kernel, rule: Rule) -> Option<([usize; 3], Dhw<Taps>)> {
        let mut axis_now = [0, 1, 2];
        let mut orders = Vec::with_capacity(hops.len());
        for hop in hops {
            if hop.elastic.is_some() {
                return None;
            }
            // `order[from]` is the axis after the change that runs along `from` before it.
            let order = hop.map.axis_order()?;
            axis_now = axis_now.map(|axis| order[axis]);
            orders.push(order);
        }
        let shape = self.final_shape().to_array();
        let along = |original: usize| {
            let length = shape[axis_now[original]];
            let positions: Vec<_> = (0..self.shape.to_array()[original])
                .map(|i| {
                    let (mut at, mut axis) = (i as f64, original);
                    for (hop, order) in hops.iter().zip(&orders) {
                        let next = order[axis];
                        let moved = snapped(hop.map.linear[next][axis] * at + hop.map.offset[next]);
                        axis = next;
                        match hop.along(at, moved, axis, rule) {
                            Some(there) => at = there,
                            None => return Vec::new(),
                        }
                    }
                    Taps::reading(at, length, kernel)
                })
                .collect();
            Taps::new(&positions, length)
        };
        Some((axis_now, Dhw::from([along(0), along(1), along(2)])))
    }

    fn by_voxel<T: Copy + Default + Send + Sync>(
        &self,
        hops: &[Hop],
        rule: Rule,
        value: impl Fn([f64; 3]) -> T + Sync,
    ) -> Array3<T> {
        let Dhw { d, h, w } = self.shape;
        let mut out = Array3::from_elem((d, h, w), T::default());
        let Some(values) = out.as_slice_mut() else { return out };
        values.par_chunks_mut(w.max(1)).enumerate().for_each(|(n, row)| {
            for (x, out) in row.iter_mut().enumerate() {
                let voxel = [(n / h) as f64, (n % h) as f64, x as f64];
                if let Some(at) = hops.iter().try_fold(voxel, |at, hop| hop.apply(at, rule)) {
                    *out = value(at);
                }
            }
        });
        out
    }
}

/// Trilinear with zeros outside.
fn linear_or_zero(image: &ArrayView3<'_, f32>, at: [f64; 3]) -> f32 {
    let lengths: [usize; 3] = image.dim().into();
    let mut sum = 0.0f64;
    for corner in 0..8usize {
        let (mut weight, mut index) = (1.0f64, Some([0usize; 3]));
        for axis in 0..3 {
            let (low, high) = (at[axis].floor(), ((corner >> axis) & 1) as f64);
            let fraction = at[axis] - low;
            weight *= if high == 1.0 { fraction } else { 1.0 - fraction };
            let place = low + high;
            index = index.filter(|_| place >= 0.0 && place < lengths[axis] as f64).map(|mut index| {
                index[axis] = place as usize;
                index
            });
        }
        if let Some(index) = index.filter(|_| weight != 0.0) {
            sum += weight * f64::from(image[index]);
        }
    }
    sum as f32
}
