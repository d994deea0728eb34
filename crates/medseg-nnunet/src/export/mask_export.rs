//! Masks from logits.

use half::f16;
use ndarray::{Array2, Array3, ArrayView3, s};
use rayon::prelude::*;

use super::resample::Scratch;
use super::stream::Stream;
use super::{ExportError, ExportGeometry, LabelRule, Mask};
use crate::window::{BoxError, LogitsSink};

/// Turns logits into a mask on the image's grid, slice by slice: logits of full resolution exist for a row of voxels at a time.
///
/// ```
/// use half::f16;
/// use medseg_nnunet::export::{ExportGeometry, LabelRule, LogitResampling, Mask, MaskExport};
/// use ndarray::Array4;
///
/// let geometry = ExportGeometry {
///     network: [1, 1, 2],
///     cropped: [1, 1, 4],
///     full: [1, 1, 6],
///     start: [0, 0, 1],
///     transpose_backward: [0, 1, 2],
///     resampling: LogitResampling::Linear { separate: None },
/// };
/// let logits = Array4::from_shape_vec((2, 1, 1, 2), vec![1.0, 0.0, 0.0, 1.0]).unwrap().mapv(f16::from_f32);
/// let mask = MaskExport::of(logits.view(), geometry, LabelRule::Argmax { classes: 2 })?;
/// assert_eq!(mask, Mask::U8(ndarray::array![[[0, 0, 0, 1, 1, 0]]]));
/// # Ok::<(), medseg_nnunet::export::ExportError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MaskExport {
    geometry: ExportGeometry,
    rule: LabelRule,
    stream: Stream,
    mask: Mask,
}

impl MaskExport {
    /// Allocates the mask.
    ///
    /// # Errors
    /// [`ExportError::Geometry`] and [`ExportError::Classes`] for values that contradict each other.
    pub fn new(geometry: ExportGeometry, rule: LabelRule) -> Result<Self, ExportError> {
        geometry.validate()?;
        rule.validate()?;
        let mask = Mask::zeros(geometry.output_shape(), rule.largest_label());
        let stream = Stream::new(&geometry, rule.classes());
        Ok(Self { geometry, rule, stream, mask })
    }

    /// Exports logits [class, depth, height, width] at once.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`push`](Self::push).
    pub fn of(
        logits: ndarray::ArrayView4<'_, f16>,
        geometry: ExportGeometry,
        rule: LabelRule,
    ) -> Result<Mask, ExportError> {
        let mut export = Self::new(geometry, rule)?;
        for (at, slice) in logits.axis_iter(ndarray::Axis(1)).enumerate() {
            export.push(at, slice)?;
        }
        export.finish()
    }

    /// Receives slice `at` of the logits, [class, height, width].
    ///
    /// # Errors
    /// [`ExportError::Slice`] and [`ExportError::Order`] for other slices than announced.
    pub fn push(&mut self, at: usize, logits: ArrayView3<'_, f16>) -> Result<(), ExportError> {
        let Self { geometry, rule, stream, mask } = self;
        let [_, height, width] = geometry.cropped;
        let mut labels = Array2::<u16>::zeros((height, width));
        stream.push(at, logits, |stream, z| {
            if let Some(labels) = labels.as_slice_mut() {
                let buffers = <(Scratch, [Vec<f32>; 2])>::default;
                labels.par_chunks_mut(width).enumerate().for_each_init(buffers, |(scratch, rows), (y, labels)| {
                    rule.label_logits(labels, rows, |class, out| stream.row(class, [z, y], out, scratch));
                });
            }
            match mask {
                Mask::U8(mask) => paste(mask, geometry, z, &labels, |label| label as u8),
                Mask::U16(mask) => paste(mask, geometry, z, &labels, |label| label),
            }
        })
    }

    /// The mask, in the image's order of axes.
    ///
    /// # Errors
    /// [`ExportError::Incomplete`] if slices are missing.
    pub fn finish(self) -> Result<Mask, ExportError> {
        self.stream.finish()?;
        Ok(self.mask)
    }
}

impl LogitsSink for MaskExport {
    fn slice(&mut self, at: usize, logits: ArrayView3<'_, f16>) -> Result<(), BoxError> {
        Ok(self.push(at, logits)?)
    }
}

/// Writes slice `z` of the cropped grid into the mask.
fn paste<T>(mask: &mut Array3<T>, geometry: &ExportGeometry, z: usize, labels: &Array2<u16>, to: impl Fn(u16) -> T) {
    let mask = mask.view_mut().permuted_axes(geometry.forward());
    let [d, h, w] = geometry.start;
    let [_, height, width] = geometry.cropped;
    let mut mask = mask.slice_move(s![d + z, h..h + height, w..w + width]);
    mask.zip_mut_with(labels, |voxel, label| *voxel = to(*label));
}
