//! The input of a convolution: rows of one or more tensors, changed on the way in.

use crate::isa::{LINE, prefetch, prefetch_for_later, vectorised};
use crate::upsample::Axis;

/// A change of values while a convolution reads them.
#[derive(Clone, Copy, Debug)]
pub enum Read<'a> {
    /// None.
    Plain,
    /// Norm, affine map and ReLU, by one [`Scale`] a channel of a sample.
    NormRelu(&'a [Scale]),
    /// Trilinear upsampling to twice the size; the tensor holds an eighth of the voxels that are read.
    Upsampled {
        /// True if the corner voxels of both grids coincide.
        align_corners: bool,
    },
}

/// `relu(((x - shift) - rest) · scale + bias)`, with this slope of the ReLU below 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The mean, rounded to f32; see [`Moments`](crate::norm::Moments).
    pub shift: f32,
    /// The part of the mean that `shift` lost in rounding.
    pub rest: f32,
    /// The factor.
    pub scale: f32,
    /// The number that is added then.
    pub bias: f32,
    /// The factor of values below 0.
    pub slope: f32,
}

impl Scale {
    /// The value that is read for one that is stored.
    #[inline(always)]
    pub(crate) fn of(self, x: f32) -> f32 {
        let y = ((x - self.shift) - self.rest) * self.scale + self.bias;
        // Not `max`: a NaN passes through.
        let [high, low] = if y <= 0.0 { [0.0, y] } else { [y, 0.0] };
        high + low * self.slope
    }
}

/// Channels of a [`Source`] that lie in one tensor `[batch, channels, depth, height, width]`.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The tensor's values.
    pub values: &'a [f32],
    /// Its channels.
    pub channels: usize,
    /// The change on the way in.
    pub read: Read<'a>,
}

/// The input of a convolution: the channels of its parts, concatenated.
///
/// Neither the concatenated nor the upsampled nor the normalised tensor is made: values are changed while they are
/// copied to a thread's scratch memory.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    batch: usize,
    /// Shape of a channel as it is read.
    shape: [usize; 3],
    parts: Vec<Stored<'a>>,
}

/// A part and the shape in which its channels are stored.
#[derive(Clone, Debug)]
struct Stored<'a> {
    part: Part<'a>,
    shape: [usize; 3],
    /// Of an upsampled part.
    axes: Option<[Axis; 3]>,
}

impl<'a> Source<'a> {
    /// One tensor `[batch, channels, shape]`, as it is.
    ///
    /// # Panics
    /// If it has another number of values, or a size is 0.
    #[must_use]
    pub fn new(values: &'a [f32], batch: usize, channels: usize, shape: [usize; 3]) -> Self {
        Self::from_parts(batch, shape, &[Part { values, channels, read: Read::Plain }])
    }

    /// Several tensors; `shape` is that in which their channels are read.
    ///
    /// # Panics
    /// If a part has another number of values or scales than its channels and the shape need, a size is 0, or an
    /// upsampled part is read in a shape with an odd size.
    #[must_use]
    pub fn from_parts(batch: usize, shape: [usize; 3], parts: &[Part<'a>]) -> Self {
        assert!(shape.iter().all(|size| *size > 0), "a shape of {shape:?}");
        let stored = |part: &Part<'a>| {
            let (mut stored, mut axes) = (shape, None);
            if let Read::Upsampled { align_corners } = part.read {
                assert!(shape.iter().all(|size| size.is_multiple_of(2)), "upsampled to an odd size: {shape:?}");
                stored = shape.map(|size| size / 2);
                axes = Some(stored.map(|size| Axis::new(size, align_corners)));
            }
            if let Read::NormRelu(scales) = part.read {
                assert_eq!(scales.len(), batch * part.channels, "scales");
            }
            assert_eq!(part.values.len(), batch * part.channels * stored.iter().product::<usize>(), "input values");
            Stored { part: *part, shape: stored, axes }
        };
        Self { batch, shape, parts: parts.iter().map(stored).collect() }
    }

