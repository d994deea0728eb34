//! `overlays/<case>.png`: the image with the contours of prediction and reference.

mod contour;
mod label_colour;
mod legend;
mod plane;
mod view;

use medseg_volume::{Axes, Geometry, Orientation};
use ndarray::{Array3, ArrayView3};

use crate::ReportError;
use crate::picture::Picture;
pub use label_colour::label_colour;
pub use legend::with_legend;
use plane::Plane;
pub(crate) use view::View;

/// Contour of the prediction: orange, thin, on top.
pub(crate) const PREDICTION: [u8; 3] = [255, 159, 28];
/// Contour of the reference: blue, broad, below. Colour-blind readers can distinguish orange and blue, and where
/// both run the broad line still shows on either side of the thin one.
pub(crate) const REFERENCE: [u8; 3] = [64, 156, 255];
/// Pixels of a plane's side.
pub(crate) const PANEL: usize = 360;

/// The axial, coronal and sagittal planes with the most foreground of the reference (of the prediction if there is none),
/// side by side as squares of equal scale, around the foreground with a margin: reference in blue, prediction in orange.
/// Labels of several values are outlined one by one; without a reference each in its [`label_colour`]. `window` is the intensity shown as black and white.
///
/// Drawn as radiologists look at them, whatever the file's axes: anterior or superior up, the patient's right on the
/// left (sagittal: anterior on the left), with the letters of the directions and a scale bar. Millimetres are equal in both
/// directions.
///
/// # Errors
/// [`ReportError::Drawing`] if the arrays' shapes differ or the letters cannot be drawn.
pub fn overlay(
    image: &Array3<f32>,
    prediction: &Array3<u8>,
    reference: Option<&Array3<u8>>,
    geometry: &Geometry,
    window: [f32; 2],
) -> Result<Picture, ReportError> {
    if image.dim() != prediction.dim() || reference.is_some_and(|r| r.dim() != image.dim()) {
        let reason = "image, prediction and reference differ in shape";
        return Err(ReportError::drawing("an overlay", reason));
    }
    let change = Axes::between(geometry.orientation(), Orientation::LPI);
    let (image, prediction) = (change.view(image.view()), change.view(prediction.view()));
    let reference = reference.map(|r| change.view(r.view()));
    let spacing = change.permuted(geometry.spacing()).to_array();
    let view = View::around(&prediction, reference.as_ref(), spacing);
    let several = reference.is_none() && several_labels(&prediction);
    let planes = (0..3).map(|axis| {
        let plane = Plane::new(axis, &view, &image, &prediction, reference.as_ref(), spacing);
        plane.draw(window, if several { label_colour } else { |_| PREDICTION })
    });
    Ok(beside(&planes.collect::<Result<Vec<_>, _>>()?))
}

