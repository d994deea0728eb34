//! A page on which a volume is scrolled and windowed, with outlines of its masks.

mod document;
mod embed;
mod options;
mod reduction;
mod window;

use std::path::Path;

use medseg_data::GRID_TOLERANCE_MM;
use medseg_volume::Volume;

use crate::ReportError;
use crate::run_folder::write;
use document::Document;
use embed::Cast;
use reduction::Plan;

pub use options::{ViewerMask, ViewerOptions};
pub use reduction::ViewerReduction;

/// A self-contained page that shows a volume in three planes with outlines of masks.
///
/// The page holds NiiVue (BSD-2-Clause) and the volumes as gzipped NIfTI in base64; its own policy forbids the browser to
/// load anything else. It needs WebGL 2 and works from a file, without a network. Of the volumes it holds voxels and affine,
/// of the masks the names given too; nothing else of the files' headers.
///
/// Whole numbers within u8 or i16 are embedded exactly. Other images are scaled to 65536 steps from their least to their
/// largest value. Voxels that are not finite become the least or the largest value. A page beyond the limits of
/// [`ViewerOptions`] holds blocks of voxels instead, see [`ViewerReduction`].
///
/// ```
/// use medseg_report::ndarray::Array3;
/// use medseg_report::{ViewerMask, ViewerOptions, ViewerPage};
/// use medseg_volume::{Dhw, Geometry, Volume};
///
/// let geometry = Geometry::from_spacing(Dhw { d: 3.0, h: 1.0, w: 1.0 })?;
/// let image = Volume::new(Array3::from_shape_fn((20, 24, 24), |(z, _, _)| z as f32), geometry);
/// let mask = image.map_data(|v| u8::from((5.0..12.0).contains(v)));
/// let page = ViewerPage::new(&image, &[ViewerMask::new("liver", &mask)], &ViewerOptions::default())?;
/// assert!(page.html().starts_with("<!doctype html>"));
/// assert!(page.reduction().is_whole());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ViewerPage {
    html: String,
    reduction: ViewerReduction,
}

impl ViewerPage {
    /// Makes the page of an image `[depth, height, width]` and of masks on its grid; a mask's value 0 is background.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if the image is empty, a mask lies on another grid, or the limit leaves no room for a voxel;
    /// [`ReportError::Volume`] if the affine cannot be stored as NIfTI.
    pub fn new(image: &Volume<f32>, masks: &[ViewerMask<'_>], options: &ViewerOptions) -> Result<Self, ReportError> {
        check(image, masks)?;
        let cast = Cast::of(&image.data);
        let document = Document::new(options, image, masks, &cast);
        let mut plan = Plan::new(image, masks, options);
        loop {
            let reduction = plan.reduction();
            let volumes = embed::volumes(image, masks, &reduction, &cast)?;
            // The page's size without a copy of what may be far too much.
            let embedded: usize = volumes.iter().map(String::len).sum();
            let around = document.html(&vec![String::new(); volumes.len()], &reduction).len();
            if around + embedded <= options.max_bytes {
                return Ok(Self { html: document.html(&volumes, &reduction), reduction });
            }
            drop(volumes);
            if !plan.shrink(embedded, options.max_bytes.saturating_sub(around)) {
                let (least, most) = (around + embedded, options.max_bytes);
                let reason = format!("the smallest page has {least} bytes, and {most} are allowed");
                return Err(ReportError::drawing(PICTURE, reason));
            }
        }
    }

    /// The page's text.
    #[must_use]
    pub fn html(&self) -> &str {
        &self.html
    }

    /// The part and the resolution of the volumes that the page holds.
    #[must_use]
    pub fn reduction(&self) -> &ViewerReduction {
        &self.reduction
    }
}

/// The picture's name in errors.
const PICTURE: &str = "a viewer's page";

/// Writes a [`ViewerPage`] and returns what it holds of the volumes. The old file, if any, is replaced as a whole or stays.
///
/// # Errors
/// As [`ViewerPage::new`], and [`ReportError::Io`].
///
/// ```
/// use medseg_report::ndarray::Array3;
/// use medseg_report::{ViewerOptions, write_viewer};
/// use medseg_volume::{Dhw, Geometry, Volume};
///
/// let folder = tempfile::tempdir()?;
/// let image = Volume::new(Array3::from_elem((4, 5, 6), 0.5), Geometry::from_spacing(Dhw::splat(1.0))?);
/// let held = write_viewer(folder.path().join("page.html"), &image, &[], &ViewerOptions::default())?;
/// assert!(held.is_whole());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_viewer(
    path: impl AsRef<Path>,
    image: &Volume<f32>,
    masks: &[ViewerMask<'_>],
    options: &ViewerOptions,
) -> Result<ViewerReduction, ReportError> {
    let page = ViewerPage::new(image, masks, options)?;
    write(path.as_ref(), page.html.as_bytes())?;
    Ok(page.reduction)
}

fn check(image: &Volume<f32>, masks: &[ViewerMask<'_>]) -> Result<(), ReportError> {
    let refuse = |reason: String| Err(ReportError::drawing(PICTURE, reason));
    if image.data.is_empty() {
        return refuse("the image has no voxel".into());
    }
    for mask in masks {
        let same = mask.volume.shape() == image.shape()
            && image.geometry.same_grid(&mask.volume.geometry, image.shape(), GRID_TOLERANCE_MM);
        if !same {
            return refuse(format!("the mask {:?} lies on another grid than the image", mask.name));
        }
    }
    Ok(())
}
