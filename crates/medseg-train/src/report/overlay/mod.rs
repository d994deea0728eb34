//! `overlays/<case>.png`: the image with the contours of prediction and reference.

use medseg_volume::{AxisChange, Geometry, Orientation};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

use crate::TrainError;

/// Contour of the prediction: orange.
const PREDICTION: [u8; 3] = [255, 140, 0];
/// Contour of the reference: green.
const REFERENCE: [u8; 3] = [0, 220, 90];
/// Where both contours run: yellow.
const BOTH: [u8; 3] = [255, 255, 0];
/// Pixels of a panel's longer side, at least.
const PANEL: usize = 320;

/// An RGB picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row, three bytes a pixel.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// The picture as a PNG file's bytes.
    ///
    /// # Errors
    /// [`TrainError::Drawing`] if the encoder refuses it.
    pub fn png(&self) -> Result<Vec<u8>, TrainError> {
        let fail = |e: png::EncodingError| TrainError::Drawing { what: "overlay".into(), reason: e.to_string() };
        let side = |v: usize| {
            u32::try_from(v).map_err(|_| TrainError::Drawing { what: "overlay".into(), reason: "too large".into() })
        };
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side(self.width)?, side(self.height)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(fail)?;
        writer.write_image_data(&self.rgb).map_err(fail)?;
        writer.finish().map_err(fail)?;
        Ok(bytes)
    }
}

/// The axial, coronal and sagittal planes through the middle of the foreground, side by side: prediction in orange,
/// reference in green, both in yellow. `window` is the intensity shown as black and white.
///
/// Drawn as radiologists look at them, whatever the file's axes: anterior or superior up, the patient's right on the
/// left (sagittal: anterior on the left). Millimetres are equal in both directions.
#[must_use]
pub fn overlay(
    image: &Array3<f32>,
    prediction: &Array3<u8>,
    reference: Option<&Array3<u8>>,
    geometry: &Geometry,
    window: [f32; 2],
) -> Picture {
    let change = AxisChange::between(geometry.orientation(), Orientation::LPI);
    let image = change.view(image.view());
    let prediction = change.view(prediction.view());
    let reference = reference.map(|r| change.view(r.view()));
    let shown = reference.filter(|r| r.iter().any(|&v| v != 0)).unwrap_or(prediction);
    let centre = centre_of(&shown);
    let spacing = change.permuted(geometry.spacing()).to_array();
    let panels: Vec<Picture> = (0..3)
        .map(|axis| {
            let plane = Axis(axis);
            let [rows, columns] = [usize::from(axis == 0), if axis == 2 { 1 } else { 2 }];
            panel(
                image.index_axis(plane, centre[axis]),
                prediction.index_axis(plane, centre[axis]),
                reference.as_ref().map(|r| r.index_axis(plane, centre[axis])),
                [spacing[rows], spacing[columns]],
                window,
            )
        })
        .collect();
    beside(&panels)
}

/// The intensities between which most of an image lies (1st and 99th percentile of its finite voxels).
#[must_use]
pub fn display_window(image: &Array3<f32>) -> [f32; 2] {
    let step = (image.len() / 50_000).max(1);
    let mut sample: Vec<f32> = image.iter().step_by(step).copied().filter(|v| v.is_finite()).collect();
    if sample.is_empty() {
        return [0.0, 1.0];
    }
    sample.sort_by(f32::total_cmp);
    let at = |q: f64| sample[((sample.len() - 1) as f64 * q).round() as usize];
    let (low, high) = (at(0.01), at(0.99));
    if high > low { [low, high] } else { [low - 0.5, low + 0.5] }
}

/// Centre of the non-zero voxels' bounding box, or of the volume if there are none.
fn centre_of(mask: &ArrayView3<'_, u8>) -> [usize; 3] {
    let (d, h, w) = mask.dim();
    let mut low = [usize::MAX; 3];
    let mut high = [0; 3];
    for ((z, y, x), _) in mask.indexed_iter().filter(|(_, v)| **v != 0) {
        for (axis, at) in [z, y, x].into_iter().enumerate() {
            low[axis] = low[axis].min(at);
            high[axis] = high[axis].max(at);
        }
    }
    if low[0] == usize::MAX { [d / 2, h / 2, w / 2] } else { std::array::from_fn(|a| (low[a] + high[a]) / 2) }
}

