//! From a file's voxels to what a network sees.

use medseg_volume::{Axes, Dhw, Geometry, Orientation, Volume};
use ndarray::{Array3, Array4, Axis};
use serde::{Deserialize, Serialize};

use crate::{Intensity, Interpolation, LabelInterpolation, Sample, TransformError, resize};

/// Brings images to the grid and the range of a network: reorients, then resamples, then changes intensities.
///
/// Training, validation and prediction call the same methods, so a network meets the same voxels in all three.
///
/// ```
/// use medseg_transforms::{Intensity, Preprocessing};
/// use medseg_volume::{Dhw, Geometry, Orientation, Volume};
///
/// let preprocessing = Preprocessing {
///     orientation: Some(Orientation::RAS),
///     spacing_mm: Some(Dhw { d: 2.5, h: 0.8, w: 0.8 }),
///     intensity: Intensity::Window { low: -300.0, high: 300.0 },
/// };
/// let lps = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?;
/// let image = preprocessing.apply(Volume::new(ndarray::Array3::zeros((4, 6, 8)), lps));
/// assert_eq!(image.shape(), Dhw { d: 8, h: 6, w: 8 });
/// assert_eq!(image.geometry.orientation(), Orientation::RAS);
/// assert_eq!(image.data[[0, 0, 0]], 0.5);
/// # Ok::<(), medseg_volume::VolumeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Directions of the axes for the networks, such as `RAS`; as in the image if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
    /// Millimetres between voxels along `[depth, height, width]` of the reoriented image; as in the image if not given.
    /// The image's extent is divided into the nearest whole number of such voxels, so the spacing is met to within half a
    /// voxel over the whole axis. Images are resampled trilinearly, without smoothing where voxels get larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<Dhw<f64>>,
    /// From stored values to the networks' range, after resampling.
    pub intensity: Intensity,
}

impl Default for Preprocessing {
    /// The grid as it is; the reference experiments' CT window, -300 to 300 HU.
    fn default() -> Self {
        Self { orientation: None, spacing_mm: None, intensity: Intensity::Window { low: -300.0, high: 300.0 } }
    }
}

impl Preprocessing {
    /// With axes that point this way.
    #[must_use]
    pub fn with_orientation(self, orientation: Orientation) -> Self {
        Self { orientation: Some(orientation), ..self }
    }

    /// With voxels of this many millimetres along `[depth, height, width]`.
    #[must_use]
    pub fn with_spacing_mm(self, spacing_mm: Dhw<f64>) -> Self {
        Self { spacing_mm: Some(spacing_mm), ..self }
    }

