//! From an image as it was read to the array that the network sees.

mod config;
mod crop;
mod error;
mod normalize;
mod previous;
mod size;
mod statistics;

use medseg_volume::c_order;
use ndarray::{Array3, Array4, Axis, Slice, s};

pub use config::{PreprocessConfig, PreviousStage};
pub use crop::CropBox;
pub use error::PreprocessError;
pub use normalize::Normalization;
pub use size::resampled_shape;

use crate::resample::{is_unchanged, memory, resample_image_into};
use crate::{Resampling, resample_segmentation};

/// An image as the network sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessed {
    /// Voxels `[channel, depth, height, width]`; behind the image's channels those of the stage before.
    pub data: Array4<f32>,
    /// The way back to the image's grid.
    pub properties: Properties,
}

/// Shapes and spacings that lead from the network's grid back to the image's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Properties {
    /// Voxels of the transposed image.
    pub full_shape: [usize; 3],
    /// The non-zero region's box in the transposed image; its size is the shape after cropping.
    pub crop: CropBox,
    /// Spacing of the transposed image in mm.
    pub spacing: [f64; 3],
    /// Spacing of the network's grid in mm.
    pub network_spacing: [f64; 3],
    /// Axes of the network's array in the image's order.
    pub transpose_backward: [usize; 3],
}

/// Transposes, crops to the non-zero region, normalizes and resamples an image `[channel, depth, height, width]` with a
/// spacing in mm. `previous` is the mask of a cascade's stage before, on the image's grid.
///
/// Takes the image's memory where that saves a copy.
///
/// # Errors
/// Settings that [`PreprocessConfig::validate`] refuses. An image without voxels or with another number of channels. A
/// spacing that is not finite and above 0. Sizes too large for memory. A mask that is missing, unexpected or of another
/// shape.
///
/// ```
/// use medseg_nnunet::{Normalization, PreprocessConfig, Resampling, preprocess};
/// use ndarray::Array4;
///
/// let config = PreprocessConfig {
///     transpose_forward: [1, 0, 2],
///     transpose_backward: [1, 0, 2],
///     spacing: vec![2.0, 1.0, 1.0],
///     normalizations: vec![Normalization::RgbTo01],
///     image_resampling: Resampling::default(),
///     previous: None,
/// };
/// let image = Array4::from_elem((1, 4, 10, 6), 51.0);
/// let network = preprocess(image, [1.0; 3], None, &config)?;
/// assert_eq!(network.data, Array4::from_elem((1, 5, 4, 6), 0.2));
/// assert_eq!(network.properties.full_shape, [10, 4, 6]);
/// # Ok::<(), medseg_nnunet::PreprocessError>(())
/// ```
pub fn preprocess(
    image: Array4<f32>,
    spacing: [f64; 3],
    previous: Option<Array3<i16>>,
    config: &PreprocessConfig,
) -> Result<Preprocessed, PreprocessError> {
    check(&image, spacing, previous.as_ref(), config)?;
    let [a, b, c] = config.transpose_forward;
    let image = image.permuted_axes([0, a + 1, b + 1, c + 1]);
    let previous = previous.map(|mask| mask.permuted_axes([a, b, c]));
    let spacing = config.transpose_forward.map(|axis| spacing[axis]);
    let network_spacing = config.network_spacing(spacing);

    let full_shape = [image.shape()[1], image.shape()[2], image.shape()[3]];
    let mut region = crop::non_zero(&image.view())?;
    let crop = crop::bounding_box(&region);
    let [z, y, x] = [0, 1, 2].map(|axis| crop.range(axis));
    if !crop.is_whole(full_shape) {
        region = region.slice(s![z.clone(), y.clone(), x.clone()]).to_owned();
    }
    let mut image = cropped(image, &crop, full_shape);
    let previous = previous.map(|mask| previous::outside(&mask.slice(s![z, y, x]), &mut region));
    for (mut channel, normalization) in image.axis_iter_mut(Axis(0)).zip(&config.normalizations) {
        normalization.apply(&mut channel, &region.view());
    }
    drop(region);

    let new_shape = match config.image_resampling {
        Resampling::None => crop.size,
        _ => resampled_shape(crop.size, spacing, network_spacing)?,
    };
    let data = match (previous, &config.previous) {
        (Some(mask), Some(stage)) => {
            let mask = resample_segmentation(&mask, new_shape, spacing, network_spacing, &stage.resampling)?;
            let (channels, [d, h, w]) = (image.shape()[0], new_shape);
            if mask.shape() != new_shape {
                return Err(PreprocessError::PreviousShape { expected: new_shape, found: mask.dim().into() });
            }
            let mut data = memory::zeros((channels + stage.labels.len(), d, h, w))?;
            let mut out = data.slice_mut(s![..channels, .., .., ..]);
            resample_image_into(&image.view(), &mut out, spacing, network_spacing, &config.image_resampling)?;
            previous::one_hot(&mask, &stage.labels, data.slice_mut(s![channels.., .., .., ..]));
            data
        }
        _ if is_unchanged(image.shape(), new_shape) => image,
        _ => {
            let [d, h, w] = new_shape;
            let mut data = memory::zeros((image.shape()[0], d, h, w))?;
            let out = &mut data.view_mut();
            resample_image_into(&image.view(), out, spacing, network_spacing, &config.image_resampling)?;
            data
        }
    };
    let transpose_backward = config.transpose_backward;
    let properties = Properties { full_shape, crop, spacing, network_spacing, transpose_backward };
    Ok(Preprocessed { data, properties })
}

fn check(
    image: &Array4<f32>,
    spacing: [f64; 3],
    previous: Option<&Array3<i16>>,
    config: &PreprocessConfig,
) -> Result<(), PreprocessError> {
    config.validate()?;
    size::check_spacing(&spacing)?;
    let (found, d, h, w) = image.dim();
    if image.is_empty() {
        return Err(PreprocessError::Empty { shape: image.shape().to_vec() });
    }
    let expected = config.normalizations.len();
    if found != expected {
        return Err(PreprocessError::Channels { expected, found });
    }
    match (previous, &config.previous) {
        (None, Some(_)) => Err(PreprocessError::NoPrevious),
        (Some(_), None) => Err(PreprocessError::Previous),
        (Some(mask), Some(_)) if mask.dim() != (d, h, w) => {
            Err(PreprocessError::PreviousShape { expected: [d, h, w], found: mask.dim().into() })
        }
        _ => Ok(()),
    }
}

/// The image in its box, in C order; the image itself if that is all of it.
fn cropped(mut image: Array4<f32>, crop: &CropBox, shape: [usize; 3]) -> Array4<f32> {
    if crop.is_whole(shape) && image.is_standard_layout() {
        return image;
    }
    for axis in 0..3 {
        image.slice_axis_inplace(Axis(axis + 1), Slice::from(crop.range(axis)));
    }
    c_order(image.view(), f32::clone)
}
