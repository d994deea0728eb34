//! Images that are small for a model: a few slices, or a part of an organ.

use medseg_volume::Dhw;

/// Parts of a window's axis of which an image should fill one.
const PARTS: usize = 2;

/// Voxels that interpolation may make of one along an axis; slices of 5 mm become 1 mm in 5.
const STRETCH: usize = 8;

/// A warning for an image of `image` voxels, `grid` on the network's grid, where a window has `window`: if along an axis the
/// image fills less than half of a window, or is stretched to more than eight times its voxels.
///
/// A network gives labels to such an image too, and was hardly trained on the like.
pub fn small_image_warning(image: Dhw<usize>, grid: Dhw<usize>, window: Dhw<usize>) -> Option<String> {
    let any = |of: Dhw<bool>| of.to_array().contains(&true);
    let why = if any(grid.zip(window).map(|(grid, window)| grid.saturating_mul(PARTS) < window)) {
        format!("on the network's grid it has {grid} voxels, and a window {window}, of which most is padding")
    } else if any(image.zip(grid).map(|(image, grid)| image.saturating_mul(STRETCH) < grid)) {
        format!("its {image} voxels are stretched to {grid}")
    } else {
        return None;
    };
    Some(format!("the image is small for this model: {why}; look at the mask with care"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_slices_are_small_and_thick_slices_are_not() {
        let warning = |image: [usize; 3], grid: [usize; 3], window: [usize; 3]| {
            small_image_warning(image.into(), grid.into(), window.into())
        };
        // Thick slices, and an image of half a window.
        assert_eq!(warning([30, 512, 512], [150, 300, 300], [96, 96, 96]), None);
        assert_eq!(warning([48, 96, 96], [48, 96, 96], [96, 96, 96]), None);
        // Five slices: beside a window that they do not fill, and stretched to a grid of a fixed shape.
        let padded = warning([5, 512, 512], [10, 300, 300], [96, 96, 96]).unwrap();
        assert!(padded.contains("10x300x300") && padded.contains("padding"), "{padded}");
        let stretched = warning([5, 512, 512], [144, 144, 144], [144, 144, 144]).unwrap();
        assert!(stretched.contains("5x512x512") && stretched.contains("stretched to 144x144x144"), "{stretched}");
    }
}
