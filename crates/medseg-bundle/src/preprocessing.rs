//! From an image to what the networks see.

use medseg_transforms::{Intensity, Interpolation, resize};
use medseg_volume::{AxisChange, Dhw, Geometry, Orientation, Volume};
use serde::{Deserialize, Serialize};

use crate::error::BundleError;

/// What is done to an image before the networks: axes turned, then resampled, then intensities.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Where the axes point for the networks, such as `RAS`; as in the image if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
    /// Millimetres between voxels along `[depth, height, width]` of the turned image; as in the image if not given. The
    /// image's extent is divided into the nearest whole number of such voxels, so the spacing is met to within half a voxel
    /// over the whole axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<Dhw<f64>>,
    /// From stored values to the networks' range.
    pub intensity: Intensity,
}

impl Default for Preprocessing {
    /// The grid as it is; the experiments' CT window, -300 to 300 HU.
    fn default() -> Self {
        Self { orientation: None, spacing_mm: None, intensity: Intensity::Window { low: -300.0, high: 300.0 } }
    }
}

impl Preprocessing {
    pub(crate) fn validate(&self) -> Result<(), BundleError> {
        let fail = |what: String| Err(BundleError::Config(format!("preprocessing: {what}")));
        if let Some(spacing) = self.spacing_mm
            && !spacing.to_array().into_iter().all(|mm| mm > 0.0 && mm.is_finite())
        {
            return fail(format!("spacing_mm {spacing} has to be positive on every axis"));
        }
        self.intensity.validate().or_else(|e| fail(e.to_string()))
    }

    /// What turns the axes of an image with this geometry.
    fn change(&self, geometry: &Geometry) -> AxisChange {
        let from = geometry.orientation();
        AxisChange::between(from, self.orientation.unwrap_or(from))
    }

    /// Shape and geometry of the networks' grid for an image of `shape`.
    ///
    /// ```
    /// use medseg_bundle::Preprocessing;
    /// use medseg_volume::{Dhw, Geometry, Orientation};
    ///
    /// let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?; // axes point to LPS
    /// let preprocessing = Preprocessing {
    ///     orientation: Some(Orientation::RAS),
    ///     spacing_mm: Some(Dhw { d: 2.5, h: 1.6, w: 1.6 }),
    ///     ..Preprocessing::default()
    /// };
    /// let (shape, grid) = preprocessing.grid(Dhw { d: 40, h: 500, w: 500 }, &geometry);
    /// assert_eq!(shape, Dhw { d: 80, h: 250, w: 250 });
    /// assert_eq!(grid.orientation(), Orientation::RAS);
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    #[must_use]
    pub fn grid(&self, shape: Dhw<usize>, geometry: &Geometry) -> (Dhw<usize>, Geometry) {
        let change = self.change(geometry);
        let turned = geometry.reoriented(shape, &change);
        let shape = change.permuted(shape);
        let Some(spacing) = self.spacing_mm else { return (shape, turned) };
        let to = turned.extent(shape).zip(spacing).map(|(extent, mm)| (extent / mm).round().max(1.0) as usize);
        (to, turned.resized(shape, to))
    }

    /// The image as the networks see it; it is changed in place as far as that is possible.
    #[must_use]
    pub fn apply(&self, image: Volume<f32>) -> Volume<f32> {
        let change = self.change(&image.geometry);
        let (shape, geometry) = self.grid(image.shape(), &image.geometry);
        let turned = if change.is_identity() { image.data } else { change.apply(&image.data.view()) };
        self.finish(turned, shape, geometry)
    }

    /// As [`apply`](Self::apply), on a copy.
    #[must_use]
    pub fn applied(&self, image: &Volume<f32>) -> Volume<f32> {
        let (shape, geometry) = self.grid(image.shape(), &image.geometry);
        let turned = self.change(&image.geometry).apply(&image.data.view());
        self.finish(turned, shape, geometry)
    }

    fn finish(&self, turned: ndarray::Array3<f32>, shape: Dhw<usize>, geometry: Geometry) -> Volume<f32> {
        let mut data = if Dhw::from(turned.dim()) == shape {
            turned
        } else {
            resize(&turned.view(), shape, Interpolation::Trilinear { align_corners: false })
        };
        self.intensity.apply(&mut data);
        Volume::new(data, geometry)
    }
}