/// True if a mask has more than one value above 0.
fn several_labels(mask: &ArrayView3<'_, u8>) -> bool {
    let mut first = None;
    mask.iter().any(|label| *label != 0 && *first.get_or_insert(*label) != *label)
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

/// Puts pictures of one height side by side.
fn beside(panels: &[Picture]) -> Picture {
    let height = panels.iter().map(|p| p.height).max().unwrap_or(1);
    let width = panels.iter().map(|p| p.width).sum();
    let mut rgb = Vec::with_capacity(width * height * 3);
    for row in 0..height {
        for p in panels {
            rgb.extend_from_slice(&p.rgb[row * p.width * 3..][..p.width * 3]);
        }
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
        let near = |c: &[u8]| c.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 24);
        p.rgb.chunks_exact(3).filter(|c| near(c)).count()
    }

    fn unit() -> Geometry {
        Geometry::from_spacing(Dhw::splat(1.0)).unwrap()
    }

    #[test]
    fn both_contours_show_where_masks_agree_and_where_they_differ() {
        let shape = (20, 20, 20);
        let image = Array3::from_shape_fn(shape, |(z, _, _)| z as f32);
        let mask = cube(shape, 5, 15);
        for prediction in [mask.clone(), cube(shape, 7, 13)] {
            let picture = overlay(&image, &prediction, Some(&mask), &unit(), [0.0, 20.0]).unwrap();
            assert!(count(&picture, PREDICTION) > 200 && count(&picture, REFERENCE) > 200);
        }
        let alone = overlay(&image, &mask, None, &unit(), [0.0, 20.0]).unwrap();
        assert_eq!(count(&alone, REFERENCE), 0);
    }

    #[test]
    fn labels_of_a_lone_mask_have_colours_of_their_own_and_names_below() {
        let shape = (20, 20, 20);
        let mut mask = cube(shape, 5, 15);
        mask.slice_mut(ndarray::s![.., .., 10..]).mapv_inplace(|v| 2 * v);
        let image = Array3::zeros(shape);
        let picture = overlay(&image, &mask, None, &unit(), [0.0, 1.0]).unwrap();
        assert!(count(&picture, label_colour(1)) > 100 && count(&picture, label_colour(2)) > 100);
        assert_eq!(count(&picture, PREDICTION), 0);
        // Beside a reference, colours tell the two masks apart.
        let both = overlay(&image, &mask, Some(&mask), &unit(), [0.0, 1.0]).unwrap();
        assert!(count(&both, PREDICTION) > 100 && count(&both, REFERENCE) > 100);
        let names: Vec<(u8, String)> = (1..=40).map(|label| (label, format!("organ number {label}"))).collect();
        let named = with_legend(picture.clone(), &names).unwrap();
        assert_eq!((named.width, named.rgb.len()), (picture.width, 3 * named.width * named.height));
        assert!(named.rgb.starts_with(&picture.rgb) && named.height > picture.height + 60);
        let below =
            Picture { rgb: named.rgb[picture.rgb.len()..].to_vec(), height: named.height - picture.height, ..named };
        assert!(names.iter().all(|(label, _)| count(&below, label_colour(*label)) > 60));
        assert_eq!(with_legend(picture.clone(), &[]).unwrap(), picture);
    }

    #[test]
    fn the_view_is_radiological_whatever_the_files_axes() {
        // A bright block at the patient's upper right front, in an LPS and in a permuted file.
        for (affine, at_right, at_front, at_top) in [
            (
                [[-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
                (2, 0),
                (1, 0),
                (0, 1),
            ),
            (
                [[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
                (0, 1),
                (2, 1),
                (1, 0),
            ),
        ] {
            let geometry = Geometry::from_affine(affine).unwrap();
            let image = Array3::<f32>::from_shape_fn((8, 8, 8), |(z, y, x)| {
                let v = [z, y, x];
                let inside = [at_right, at_front, at_top].iter().all(|(axis, high)| (v[*axis] >= 4) == (*high == 1));
                f32::from(u8::from(inside))
            });
            let picture = overlay(&image, &image.mapv(|v| v as u8), None, &geometry, [0.0, 1.0]).unwrap();
            for panel in 0..3 {
                let brightness = |row: usize, column: usize| picture.pixel(row, panel * PANEL + column)[2];
                let (near, far) = (PANEL / 4, 3 * PANEL / 4);
                assert!(brightness(near, near) > 200, "plane {panel} of {}", geometry.orientation());
                for (row, column) in [(near, far), (far, near), (far, far)] {
                    assert!(brightness(row, column) < 50, "plane {panel} of {}", geometry.orientation());
                }
            }
        }
    }

    #[test]
    fn anisotropic_voxels_keep_their_shape() {
        // A cube of 20 mm in voxels of 5 × 1 × 2 mm.
        let shape = (20, 100, 50);
        let mask = Array3::from_shape_fn(shape, |(z, y, x)| {
            u8::from((8..12).contains(&z) && (40..60).contains(&y) && (20..30).contains(&x))
        });
        let geometry = Geometry::from_spacing(Dhw::from([5.0, 1.0, 2.0])).unwrap();
        let picture = overlay(&Array3::zeros(shape), &mask, None, &geometry, [0.0, 1.0]).unwrap();
        for panel in 0..3 {
            let (mut rows, mut columns) = ([PANEL, 0], [PANEL, 0]);
            for (row, column) in ndarray::indices((PANEL, PANEL)) {
                let pixel = picture.pixel(row, panel * PANEL + column);
                if pixel.iter().zip(PREDICTION).all(|(a, b)| a.abs_diff(b) < 40) {
                    rows = [rows[0].min(row), rows[1].max(row)];
                    columns = [columns[0].min(column), columns[1].max(column)];
                }
            }
            let (height, width) = (rows[1] - rows[0], columns[1] - columns[0]);
            assert!(height > PANEL / 8 && height.abs_diff(width) <= 3, "plane {panel}: {height} x {width}");
        }
    }

    #[test]
    fn empty_masks_and_images_without_numbers_are_drawn() {
        let image = Array3::from_elem((4, 40, 40), f32::NAN);
        let none = Array3::zeros((4, 40, 40));
        let picture = overlay(&image, &none, Some(&none), &unit(), display_window(&image)).unwrap();
        assert_eq!((picture.width, picture.height), (3 * PANEL, PANEL));
        assert_eq!(count(&picture, PREDICTION) + count(&picture, REFERENCE), 0);
        assert_eq!(&picture.png().unwrap()[1..4], b"PNG");
    }

    #[test]
    fn shapes_that_differ_are_an_error() {
        let image = Array3::zeros((4, 4, 4));
        assert!(overlay(&image, &Array3::zeros((4, 4, 5)), None, &unit(), [0.0, 1.0]).is_err());
    }
}
