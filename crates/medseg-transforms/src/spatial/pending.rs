//! Changes of the grid that wait to be carried out together.

use medseg_volume::{Dhw, c_order};
use ndarray::{Array3, Array4, ArrayView3, Axis, parallel::prelude::*};

use super::gather::gather;
use super::{Axes, BorderMode, Elastic, Kernel, Resample, SpatialChange, VoxelMap};
use super::{Taps, separable, separable::take};
use crate::crop_pad::{framed, slice_of};
use crate::{BoxDhw, Interpolation, PadMode, Sample, resize};

/// Changes of the grid joined into one: it gives what they give one after another, but interpolates only once.
///
/// Between crops, pads and turns that holds to the bit, and up to rounding for a resampling among them (a label between
/// two equally near voxels may take the other one). Resamplings after each other
/// are one resampling of what was there before the first: what an intermediate grid could not show is not lost.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// The stored voxels that may be read.
    bounds: BoxDhw,
    /// The shape after all of it.
    shape: Dhw<usize>,
    /// The part of it that shows stored voxels ...
    visible: BoxDhw,
    /// ... and what is around that: values of a mode, and the constant one of the image.
    mode: PadMode,
    outside: f32,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    /// From `bounds` to `visible`, voxel by voxel.
    Exact(Axes),
    Sampled(Box<Sampled>),
}

/// Source position of a new voxel: `before(after(voxel) + displacement)` in stored voxels.
#[derive(Clone, Debug)]
pub(crate) struct Sampled {
    pub kernel: Kernel,
    pub padding: BorderMode,
    /// To stored voxels.
    pub before: VoxelMap,
    /// Displacements and the grid they are on.
    pub elastic: Option<(Elastic, Dhw<usize>)>,
    /// From new voxels to the displacements' grid.
    pub after: VoxelMap,
}

impl Pending {
    /// Nothing, on a sample of `shape`.
    pub fn new(shape: Dhw<usize>) -> Self {
        let whole = BoxDhw::whole(shape);
        Self {
            bounds: whole,
            shape,
            visible: whole,
            mode: PadMode::Constant,
            outside: 0.0,
            way: Way::Exact(Axes::IDENTITY),
        }
    }

    /// One change, on a sample of `shape`.
    pub fn of(shape: Dhw<usize>, change: &SpatialChange) -> Self {
        let nothing = Self::new(shape);
        // Any single change can follow nothing.
        nothing.then(change).unwrap_or(nothing)
    }

    pub fn shape(&self) -> Dhw<usize> {
        self.shape
    }

    /// With one more change; `None` if the two cannot be done in one pass.
    pub fn then(&self, change: &SpatialChange) -> Option<Self> {
        // A mean over areas is no value at a position, which is what the rest is joined by.
        if matches!(&self.way, Way::Sampled(sampled) if sampled.kernel == Kernel::Area) {
            return None;
        }
        // Repeated voxels depend on all of the visible part: nothing may change it any more.
        if !self.mode.is_constant() && !self.all_visible() {
            return None;
        }
        match change {
            SpatialChange::Crop { region, outside, mode } => self.then_crop(region, *mode, *outside),
            SpatialChange::Axes(axes) => Some(self.then_axes(axes)),
            SpatialChange::Resample(resample) => self.then_resample(resample),
        }
    }

    fn all_visible(&self) -> bool {
        self.visible == BoxDhw::whole(self.shape)
    }

    fn then_crop(&self, region: &BoxDhw, mode: PadMode, outside: f32) -> Option<Self> {
        let pads = region.clipped(self.shape) != *region;
        let same = self.mode == mode && self.outside.to_bits() == outside.to_bits();
        if pads && !self.all_visible() && !same {
            return None;
        }
        let mut next = self.clone();
        (next.mode, next.outside) = if pads { (mode, outside) } else { (self.mode, self.outside) };
        next.shape = region.size;
        let kept = intersection(&self.visible, region);
        next.visible = BoxDhw { start: kept.start.zip(region.start).map(|(k, r)| k - r), size: kept.size };
        match &mut next.way {
            Way::Exact(axes) => {
                let cut = BoxDhw { start: kept.start.zip(self.visible.start).map(|(k, v)| k - v), size: kept.size };
                let cut = turned(&cut, self.visible.size, &axes.inverse());
                let start = cut.start.zip(self.bounds.start).map(|(c, b)| c + b);
                next.bounds = BoxDhw { start, size: cut.size };
            }
            Way::Sampled(sampled) => {
                sampled.after = sampled.after.after(&VoxelMap::translation(region.start.map(|v| v as f64)));
            }
        }
        Some(next)
    }

