//! Where a convolution reads its input: rows of one or two tensors, changed on the way in.

use crate::upsample::axis::Axis;
use crate::vectorised::vectorised;

/// How the values of a tensor are changed while they are read.
#[derive(Clone, Copy)]
pub(in super::super) enum Read<'a> {
    /// As they are.
    Plain,
    /// Normalised and rectified, by one [`Scale`] a channel of a sample.
    Rectified(&'a [Scale]),
    /// Enlarged to twice the sides by trilinear interpolation; the axes are those of the tensor as it is stored.
    Enlarged(&'a [Axis; 3]),
}

/// `relu(((x - shift) - rest) · scale + bias)`, with this slope of the ReLU below 0.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Scale {
    pub shift: f32,
    pub rest: f32,
    pub scale: f32,
    pub bias: f32,
    pub slope: f32,
}

/// Channels of a source that lie in one tensor `[batch, channels, ...]`.
#[derive(Clone, Copy)]
pub(in super::super) struct Part<'a> {
    pub values: &'a [f32],
    pub channels: usize,
    pub read: Read<'a>,
}

/// The input of a convolution: the channels of its parts one after the other.
#[derive(Clone, Copy)]
pub(in super::super) struct Source<'a> {
    pub batch: usize,
    /// Sides as read.
    pub sides: [usize; 3],
    pub parts: &'a [Part<'a>],
}

impl<'a> Source<'a> {
    /// # Panics
    /// If a part has another number of values than its channels and the sides ask for.
    pub fn new(batch: usize, sides: [usize; 3], parts: &'a [Part<'a>]) -> Self {
        for part in parts {
            let stored = part.stored_sides(sides);
            if let Read::Enlarged(_) = part.read {
                assert_eq!(stored.map(|s| 2 * s), sides, "sides of what is enlarged");
            }
            if let Read::Rectified(scales) = part.read {
                assert_eq!(scales.len(), batch * part.channels, "scales");
            }
            assert_eq!(part.values.len(), batch * part.channels * stored.iter().product::<usize>(), "input values");
        }
        Self { batch, sides, parts }
    }

    /// Channels of all parts.
    pub fn channels(&self) -> usize {
        self.parts.iter().map(|part| part.channels).sum()
    }

    /// One channel of one sample.
    pub(super) fn channel(&self, sample: usize, mut channel: usize) -> Channel<'a> {
        for part in self.parts {
            if channel < part.channels {
                let row = sample * part.channels + channel;
                let sides = part.stored_sides(self.sides);
                let voxels: usize = sides.iter().product();
                return Channel {
                    values: &part.values[row * voxels..][..voxels],
                    sides,
                    read: match part.read {
                        Read::Plain => ChannelRead::Plain,
                        Read::Rectified(scales) => ChannelRead::Rectified(scales[row]),
                        Read::Enlarged(axes) => ChannelRead::Enlarged(axes),
                    },
                };
            }
            channel -= part.channels;
        }
        panic!("no such channel");
    }
}

impl Part<'_> {
    fn stored_sides(&self, sides: [usize; 3]) -> [usize; 3] {
        match self.read {
            Read::Enlarged(axes) => axes.each_ref().map(Axis::side),
            _ => sides,
        }
    }
}

/// One channel of one sample of a [`Source`].
#[derive(Clone, Copy)]
pub(super) struct Channel<'a> {
    values: &'a [f32],
    /// Sides as stored.
    sides: [usize; 3],
    read: ChannelRead<'a>,
}

#[derive(Clone, Copy)]
enum ChannelRead<'a> {
    Plain,
    Rectified(Scale),
    Enlarged(&'a [Axis; 3]),
}

impl<'a> Channel<'a> {
    /// Rows `y` to `y + rows` of plane `z` if they can be used where they lie.
    pub fn in_place(&self, z: usize, y: usize, rows: usize) -> Option<&'a [f32]> {
        match self.read {
            ChannelRead::Plain => Some(self.stored(z, y, rows)),
            _ => None,
        }
    }

    /// Writes row `y` of plane `z` to `to`, which has its width; `half` is scratch.
    pub fn row(&self, z: usize, y: usize, to: &mut [f32], half: &mut Vec<f32>) {
        match self.read {
            ChannelRead::Plain => to.copy_from_slice(self.stored(z, y, 1)),
            ChannelRead::Rectified(scale) => rectified(self.stored(z, y, 1), scale, to),
            ChannelRead::Enlarged([depth, height, width]) => {
                let (planes, rows) = (depth.sources(z), height.sources(y));
                half.resize(width.side(), 0.0);
                let row = |z: usize, y: usize| self.stored(planes[z].0, rows[y].0, 1);
                let weight = |z: usize, y: usize| planes[z].1 * rows[y].1;
                blend(
                    [row(0, 0), row(0, 1), row(1, 0), row(1, 1)],
                    [weight(0, 0), weight(0, 1), weight(1, 0), weight(1, 1)],
                    half,
                );
                width.widen(half, to);
            }
        }
    }

    /// Asks for a row's memory before it is needed.
    pub fn expect(&self, z: usize, y: usize) {
        #[cfg(target_arch = "x86_64")]
        if !matches!(self.read, ChannelRead::Enlarged(_)) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            for line in self.stored(z, y, 1).chunks(16) {
                // SAFETY: a prefetch has no effect but on the cache, whatever the address; this one is valid.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (z, y);
    }

    fn stored(&self, z: usize, y: usize, rows: usize) -> &'a [f32] {
        let [_, height, width] = self.sides;
        &self.values[(z * height + y) * width..][..rows * width]
    }
}

vectorised! {
    fn rectified(x: &[f32], scale: Scale, to: &mut [f32]) {
        for (to, &x) in to.iter_mut().zip(x) {
            let y = ((x - scale.shift) - scale.rest) * scale.scale + scale.bias;
            // Not `max`: a NaN passes through.
            let [high, low] = if y <= 0.0 { [0.0, y] } else { [y, 0.0] };
            *to = high + low * scale.slope;
        }
    }

    fn blend(rows: [&[f32]; 4], weights: [f32; 4], to: &mut [f32]) {
        let [a, b, c, d] = rows;
        for ((((to, &a), &b), &c), &d) in to.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *to = (a * weights[0] + b * weights[1]) + (c * weights[2] + d * weights[3]);
        }
    }
}
