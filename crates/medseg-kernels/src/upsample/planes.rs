//! Upsampling a channel plane by plane, and the transposed operation.

use super::axis::Axis;
use crate::isa::vectorised;

/// The doubled axes of a channel: `[depth, height, width]`.
pub(crate) type Axes = [Axis; 3];

/// Upsamples one channel; keeps the last two input planes, upsampled along height and width.
pub(crate) struct Upsampler<'a> {
    axes: &'a Axes,
    channel: &'a [f32],
    /// Input plane `z` lies in slot `z % 2`.
    slots: [(Option<usize>, Vec<f32>); 2],
    /// One input plane upsampled along the width alone.
    wide: Vec<f32>,
}

impl<'a> Upsampler<'a> {
    pub(crate) fn new(axes: &'a Axes, channel: &'a [f32]) -> Self {
        let [_, height, width] = axes.each_ref().map(Axis::size);
        let slot = || (None, vec![0.0; 4 * height * width]);
        Self { axes, channel, slots: [slot(), slot()], wide: vec![0.0; 2 * height * width] }
    }

    /// Writes all of output plane `number`.
    pub(crate) fn plane(&mut self, number: usize, out: &mut [f32]) {
        let [(low, low_weight), (high, high_weight)] = self.axes[0].sources(number);
        self.upsample(low);
        self.upsample(high);
        let slot = |z: usize| self.slots[z % 2].1.as_slice();
        blend_to(slot(low), slot(high), low_weight, high_weight, out);
    }

    /// Upsamples input plane `z` along height and width into its slot, unless it is there already.
    fn upsample(&mut self, z: usize) {
        let [_, height, width] = self.axes.each_ref().map(Axis::size);
        let (held, plane) = &mut self.slots[z % 2];
        if held.replace(z) == Some(z) {
            return;
        }
        let source = &self.channel[z * height * width..][..height * width];
        for (row, wide) in source.chunks(width).zip(self.wide.chunks_mut(2 * width)) {
            self.axes[2].widen(row, wide);
        }
        for (number, out) in plane.chunks_mut(2 * width).enumerate() {
            let [(low, low_weight), (high, high_weight)] = self.axes[1].sources(number);
            let row = |y: usize| &self.wide[y * 2 * width..][..2 * width];
            blend(row(low), row(high), low_weight, high_weight, out);
        }
    }
}

/// Gathers the gradient of a channel of the input from that of the output.
pub(crate) struct Gatherer<'a> {
    axes: &'a Axes,
    /// Gradient of the channel's output.
    channel: &'a [f32],
    /// Gathered along depth: [2 height, 2 width].
    flat: Vec<f32>,
    /// Gathered along depth and height: one row of [2 width].
    row: Vec<f32>,
}

impl<'a> Gatherer<'a> {
    pub(crate) fn new(axes: &'a Axes, channel: &'a [f32]) -> Self {
        let [_, height, width] = axes.each_ref().map(Axis::size);
        Self { axes, channel, flat: vec![0.0; 4 * height * width], row: vec![0.0; 2 * width] }
    }

    /// Writes all of plane `number` of the input's gradient.
    pub(crate) fn plane(&mut self, number: usize, out: &mut [f32]) {
        let [_, _, width] = self.axes.each_ref().map(Axis::size);
        let plane = self.flat.len();
        let targets = self.axes[0].targets(number);
        let planes = targets.map(|(z, _)| &self.channel[z * plane..][..plane]);
        gather(planes, targets.map(|(_, weight)| weight), &mut self.flat);
        for (y, out) in out.chunks_mut(width).enumerate() {
            let targets = self.axes[1].targets(y);
            let rows = targets.map(|(row, _)| &self.flat[row * 2 * width..][..2 * width]);
            gather(rows, targets.map(|(_, weight)| weight), &mut self.row);
            narrow(&self.row, out, &self.axes[2]);
        }
    }
}

/// Gathers a row of the output's gradient along the width.
fn narrow(row: &[f32], out: &mut [f32], axis: &Axis) {
    let width = out.len();
    let at_end = |x: usize| axis.targets(x).iter().map(|&(voxel, weight)| row[voxel] * weight).sum::<f32>();
    out[0] = at_end(0);
    out[width - 1] = at_end(width - 1);
    if width > 2 {
        narrow_inside(row, &mut out[1..width - 1], &axis.even, &axis.odd);
    }
}

vectorised! {
    /// `low * low_weight + high * high_weight`.
    fn blend(low: &[f32], high: &[f32], low_weight: f32, high_weight: f32, out: &mut [f32]) {
        for ((out, &low), &high) in out.iter_mut().zip(low).zip(high) {
            *out = low * low_weight + high * high_weight;
        }
    }

    /// [`blend`] into fresh memory.
    fn blend_to(low: &[f32], high: &[f32], low_weight: f32, high_weight: f32, out: &mut [f32]) {
        for ((out, &low), &high) in out.iter_mut().zip(low).zip(high) {
            *out = low * low_weight + high * high_weight;
        }
    }

    /// Weighted sum of four rows.
    fn gather(rows: [&[f32]; 4], weights: [f32; 4], out: &mut [f32]) {
        let [a, b, c, d] = rows;
        for ((((out, &a), &b), &c), &d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *out = (a * weights[0] + b * weights[1]) + (c * weights[2] + d * weights[3]);
        }
    }

    /// Gathers along the width for input voxels 1 to `width - 2`.
    fn narrow_inside(row: &[f32], out: &mut [f32], even: &[[f32; 2]], odd: &[[f32; 2]]) {
        // Input voxel x gets from output voxels 2 x - 1 to 2 x + 2.
        let (low, _) = row[1..].as_chunks::<2>();
        let (high, _) = row[3..].as_chunks::<2>();
        let weights = odd.iter().zip(&even[1..]).zip(odd[1..].iter().zip(&even[2..]));
        for (((out, low), high), ((before, own_even), (own_odd, after))) in
            out.iter_mut().zip(low).zip(high).zip(weights)
        {
            let first = low[0] * before[1] + low[1] * own_even[1];
            let second = high[0] * own_odd[0] + high[1] * after[0];
            *out = first + second;
        }
    }
}
