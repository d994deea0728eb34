//! The largest volume that a pipeline makes, before it makes any.

use medseg_volume::{Axes, Dhw, Geometry};

use crate::{Pipeline, Step, TransformError};

impl Pipeline<Step> {
    /// The largest shape among an image of this shape and its steps' results, before a voxel is computed: crops are counted
    /// as if they cut nothing, so it is an upper bound.
    ///
    /// A spacing in the wrong unit and a size that cannot be meant show here, while they have taken no memory yet.
    ///
    /// ```
    /// use medseg_transforms::{Pipeline, Step};
    /// use medseg_volume::{Dhw, Geometry};
    ///
    /// let pipeline: Pipeline = serde_json::from_str(r#"{"steps": [{"transform": "spacing", "spacing": [0.001, 1.0, 1.0]}]}"#)?;
    /// let geometry = Geometry::from_spacing(Dhw::splat(1.0))?;
    /// assert_eq!(pipeline.largest_shape(Dhw::splat(100), &geometry)?, Dhw { d: 99001, h: 100, w: 100 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TransformError::Parameter`] for a spacing whose grid no volume has.
    pub fn largest_shape(&self, image: Dhw<usize>, geometry: &Geometry) -> Result<Dhw<usize>, TransformError> {
        let (mut shape, mut geometry, mut largest) = (image, geometry.clone(), image);
        for step in &self.steps {
            let next = match step {
                Step::Reorient(turn) => {
                    let axes = Axes::between(geometry.orientation(), turn.to);
                    geometry = geometry.reoriented(shape, &axes);
                    axes.permuted(shape)
                }
                Step::Respace(respace) => respace.grid(shape, &geometry)?.0,
                Step::Resize(resize) => resize.size,
                Step::CropOrPad(to) => to.size,
                Step::SpatialPad(pad) => shape.zip(pad.size).map(|(shape, size)| shape.max(size)),
                Step::DivisiblePad(pad) => shape.zip(pad.k).map(|(shape, k)| multiple(shape, k)),
                Step::CropBox(crop) => crop.region.size,
                Step::CropForeground(crop) => {
                    let margin = |(shape, margin): (usize, usize)| shape.saturating_add(margin.saturating_mul(2));
                    shape.zip(crop.margin).map(margin).zip(crop.k_divisible).map(|(shape, k)| multiple(shape, k))
                }
                Step::Zoom(zoom) if !zoom.keep_size => {
                    shape.zip(zoom.factor).map(|(shape, factor)| (shape as f64 * factor.max(0.0)).ceil() as usize)
                }
                _ => shape,
            };
            if !matches!(step, Step::Reorient(_)) && next != shape {
                geometry = geometry.resized(shape, next.map(|n| n.max(1)));
            }
            shape = next;
            if shape.voxels() > largest.voxels() {
                largest = shape;
            }
        }
        Ok(largest)
    }
}

fn multiple(shape: usize, of: usize) -> usize {
    shape.checked_next_multiple_of(of.max(1)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_that_enlarges_is_counted() {
        let geometry = Geometry::from_spacing(Dhw { d: 2.0, h: -1.0, w: -1.0 }).unwrap();
        let image = Dhw { d: 10, h: 20, w: 30 };
        let of = |steps: &str| {
            let pipeline: Pipeline = serde_json::from_str(&format!(r#"{{"steps": [{steps}]}}"#)).unwrap();
            pipeline.largest_shape(image, &geometry).unwrap().to_array()
        };
        assert_eq!(of(""), [10, 20, 30]);
        let intensity = r#"{"transform": "intensity", "change": {"ct_window": "liver"}}"#;
        let spacing = r#"{"transform": "spacing", "spacing": [0.5, 1.0, 1.0]}"#;
        assert_eq!(of(&format!("{intensity}, {spacing}")), [37, 20, 30]);
        assert_eq!(of(&format!(r#"{{"transform": "orientation", "to": "SPL"}}, {spacing}"#)), [59, 20, 19]);
        assert_eq!(of(r#"{"transform": "resize", "size": [9, 1000, 8]}"#), [9, 1000, 8]);
        assert_eq!(of(r#"{"transform": "spatial_pad", "size": [12, 1, 40]}"#), [12, 20, 40]);
        assert_eq!(of(r#"{"transform": "divisible_pad", "k": [16, 16, 16]}"#), [16, 32, 32]);
        let foreground = r#"{"transform": "crop_foreground", "source": {"image_above": 0.0}, "margin": [5, 5, 5]}"#;
        assert_eq!(of(foreground), [20, 30, 40]);
        assert_eq!(of(r#"{"transform": "resize", "size": [2, 2, 2]}, {"transform": "crop_body"}"#), [10, 20, 30]);
    }
}