    /// With another change of intensities.
    #[must_use]
    pub fn with_intensity(self, intensity: Intensity) -> Self {
        Self { intensity, ..self }
    }

    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] for a spacing that is not positive and finite, or an empty range of intensities.
    pub fn validate(&self) -> Result<(), TransformError> {
        if let Some(spacing) = self.spacing_mm
            && !spacing.to_array().into_iter().all(|mm| mm > 0.0 && mm.is_finite())
        {
            return Err(TransformError::parameter("spacing_mm", spacing, "must be positive on every axis"));
        }
        self.intensity.validate()
    }

    /// The change of axes for an image with this geometry.
    #[must_use]
    pub fn axes(&self, geometry: &Geometry) -> Axes {
        let from = geometry.orientation();
        Axes::between(from, self.orientation.unwrap_or(from))
    }

    /// Shape and geometry of the networks' grid for an image of `shape`.
    ///
    /// ```
    /// use medseg_transforms::Preprocessing;
    /// use medseg_volume::{Dhw, Geometry, Orientation};
    ///
    /// let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?; // axes point to LPS
    /// let preprocessing = Preprocessing::default()
    ///     .with_orientation(Orientation::RAS)
    ///     .with_spacing_mm(Dhw { d: 2.5, h: 1.6, w: 1.6 });
    /// let (shape, grid) = preprocessing.grid(Dhw { d: 40, h: 500, w: 500 }, &geometry);
    /// assert_eq!(shape, Dhw { d: 80, h: 250, w: 250 });
    /// assert_eq!(grid.orientation(), Orientation::RAS);
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    #[must_use]
    pub fn grid(&self, shape: Dhw<usize>, geometry: &Geometry) -> (Dhw<usize>, Geometry) {
        let axes = self.axes(geometry);
        let reoriented = geometry.reoriented(shape, &axes);
        let shape = axes.permuted(shape);
        let Some(spacing) = self.spacing_mm else { return (shape, reoriented) };
        let to = reoriented.extent(shape).zip(spacing).map(|(extent, mm)| (extent / mm).round().max(1.0) as usize);
        (to, reoriented.resized(shape, to))
    }

    /// The image as the networks see it; changed in place as far as that is possible.
    #[must_use]
    pub fn apply(&self, image: Volume<f32>) -> Volume<f32> {
        let (shape, geometry) = self.grid(image.shape(), &image.geometry);
        Volume::new(self.image(image.data, self.axes(&image.geometry), shape), geometry)
    }

    /// As [`apply`](Self::apply), on a copy.
    #[must_use]
    pub fn applied(&self, image: &Volume<f32>) -> Volume<f32> {
        let (shape, geometry) = self.grid(image.shape(), &image.geometry);
        let reoriented = self.axes(&image.geometry).apply(&image.data.view());
        Volume::new(self.image(reoriented, Axes::IDENTITY, shape), geometry)
    }

    /// As [`apply`](Self::apply), for an image `[channel, depth, height, width]`; each channel has intensities of its own.
    #[must_use]
    pub fn apply_channels(&self, image: Array4<f32>, geometry: &Geometry) -> (Array4<f32>, Geometry) {
        let (_, d, h, w) = image.dim();
        let (shape, grid) = self.grid(Dhw { d, h, w }, geometry);
        let axes = self.axes(geometry);
        (channels(image, |channel| self.image(channel, axes, shape)), grid)
    }

    /// A label on the grid of the image that it belongs to; values stay as they are.
    #[must_use]
    pub fn apply_label(&self, label: Volume<u8>, interpolation: LabelInterpolation) -> Volume<u8> {
        let (shape, geometry) = self.grid(label.shape(), &label.geometry);
        Volume::new(reoriented_label(label.data, self.axes(&label.geometry), shape, interpolation), geometry)
    }

    /// Image and label of a sample on the networks' grid; each channel has intensities of its own. The label follows the
    /// image's geometry.
    #[must_use]
    pub fn apply_to_sample(&self, sample: Sample, interpolation: LabelInterpolation) -> Sample {
        let axes = self.axes(&sample.geometry);
        let (shape, geometry) = self.grid(sample.shape(), &sample.geometry);
        let image = channels(sample.image, |channel| self.image(channel, axes, shape));
        let label = sample.label.map(|label| reoriented_label(label, axes, shape, interpolation));
        Sample { id: sample.id, image, label, geometry }
    }

    fn image(&self, data: Array3<f32>, axes: Axes, shape: Dhw<usize>) -> Array3<f32> {
        let reoriented = if axes.is_identity() { data } else { axes.apply(&data.view()) };
        let mut data = if Dhw::from(reoriented.dim()) == shape {
            reoriented
        } else {
            resize(&reoriented.view(), shape, Interpolation::Trilinear { align_corners: false })
        };
        self.intensity.apply(&mut data);
        data
    }
}

fn reoriented_label(data: Array3<u8>, axes: Axes, shape: Dhw<usize>, how: LabelInterpolation) -> Array3<u8> {
    let reoriented = if axes.is_identity() { data } else { axes.apply(&data.view()) };
    if Dhw::from(reoriented.dim()) == shape { reoriented } else { how.resize(&reoriented.view(), shape) }
}

/// Changes every channel; a single one without a copy.
fn channels(image: Array4<f32>, change: impl Fn(Array3<f32>) -> Array3<f32>) -> Array4<f32> {
    if image.dim().0 == 1 {
        return change(image.index_axis_move(Axis(0), 0)).insert_axis(Axis(0));
    }
    // One channel at a time beside the image and the result.
    let mut changed = Array4::zeros((0, 0, 0, 0));
    for (number, channel) in image.outer_iter().enumerate() {
        let channel = change(channel.to_owned());
        if number == 0 {
            let (d, h, w) = channel.dim();
            changed = Array4::zeros((image.dim().0, d, h, w));
        }
        changed.index_axis_mut(Axis(0), number).assign(&channel);
    }
    changed
}
