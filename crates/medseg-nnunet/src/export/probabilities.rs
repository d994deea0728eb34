//! Probabilities on the image's grid.

use half::f16;
use ndarray::{Array4, ArrayView3, Axis, s};
use rayon::prelude::*;

use super::resample::Scratch;
use super::stream::Stream;
use super::{ExportError, ExportGeometry, LabelRule};
use crate::window::{BoxError, LogitsSink};

/// Turns logits into probabilities on the image's grid, [class, depth, height, width] in f32.
///
/// Softmax over the classes, or a sigmoid for each region. Outside the crop the background has probability 1, regions have 0.
/// The result takes 4 bytes a voxel and class, so masks are better made by [`MaskExport`](super::MaskExport).
///
/// Source: nnU-Net v2, `--save_probabilities`.
#[derive(Clone, Debug)]
pub struct ProbabilityExport {
    geometry: ExportGeometry,
    rule: LabelRule,
    stream: Stream,
    probabilities: Array4<f32>,
}

impl ProbabilityExport {
    /// Allocates the probabilities.
    ///
    /// # Errors
    /// [`ExportError::Geometry`] and [`ExportError::Classes`] for values that contradict each other.
    pub fn new(geometry: ExportGeometry, rule: LabelRule) -> Result<Self, ExportError> {
        geometry.validate()?;
        rule.validate()?;
        let [depth, height, width] = geometry.output_shape();
        let values = rule.classes() as f64 * (depth as f64 * height as f64 * width as f64);
        if values > (1_u64 << 48) as f64 {
            let (what, expected) = ("classes and full shape", "must have at most 2^48 probabilities");
            let found = format!("{} and {:?}", rule.classes(), geometry.full);
            return Err(ExportError::Geometry { what, found, expected });
        }
        let mut probabilities = Array4::zeros((rule.classes(), depth, height, width));
        if matches!(rule, LabelRule::Argmax { .. }) {
            probabilities.index_axis_mut(Axis(0), 0).fill(1.0);
        }
        let stream = Stream::new(&geometry, rule.classes());
        Ok(Self { geometry, rule, stream, probabilities })
    }

    /// Receives slice `at` of the logits, [class, height, width].
    ///
    /// # Errors
    /// [`ExportError::Slice`] and [`ExportError::Order`] for other slices than announced.
    pub fn push(&mut self, at: usize, logits: ArrayView3<'_, f16>) -> Result<(), ExportError> {
        let Self { geometry, rule, stream, probabilities } = self;
        let [_, height, width] = geometry.cropped;
        let [d, h, w] = geometry.start;
        let [first, second, third] = geometry.forward().map(|axis| axis + 1);
        // [height, class, width]: a row of voxels with all its channels lies together.
        let mut plane = ndarray::Array3::<f32>::zeros((height, rule.classes(), width));
        stream.push(at, logits, |stream, z| {
            if let Some(plane) = plane.as_slice_mut() {
                let rows = plane.par_chunks_mut(width * rule.classes()).enumerate();
                rows.for_each_init(Scratch::default, |scratch, (y, row)| {
                    for (class, out) in row.chunks_mut(width).enumerate() {
                        stream.row(class, [z, y], out, scratch);
                    }
                    match rule {
                        LabelRule::Argmax { .. } => softmax(row, width),
                        LabelRule::Regions { .. } => row.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp())),
                    }
                });
            }
            let all = probabilities.view_mut().permuted_axes([0, first, second, third]);
            let mut target = all.slice_move(s![.., d + z, h..h + height, w..w + width]);
            target.assign(&plane.view().permuted_axes([1, 0, 2]));
        })
    }

    /// The probabilities [class, depth, height, width], in the image's order of axes.
    ///
    /// # Errors
    /// [`ExportError::Incomplete`] if slices are missing.
    pub fn finish(self) -> Result<Array4<f32>, ExportError> {
        self.stream.finish()?;
        Ok(self.probabilities)
    }
}

impl LogitsSink for ProbabilityExport {
    fn slice(&mut self, at: usize, logits: ArrayView3<'_, f16>) -> Result<(), BoxError> {
        Ok(self.push(at, logits)?)
    }
}

/// Softmax over the classes of a row [class, width].
fn softmax(row: &mut [f32], width: usize) {
    let mut largest = vec![f32::NEG_INFINITY; width];
    let mut sums = vec![0.0; width];
    for class in row.chunks(width) {
        largest.iter_mut().zip(class).for_each(|(most, value)| *most = most.max(*value));
    }
    for class in row.chunks_mut(width) {
        for ((value, most), sum) in class.iter_mut().zip(&largest).zip(&mut sums) {
            *value = (*value - most).exp();
            *sum += *value;
        }
    }
    for class in row.chunks_mut(width) {
        class.iter_mut().zip(&sums).for_each(|(value, sum)| *value /= sum);
    }
}
