//! `medseg view`: a page that shows an image and its masks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medseg_report::{ViewerMask, ViewerOptions, write_viewer};
use medseg_train::Observer;
use medseg_volume::{Volume, volume_stem};

use crate::console::Console;
use crate::image::{self, SeriesArgs};
use crate::mask::{Grid, ReadMask, read_mask};
use crate::{CliError, paths};

/// Write one HTML page on which an image is scrolled in three planes, with the outlines of masks; it needs no network
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Volume file, or a DICOM file or the folder of a DICOM series
    image: PathBuf,
    /// Masks: volumes on the image's grid, DICOM segmentations, structure sets, .seg.nrrd
    masks: Vec<PathBuf>,
    /// Page to write
    #[arg(short, long, value_name = "PAGE.html", default_value = "view.html")]
    output: PathBuf,
    /// Title of the page (default: the image's name)
    #[arg(long)]
    title: Option<String>,
    /// Largest page; a larger volume is cut and reduced, and the page says so
    #[arg(long, value_name = "MIB", default_value_t = 32)]
    size: usize,
    /// Cut the image to the masks and so many millimetres around them
    #[arg(long, value_name = "MM")]
    crop: Option<f64>,
    #[command(flatten)]
    series: SeriesArgs,
}

pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    paths::check_ending(&args.output, "a page", &[".html", ".htm"])?;
    let inputs: Vec<&Path> = std::iter::once(&args.image).chain(&args.masks).map(PathBuf::as_path).collect();
    paths::refuse_output_over_input(&args.output, &inputs)?;
    let image = image::read_image(&args.image, &args.series, console)?;
    let grid = Grid { shape: image.shape(), geometry: image.geometry.clone() };
    let mut masks: Vec<(String, Volume<u8>, BTreeMap<u8, String>)> = Vec::new();
    for path in &args.masks {
        let read = read_mask(path, Some(&grid), console)?;
        masks.push((name_of(path), read.mask.as_u8(), label_names(&read)));
    }
    let mut options = ViewerOptions::default().with_max_bytes(args.size.saturating_mul(1 << 20));
    options = options.with_title(args.title.clone().unwrap_or_else(|| name_of(&args.image)));
    if let Some(margin) = args.crop {
        options = options.with_crop_margin_mm(margin);
    }
    let named = masks.iter().map(|(name, mask, labels)| ViewerMask::new(name, mask).with_label_names(labels));
    let masks: Vec<ViewerMask<'_>> = named.collect();
    let held = write_viewer(&args.output, &image, &masks, &options)?;
    let bytes = std::fs::metadata(&args.output)?.len();
    let how = if held.block.voxels() > 1 { "reduced" } else { "cut" };
    let shown = if held.is_whole() { String::new() } else { format!(", {how} to {} voxels", held.shape()) };
    console.message(&format!("{}: {:.1} MB{shown}; open it in a browser", args.output.display(), bytes as f64 / 1e6));
    Ok(())
}

/// Names of the labels that the page tells apart, if the file has any.
fn label_names(read: &ReadMask) -> BTreeMap<u8, String> {
    let named = read.segments.segments().iter().filter(|_| read.named);
    named.filter_map(|segment| Some((u8::try_from(segment.label).ok()?, segment.name.clone()))).collect()
}

/// A file's name without the ending of a volume, and without the folders above it.
fn name_of(path: &Path) -> String {
    let resolved = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let name = resolved.file_name().unwrap_or_default().to_string_lossy().into_owned();
    volume_stem(&name).map_or(name.clone(), str::to_owned)
}