    /// Samples.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Channels of all parts.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.parts.iter().map(|stored| stored.part.channels).sum()
    }

    /// Shape of a channel as it is read, `[depth, height, width]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The channels before those of the last part, and those as they are stored, with the alignment of their corners: if the last
    /// part alone is upsampled.
    pub(crate) fn split_upsampled(&self) -> Option<(Self, Self, bool)> {
        let (last, plain) = self.parts.split_last().filter(|(_, plain)| !plain.is_empty())?;
        let Read::Upsampled { align_corners } = last.part.read else { return None };
        if plain.iter().any(|part| part.axes.is_some()) {
            return None;
        }
        let plain = Self { batch: self.batch, shape: self.shape, parts: plain.to_vec() };
        let small = Self::new(last.part.values, self.batch, last.part.channels, last.shape);
        Some((plain, small, align_corners))
    }

    /// One channel of one sample.
    pub(crate) fn channel(&self, sample: usize, mut channel: usize) -> Channel<'_> {
        for Stored { part, shape, axes } in &self.parts {
            if channel < part.channels {
                let row = sample * part.channels + channel;
                let voxels: usize = shape.iter().product();
                let read = match (part.read, axes) {
                    (Read::NormRelu(scales), _) => ChannelRead::NormRelu(scales[row]),
                    (_, Some(axes)) => ChannelRead::Upsampled(axes),
                    _ => ChannelRead::Plain,
                };
                return Channel { values: &part.values[row * voxels..][..voxels], shape: *shape, read };
            }
            channel -= part.channels;
        }
        panic!("no such channel");
    }
}

/// A row of a channel as it is stored, and how it is changed on the way in.
#[derive(Clone, Copy)]
pub(crate) enum StoredRow<'a> {
    Plain(&'a [f32]),
    Scaled(&'a [f32], Scale),
    /// Blended, then doubled along the width.
    Upsampled(Blend<'a>, &'a Axis),
}

/// A weighted sum of four rows.
#[derive(Clone, Copy)]
pub(crate) struct Blend<'a> {
    pub rows: [&'a [f32]; 4],
    pub weights: [f32; 4],
}

impl StoredRow<'_> {
    /// Writes the row as it is read to `to`, which has its width; `half` is scratch.
    #[inline]
    pub fn write(self, to: &mut [f32], half: &mut Vec<f32>) {
        match self {
            Self::Plain(row) => to.copy_from_slice(row),
            Self::Scaled(row, scale) => norm_relu(row, scale, to),
            Self::Upsampled(Blend { rows, weights }, width) => {
                half.resize(width.size(), 0.0);
                blend(rows, weights, half);
                width.widen(half, to);
            }
        }
    }
}

/// Places of rows in a thread's scratch memory. Neighbouring rows lie `apart` values from each other until there are
/// `period` of them; the row after those lies `next` values after the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    /// Place of the first row, were it the first of its period.
    pub start: usize,
    /// Rows of the period before the first one.
    pub skipped: usize,
    /// Number of rows.
    pub rows: usize,
    /// A power of two.
    pub period: usize,
    pub apart: usize,
    pub next: usize,
}

impl Places {
    /// The place of row `r`.
    #[inline(always)]
    pub fn at(&self, r: usize) -> usize {
        let r = r + self.skipped;
        self.start + (r & (self.period - 1)) * self.apart + (r >> self.period.trailing_zeros()) * self.next
    }
}

/// One channel of one sample of a [`Source`].
#[derive(Clone, Copy)]
pub(crate) struct Channel<'a> {
    values: &'a [f32],
    /// Shape as stored.
    shape: [usize; 3],
    read: ChannelRead<'a>,
}

#[derive(Clone, Copy)]
enum ChannelRead<'a> {
    Plain,
    NormRelu(Scale),
    Upsampled(&'a [Axis; 3]),
}

