//! A picture of a prediction.

use std::collections::BTreeMap;
use std::path::Path;

use medseg_files::write_atomic;
use medseg_report::{display_window, overlay, with_legend};
use medseg_train::Observer;
use medseg_volume::{Orientation, Volume};

use super::Args;
use super::found::Found;
use super::model::name_of;
use crate::console::Console;
use crate::{CliError, image, paths};

/// Intensities that show the organs of an abdomen, in Hounsfield units.
const ABDOMEN: [f32; 2] = [-160.0, 240.0];
/// Air is below this in a CT, and nothing in other images is.
const AIR: f32 = -500.0;

/// Refuses a name that is none of a picture, and one that would replace an input.
pub fn check(args: &Args) -> Result<(), CliError> {
    let Some(path) = &args.picture else { return Ok(()) };
    paths::check_ending(path, "a picture", &[".png"])?;
    paths::refuse_output_over_input(path, &[&args.image, &args.model])?;
    Ok(())
}

/// Draws three planes with the outlines of the mask, and below them the names of its labels if there are several.
pub fn write(
    args: &Args,
    path: &Path,
    found: &Found,
    names: &BTreeMap<u16, String>,
    console: &mut Console,
) -> Result<(), CliError> {
    let image = image::read_image(&args.image, &args.series, console)?;
    // Outlines do not tell labels above 255 apart.
    let mask = found.mask.as_u8();
    let labels = found.volumes_ml.keys().filter(|_| found.volumes_ml.len() > 1);
    let legend: Vec<(u8, String)> =
        labels.filter_map(|label| Some((u8::try_from(*label).ok()?, name_of(names, *label)))).collect();
    // A mask may be stored with its axes in another order.
    let (image, mask) = (upright(image), upright(mask));
    let window = if image.data.iter().any(|v| *v < AIR) { ABDOMEN } else { display_window(&image.data) };
    let picture = with_legend(overlay(&image.data, &mask.data, None, &image.geometry, window)?, &legend)?;
    let written = write_atomic(path, &picture.png()?);
    written.map_err(|error| CliError::Failed(format!("cannot write {}: {error}", path.display())))?;
    console.message(&format!("drawn in {}", path.display()));
    Ok(())
}

fn upright<T: Clone>(volume: Volume<T>) -> Volume<T> {
    if volume.geometry.orientation() == Orientation::RAS { volume } else { volume.reoriented(Orientation::RAS) }
}