    fn then_axes(&self, turn: &Axes) -> Self {
        let mut next = self.clone();
        next.shape = turn.permuted(self.shape);
        next.visible = turned(&self.visible, self.shape, turn);
        match &mut next.way {
            Way::Exact(axes) => {
                *axes = axes.then(turn);
            }
            Way::Sampled(sampled) => sampled.after = sampled.after.after(&VoxelMap::permuting(turn, self.shape)),
        }
        next
    }

    fn then_resample(&self, resample: &Resample) -> Option<Self> {
        if !self.all_visible() {
            return None;
        }
        let (kernel, padding) = (resample.kernel, resample.padding);
        let new_elastic = resample.elastic.map(|elastic| (elastic, resample.shape));
        let sampled = match &self.way {
            Way::Exact(axes) => {
                let untouched = axes.is_identity();
                if kernel == Kernel::Area && !untouched {
                    return None;
                }
                let to_bounds = VoxelMap::permuting(axes, self.bounds.size);
                let stored = VoxelMap::translation(self.bounds.start.map(|v| v as f64)).after(&to_bounds);
                let before = stored.after(&resample.map);
                Sampled { kernel, padding, before, elastic: new_elastic, after: VoxelMap::IDENTITY }
            }
            Way::Sampled(old) => {
                let joins = old.kernel == kernel && old.padding == padding;
                if !joins || (old.elastic.is_some() && new_elastic.is_some()) {
                    return None;
                }
                let after = old.after.after(&resample.map);
                if new_elastic.is_some() {
                    let before = old.before.after(&after);
                    Sampled { kernel, padding, before, elastic: new_elastic, after: VoxelMap::IDENTITY }
                } else {
                    Sampled { after, ..(**old).clone() }
                }
            }
        };
        let visible = BoxDhw::whole(resample.shape);
        Some(Self { shape: resample.shape, visible, way: Way::Sampled(Box::new(sampled)), ..self.clone() })
    }

    /// Image and label on the new grid.
    pub fn carry_out(&self, sample: &Sample) -> (Array4<f32>, Option<Array3<u8>>) {
        let image = sample.image.as_standard_layout();
        let label = sample.label.as_ref().map(|label| label.as_standard_layout());
        let channels: Vec<_> =
            image.outer_iter().map(|c| c.slice_move(slice_of(self.bounds.start, self.bounds.size))).collect();
        let label = label.as_ref().map(|label| label.slice(slice_of(self.bounds.start, self.bounds.size)));
        if self.visible.size.voxels() == 0 {
            let Dhw { d, h, w } = self.shape;
            let image = Array4::from_elem((channels.len(), d, h, w), self.outside);
            return (image, label.map(|_| Array3::zeros((d, h, w))));
        }
        match &self.way {
            Way::Exact(axes) => {
                let turned = channels.iter().map(|c| self.exact(c, axes, self.outside)).collect();
                (stacked(turned), label.map(|label| self.exact(&label, axes, 0)))
            }
            Way::Sampled(sampled) => self.sampled(sampled, &channels, label),
        }
    }

    fn exact<T: Copy + Send + Sync>(&self, part: &ArrayView3<'_, T>, axes: &Axes, outside: T) -> Array3<T> {
        self.framed(axes.view(part.view()).view(), outside)
    }

    /// Puts the visible part where it belongs.
    fn framed<T: Copy + Send + Sync>(&self, part: ArrayView3<'_, T>, outside: T) -> Array3<T> {
        if !self.mode.is_constant() {
            return framed(&part, self.visible.start, self.shape, self.mode, outside);
        }
        let Dhw { d, h, w } = self.shape;
        let mut out = Array3::from_elem((d, h, w), outside);
        let mut into = out.slice_mut(slice_of(self.visible.start, self.visible.size));
        let planes = into.axis_iter_mut(Axis(0)).into_par_iter().zip(part.axis_iter(Axis(0)));
        planes.for_each(|(mut new, old)| new.assign(&old));
        out
    }