impl<'a> Channel<'a> {
    /// Rows `y` to `y + rows` of plane `z` if they can be read in place.
    #[inline]
    pub fn in_place(&self, z: usize, y: usize, rows: usize) -> Option<&'a [f32]> {
        match self.read {
            ChannelRead::Plain => Some(self.stored(z, y, rows)),
            _ => None,
        }
    }

    /// Row `y` of plane `z` before it is changed.
    #[inline]
    pub fn stored_row(&self, z: usize, y: usize) -> StoredRow<'a> {
        match self.read {
            ChannelRead::Plain => StoredRow::Plain(self.stored(z, y, 1)),
            ChannelRead::NormRelu(scale) => StoredRow::Scaled(self.stored(z, y, 1), scale),
            ChannelRead::Upsampled([depth, height, width]) => {
                let (planes, rows) = (depth.sources(z), height.sources(y));
                let row = |z: usize, y: usize| self.stored(planes[z].0, rows[y].0, 1);
                let weight = |z: usize, y: usize| planes[z].1 * rows[y].1;
                let blend = Blend {
                    rows: [row(0, 0), row(0, 1), row(1, 0), row(1, 1)],
                    weights: [weight(0, 0), weight(0, 1), weight(1, 0), weight(1, 1)],
                };
                StoredRow::Upsampled(blend, width)
            }
        }
    }

    /// Writes row `y` of plane `z` to `to`, which has its width; `half` is scratch.
    #[inline]
    pub fn row(&self, z: usize, y: usize, to: &mut [f32], half: &mut Vec<f32>) {
        self.stored_row(z, y).write(to, half);
    }

    /// Writes rows of plane `z`, from row `y` on, to their `places` in `to`; `half` is scratch.
    pub fn rows(&self, z: usize, y: usize, to: &mut [f32], places: Places, half: &mut Vec<f32>) {
        let width = self.shape[2];
        match self.read {
            ChannelRead::Plain => {
                for (r, row) in self.stored(z, y, places.rows).chunks_exact(width).enumerate() {
                    to[places.at(r)..][..width].copy_from_slice(row);
                }
            }
            ChannelRead::NormRelu(scale) => norm_relu_rows(self.stored(z, y, places.rows), width, scale, to, places),
            ChannelRead::Upsampled([.., along]) => {
                for r in 0..places.rows {
                    self.row(z, y + r, &mut to[places.at(r)..][..2 * along.size()], half);
                }
            }
        }
    }

    /// Asks for a row before it is read.
    pub fn prefetch(&self, z: usize, y: usize) {
        if !matches!(self.read, ChannelRead::Upsampled(_)) {
            self.stored(z, y, 1).as_chunks::<LINE>().0.iter().for_each(prefetch);
        }
    }

    /// As [`prefetch`](Self::prefetch), for a row that is read when much else has been.
    pub fn prefetch_for_later(&self, z: usize, y: usize) {
        if !matches!(self.read, ChannelRead::Upsampled(_)) {
            self.stored(z, y, 1).as_chunks::<LINE>().0.iter().for_each(prefetch_for_later);
        }
    }

    #[inline]
    fn stored(&self, z: usize, y: usize, rows: usize) -> &'a [f32] {
        let [_, height, width] = self.shape;
        &self.values[(z * height + y) * width..][..rows * width]
    }
}

vectorised! {
    fn norm_relu_rows(x: &[f32], width: usize, scale: Scale, to: &mut [f32], places: Places) {
        for (r, row) in x.chunks_exact(width).enumerate() {
            for (to, &x) in to[places.at(r)..][..width].iter_mut().zip(row) {
                *to = scale.of(x);
            }
        }
    }

    fn norm_relu(x: &[f32], scale: Scale, to: &mut [f32]) {
        for (to, &x) in to.iter_mut().zip(x) {
            *to = scale.of(x);
        }
    }

    fn blend(rows: [&[f32]; 4], weights: [f32; 4], to: &mut [f32]) {
        let [a, b, c, d] = rows;
        for ((((to, &a), &b), &c), &d) in to.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *to = (a * weights[0] + b * weights[1]) + (c * weights[2] + d * weights[3]);
        }
    }
}
