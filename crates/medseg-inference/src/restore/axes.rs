//! Places of one grid's voxels in another whose axes are parallel to it.

use medseg_volume::{Dhw, Geometry};
use ndarray::ArrayView3;

use super::BeyondMask;
use crate::error::InferenceError;

/// Largest way, in source voxels over a whole axis, that two grids may be off parallel.
const OFF_PARALLEL: f64 = 0.05;
/// Largest change of a coordinate by rounding, voxels.
const ROUNDING: f64 = 1e-6;

/// One axis of the target: the source coordinate of index `i` is `offset + scale * i`, along this axis of the source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AxisMap {
    source_axis: usize,
    source_length: usize,
    length: usize,
    offset: f64,
    scale: f64,
}

/// A target index as two source indices and the weight of the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tap {
    pub low: usize,
    pub high: usize,
    pub weight: f32,
}

impl AxisMap {
    /// The axis of the source that runs along this one.
    pub fn source_axis(&self) -> usize {
        self.source_axis
    }

    /// The source coordinate of a target index: `None` beyond the source's faces, unless its border continues there.
    fn coordinate(&self, index: usize, beyond: BeyondMask) -> Option<f64> {
        let at = self.offset + self.scale * index as f64;
        let (first, last) = (-0.5 - ROUNDING, self.source_length as f64 - 0.5 + ROUNDING);
        let inside = (first..=last).contains(&at) || beyond == BeyondMask::Border;
        inside.then(|| at.clamp(0.0, (self.source_length - 1) as f64))
    }

    /// Nearest source index of every target index.
    pub fn nearest(&self, beyond: BeyondMask) -> Vec<Option<usize>> {
        let index = |at: f64| ((at + 0.5 + ROUNDING) as usize).min(self.source_length - 1);
        (0..self.length).map(|i| self.coordinate(i, beyond).map(index)).collect()
    }

    /// The two source indices around every target index.
    pub fn taps(&self, beyond: BeyondMask) -> Vec<Option<Tap>> {
        let tap = |at: f64| {
            let low = (at + ROUNDING) as usize;
            let weight = if at - low as f64 > ROUNDING { (at - low as f64) as f32 } else { 0.0 };
            let high = if weight > 0.0 { (low + 1).min(self.source_length - 1) } else { low };
            Tap { low, high, weight }
        };
        (0..self.length).map(|i| self.coordinate(i, beyond).map(tap)).collect()
    }

    /// True if the target's voxels coincide with voxels of the source.
    fn on_voxels(&self) -> bool {
        let far = self.offset + self.scale * self.length.saturating_sub(1) as f64;
        let whole = |v: f64| (v - v.round()).abs() < 1e-3;
        whole(self.offset) && whole(far) && (self.scale.abs() - 1.0).abs() < 1e-3
    }
}

/// The three axes of the target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AxisMaps(pub Dhw<AxisMap>);

impl AxisMaps {
    pub fn between(
        source_shape: Dhw<usize>,
        source: &Geometry,
        shape: Dhw<usize>,
        target: &Geometry,
    ) -> Result<Self, InferenceError> {
        let at = |index: [f64; 3]| source.world_to_voxel(target.voxel_to_world(Dhw::from(index))).to_array();
        let first = at([0.0; 3]);
        let mut taken = [false; 3];
        let mut maps = [None; 3];
        for (axis, map) in maps.iter_mut().enumerate() {
            let length = shape.to_array()[axis];
            let mut end = [0.0; 3];
            end[axis] = length.max(2) as f64 - 1.0;
            let way: [f64; 3] = std::array::from_fn(|a| at(end)[a] - first[a]);
            let along = (0..3).fold(0, |best, a| if way[a].abs() > way[best].abs() { a } else { best });
            let off = (0..3).any(|a| a != along && way[a].abs() > OFF_PARALLEL);
            if off || std::mem::replace(&mut taken[along], true) {
                return Err(InferenceError::Grids { from: source_shape, to: shape });
            }
            *map = Some(AxisMap {
                source_axis: along,
                source_length: source_shape.to_array()[along],
                length,
                offset: first[along],
                scale: way[along] / end[axis],
            });
        }
        match maps {
            [Some(d), Some(h), Some(w)] => Ok(Self(Dhw { d, h, w })),
            _ => Err(InferenceError::Grids { from: source_shape, to: shape }),
        }
    }

    /// The source with its axes in the target's order.
    pub fn along_target<'a>(&self, source: ArrayView3<'a, u8>) -> ArrayView3<'a, u8> {
        source.permuted_axes(self.0.map(|map| map.source_axis).to_array())
    }

    /// True if all voxels of the target coincide with voxels of the source's lattice.
    pub fn on_voxels(&self) -> bool {
        self.0.to_array().iter().all(AxisMap::on_voxels)
    }
}