    fn sampled(
        &self,
        sampled: &Sampled,
        channels: &[ArrayView3<'_, f32>],
        label: Option<ArrayView3<'_, u8>>,
    ) -> (Array4<f32>, Option<Array3<u8>>) {
        // Positions relative to what may be read, for voxels of the visible part.
        let to_bounds = VoxelMap::translation(self.bounds.start.map(|v| -v as f64));
        let from_visible = VoxelMap::translation(self.visible.start.map(|v| v as f64));
        let sampled = Sampled {
            before: to_bounds.after(&sampled.before),
            after: sampled.after.after(&from_visible),
            ..sampled.clone()
        };
        let direct = sampled.before.after(&sampled.after);
        let (images, label) = match (sampled.elastic, direct.axis_order()) {
            (None, Some(order)) => {
                let images = channels.iter().map(|c| self.separable(c, &sampled, &direct, order)).collect();
                (images, label.map(|label| self.nearest(&label, sampled.padding, &direct, order)))
            }
            _ => gather(channels, label, &sampled, self.visible.size),
        };
        if self.all_visible() {
            return (stacked(images), label);
        }
        let framed = images.iter().map(|image| self.framed(image.view(), self.outside)).collect();
        (stacked(framed), label.map(|label| self.framed(label.view(), 0)))
    }

    fn separable(
        &self,
        image: &ArrayView3<'_, f32>,
        sampled: &Sampled,
        direct: &VoxelMap,
        order: [usize; 3],
    ) -> Array3<f32> {
        if sampled.kernel == Kernel::Area {
            return resize(image, self.visible.size, Interpolation::Area);
        }
        let taps = per_old_axis(image, self.visible.size, direct, order, |scale, offset, new, old| {
            Taps::along(scale, offset, new, old, sampled.kernel, sampled.padding)
        });
        permuted(separable(image, &taps), order)
    }

    fn nearest(
        &self,
        label: &ArrayView3<'_, u8>,
        padding: BorderMode,
        direct: &VoxelMap,
        order: [usize; 3],
    ) -> Array3<u8> {
        let index = per_old_axis(label, self.visible.size, direct, order, |scale, offset, new, old| {
            Taps::along(scale, offset, new, old, Kernel::Nearest, padding).places()
        });
        permuted(take(label, &index, 0), order)
    }
}

/// Something for each old axis, of (scale, offset, new length, old length) along it.
fn per_old_axis<T, V>(
    old: &ArrayView3<'_, V>,
    new: Dhw<usize>,
    map: &VoxelMap,
    order: [usize; 3],
    of: impl Fn(f64, f64, usize, usize) -> T,
) -> Dhw<T> {
    let (new, lengths) = (new.to_array(), Dhw::from(old.dim()).to_array());
    Dhw::from(std::array::from_fn(|axis| {
        let runs = order.iter().position(|o| *o == axis).unwrap_or(axis);
        of(map.linear[axis][runs], map.offset[axis], new[runs], lengths[axis])
    }))
}

/// Along the new axes what was made along the old ones.
fn permuted<T: Clone>(array: Array3<T>, order: [usize; 3]) -> Array3<T> {
    if order == [0, 1, 2] {
        return array;
    }
    c_order(array.view().permuted_axes(order), T::clone)
}

fn stacked(channels: Vec<Array3<f32>>) -> Array4<f32> {
    let mut channels = channels;
    if channels.len() == 1 {
        return channels.remove(0).insert_axis(Axis(0));
    }
    let (d, h, w) = channels.first().map_or((0, 0, 0), Array3::dim);
    let mut all = Array4::zeros((channels.len(), d, h, w));
    all.outer_iter_mut().zip(&channels).for_each(|(mut out, channel)| out.assign(channel));
    all
}

/// The intersection of two boxes; of size 0 along an axis where nothing does.
fn intersection(a: &BoxDhw, b: &BoxDhw) -> BoxDhw {
    let start = a.start.zip(b.start).map(|(a, b)| a.max(b));
    let end = a.end().zip(b.end()).map(|(a, b)| a.min(b));
    let size = end.zip(start).map(|(e, s)| usize::try_from(e - s).unwrap_or(0));
    // An empty box anywhere inside `a`, so that it can be sliced.
    let limits = a.start.zip(a.end());
    BoxDhw { start: start.zip(limits).map(|(s, (low, high))| s.clamp(low, high)), size }
}

/// A box of a volume of `shape` after a turn.
fn turned(region: &BoxDhw, shape: Dhw<usize>, turn: &Axes) -> BoxDhw {
    BoxDhw { start: turn.start(region.start, region.size, shape), size: turn.permuted(region.size) }
}