fn panel(
    image: ArrayView2<'_, f32>,
    prediction: ArrayView2<'_, u8>,
    reference: Option<ArrayView2<'_, u8>>,
    pixel_mm: [f64; 2],
    window: [f32; 2],
) -> Picture {
    let (rows, columns) = image.dim();
    let extent = [rows as f64 * pixel_mm[0], columns as f64 * pixel_mm[1]];
    let scale = PANEL as f64 / extent[0].max(extent[1]);
    let [height, width] = extent.map(|e| ((e * scale).round() as usize).clamp(1, PANEL));
    let source = |y: usize, x: usize| (y * rows / height, x * columns / width);
    let enlarged = |mask: ArrayView2<'_, u8>| Array2::from_shape_fn((height, width), |(y, x)| mask[source(y, x)] != 0);
    let predicted = enlarged(prediction);
    let expected = reference.map(enlarged);
    let mut rgb = Vec::with_capacity(height * width * 3);
    for y in 0..height {
        for x in 0..width {
            let grey = ((image[source(y, x)] - window[0]) / (window[1] - window[0])).clamp(0.0, 1.0) * 255.0;
            let on_prediction = is_edge(&predicted, y, x);
            let on_reference = expected.as_ref().is_some_and(|m| is_edge(m, y, x));
            let colour = match (on_prediction, on_reference) {
                (true, true) => BOTH,
                (true, false) => PREDICTION,
                (false, true) => REFERENCE,
                // A NaN voxel converts to 0, black.
                (false, false) => [grey as u8; 3],
            };
            rgb.extend_from_slice(&colour);
        }
    }
    Picture { width, height, rgb }
}

/// A foreground pixel with a background pixel, or the border, beside it.
fn is_edge(mask: &Array2<bool>, y: usize, x: usize) -> bool {
    let (rows, columns) = mask.dim();
    let outside = |dy: isize, dx: isize| {
        let (ny, nx) = (y.checked_add_signed(dy), x.checked_add_signed(dx));
        !matches!((ny, nx), (Some(ny), Some(nx)) if ny < rows && nx < columns && mask[[ny, nx]])
    };
    mask[[y, x]] && (outside(-1, 0) || outside(1, 0) || outside(0, -1) || outside(0, 1))
}

/// Puts pictures side by side with a dark gap, aligned at the top.
fn beside(panels: &[Picture]) -> Picture {
    const GAP: usize = 6;
    let height = panels.iter().map(|p| p.height).max().unwrap_or(1);
    let width = panels.iter().map(|p| p.width).sum::<usize>() + GAP * panels.len().saturating_sub(1);
    let mut rgb = vec![24; width * height * 3];
    let mut left = 0;
    for p in panels {
        for y in 0..p.height {
            let from = &p.rgb[y * p.width * 3..][..p.width * 3];
            rgb[(y * width + left) * 3..][..from.len()].copy_from_slice(from);
        }
        left += p.width + GAP;
    }
    Picture { width, height, rgb }
}

#[cfg(test)]
mod tests {
    use medseg_volume::Dhw;

    use super::*;

    fn cube(shape: (usize, usize, usize), low: usize, high: usize) -> Array3<u8> {
        Array3::from_shape_fn(shape, |(z, y, x)| u8::from([z, y, x].iter().all(|v| (low..high).contains(v))))
    }

    fn count(p: &Picture, colour: [u8; 3]) -> usize {
        p.rgb.chunks_exact(3).filter(|c| *c == colour).count()
    }

    #[test]
    fn equal_masks_are_drawn_as_one_contour_and_different_ones_as_two() {
        let shape = (20, 20, 20);
        let image = Array3::from_shape_fn(shape, |(z, _, _)| z as f32);
        let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
        let mask = cube(shape, 5, 15);
        let same = overlay(&image, &mask, Some(&mask), &geometry, [0.0, 20.0]);
        assert!(count(&same, BOTH) > 0);
        assert_eq!(count(&same, PREDICTION) + count(&same, REFERENCE), 0);
        let other = overlay(&image, &cube(shape, 7, 13), Some(&mask), &geometry, [0.0, 20.0]);
        assert!(count(&other, PREDICTION) > 0 && count(&other, REFERENCE) > 0);
        assert_eq!(&other.png().unwrap()[1..4], b"PNG");
    }

    #[test]
    fn the_view_is_radiological_whatever_the_files_axes() {
        // One bright voxel at the patient's upper right front, in an LPS and in a permuted file.
        for (affine, bright) in [
            ([[-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]], [7, 0, 0]),
            ([[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]], [7, 0, 7]),
        ] {
            let geometry = Geometry::from_affine(affine).unwrap();
            let (mut image, mut mask) = (Array3::<f32>::zeros((8, 8, 8)), Array3::zeros((8, 8, 8)));
            (image[bright], mask[bright]) = (1.0, 1);
            let picture = overlay(&image, &mask, None, &geometry, [0.0, 1.0]);
            // The upper left corner of each of the three planes.
            for panel in 0..3 {
                let at = panel * (PANEL + 6) * 3;
                assert_eq!(picture.rgb[at..at + 3], PREDICTION, "plane {panel} of {}", geometry.orientation());
            }
        }
    }

    #[test]
    fn anisotropic_pixels_are_stretched_and_empty_masks_show_the_middle() {
        let image = Array3::from_elem((4, 40, 40), f32::NAN);
        let geometry = Geometry::from_spacing(Dhw::from([10.0, 1.0, 1.0])).unwrap();
        let none = Array3::zeros((4, 40, 40));
        let picture = overlay(&image, &none, None, &geometry, display_window(&image));
        assert_eq!((picture.width, picture.height), (3 * PANEL + 12, PANEL));
        assert_eq!(count(&picture, PREDICTION), 0);
    }
}
