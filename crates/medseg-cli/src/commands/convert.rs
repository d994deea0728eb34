//! `medseg convert`: volumes and masks from one format to another.

use std::path::{Path, PathBuf};

use medseg_train::Observer;
use medseg_volume::segments::SegmentTable;
use medseg_volume::{Dhw, Geometry, ReadOptions, StoredVoxels, VolumeFile, WriteOptions, write_channels};
use ndarray::Axis;

use crate::console::Console;
use crate::image::{self, Found, SeriesArgs};
use crate::mask::{Grid, MaskForm, MaskWriter, ReadMask, read_mask};
use crate::slice_of_series::refuse_slice_of_series;
use crate::{CliError, paths};

/// NIfTI's intent code of label maps.
const INTENT_LABEL: i32 = 1002;

/// Convert a DICOM series, a volume file or a mask to another format
///
/// The output's ending names its format: .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd. Voxels of a file keep their type. Scaled
/// ones and those of a DICOM series are written as i16 if they are whole and fit, such as Hounsfield units, else as f32.
///
/// Masks become .seg.nrrd (3D Slicer), .stl or .obj (the surface of all labels), .dcm (a DICOM segmentation, or a structure
/// set with --rtstruct), and these forms become volumes, but for surfaces.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Volume file, a DICOM file or the folder of a DICOM series; or a mask: .seg.nrrd, a DICOM segmentation, a structure set
    input: PathBuf,
    /// File to write
    output: PathBuf,
    /// Image whose grid a mask gets, and for DICOM outputs the series that they refer to: a volume file or a DICOM folder
    #[arg(long, value_name = "IMAGE")]
    like: Option<PathBuf>,
    /// Names, codes and colours of the labels: a table `label,name` and more
    #[arg(long, value_name = "TABLE.csv")]
    segments: Option<PathBuf>,
    /// Write the names, codes and colours of the labels to a table, to be edited
    #[arg(long, value_name = "TABLE.csv")]
    save_segments: Option<PathBuf>,
    /// Write .dcm as a structure set (RTSTRUCT)
    #[arg(long, requires = "like")]
    rtstruct: bool,
    /// Write a DICOM segmentation as a label map, smaller, but unknown to readers before 2024
    #[arg(long, conflicts_with = "rtstruct")]
    label_map: bool,
    /// Smooth a surface by so many rounds; its volume stays about the same
    #[arg(long, value_name = "ROUNDS", default_value_t = 0)]
    smooth: u32,
    #[command(flatten)]
    series: SeriesArgs,
}

pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    let Args { input, output, series, .. } = args;
    let surface = is_surface(output);
    if !surface {
        paths::check_mask_output(output)?;
    }
    let read = std::iter::once(input).chain(&args.like).chain(&args.segments);
    let inputs: Vec<&Path> = read.map(PathBuf::as_path).collect();
    for written in std::iter::once(output).chain(&args.save_segments) {
        paths::refuse_output_over_input(written, &inputs)?;
    }
    let labels = args.segments.is_some() || args.save_segments.is_some() || args.like.is_some();
    if surface || MaskForm::of(output) != MaskForm::Volume || labels || is_mask(input)? {
        return convert_mask(args, console);
    }
    let (shape, geometry, format) = match stored(input)? {
        Some(file) => {
            warn(&image::warnings_of(&file), input, console);
            write_stored(&file, output)?
        }
        None => {
            refuse_slice_of_series(input)?;
            let found = image::read(input, series)?;
            warn(&found.warnings, input, console);
            write_values(&found, output)?;
            let Found { format, geometry, values, .. } = found;
            (Dhw::from(values.index_axis(Axis(0), 0).dim()), geometry, format)
        }
    };
    let (spacing, orientation) = (geometry.spacing(), geometry.orientation());
    console.message(&format!("{}: {shape} voxels of {spacing:.3} mm, {orientation}, from {format}", output.display()));
    Ok(())
}

fn is_surface(output: &Path) -> bool {
    output.extension().is_some_and(|ending| ["stl", "obj"].iter().any(|of| ending.eq_ignore_ascii_case(of)))
}

/// True for files that hold masks and nothing else.
fn is_mask(input: &Path) -> Result<bool, CliError> {
    if MaskForm::of(input) == MaskForm::SegNrrd {
        return Ok(true);
    }
    #[cfg(feature = "dicom")]
    if input.is_file() && medseg_volume::dicom::is_dicom(input) {
        use medseg_volume::dicom::{ObjectKind, object_kind};
        return Ok(object_kind(input)? != ObjectKind::Other);
    }
    Ok(false)
}

/// Converts a mask from one form to another.
fn convert_mask(args: &Args, console: &mut Console) -> Result<(), CliError> {
    let grid = args.like.as_deref().map(|like| grid_of(like, &args.series)).transpose()?;
    let ReadMask { mask, segments, named } = read_mask(&args.input, grid.as_ref(), console)?;
    let segments = match &args.segments {
        Some(path) => SegmentTable::read_csv(path).map_err(|error| CliError::failed(&error))?,
        None => segments,
    };
    if mask.is_empty() {
        console.warning(&format!("{}: the mask is empty: no voxel has a label", args.input.display()));
    }
    let names_matter = args.rtstruct || MaskForm::of(&args.output) != MaskForm::Volume;
    if names_matter && !named && args.segments.is_none() {
        let file = args.input.display();
        console.warning(&format!(
            "{file} names no labels: they are written as label 1 and so on; --segments TABLE.csv names them"
        ));
    }
    if let Some(path) = &args.save_segments {
        segments.write_csv(path).map_err(|error| CliError::failed(&error))?;
        console.message(&format!("{}: {} label(s)", path.display(), segments.len()));
    }
    let series: Vec<PathBuf> = args.like.iter().filter(|like| image::is_series(like)).cloned().collect();
    let writer = MaskWriter {
        segments,
        series: (&series, &args.series),
        model: "medseg",
        label_map: args.label_map,
        smooth: args.smooth,
    };
    if is_surface(&args.output) {
        paths::check_ending(&args.output, "a surface", &[".stl", ".obj"])?;
        writer.write_surface(&args.output, &mask)?;
    } else if args.rtstruct {
        paths::check_ending(&args.output, "a structure set", &[".dcm"])?;
        writer.write_structure_set(&args.output, &mask)?;
    } else {
        writer.write_mask(&args.output, &mask)?;
    }
    let (spacing, orientation) = (mask.geometry().spacing(), mask.geometry().orientation());
    let labels = writer.segments.len();
    console.message(&format!("{}: {labels} label(s), {spacing:.3} mm, {orientation}", args.output.display()));
    Ok(())
}

/// The grid of an image.
fn grid_of(image: &Path, series: &SeriesArgs) -> Result<Grid, CliError> {
    if !image::is_series(image) {
        let info = medseg_volume::read_info(image)?;
        return Ok(Grid { shape: info.shape, geometry: info.geometry });
    }
    let (volume, _) = image::read_volume(image, series)?;
    Ok(Grid { shape: volume.shape(), geometry: volume.geometry })
}

fn warn(warnings: &[String], input: &Path, console: &mut Console) {
    warnings.iter().for_each(|warning| console.warning(&format!("{}: {warning}", input.display())));
}

/// The file whose voxels can be written in the type they are stored in: no DICOM series, not scaled.
fn stored(input: &Path) -> Result<Option<VolumeFile>, CliError> {
    if image::is_series(input) {
        return Ok(None);
    }
    Ok(Some(VolumeFile::open(input)?).filter(|file| file.info().scaling.is_none()))
}

/// Writes the voxels of a file in the type they are stored in. Returns shape, geometry and format.
fn write_stored(file: &VolumeFile, output: &Path) -> Result<(Dhw<usize>, Geometry, String), CliError> {
    let (voxels, geometry) = file.stored(&ReadOptions::default())?;
    let options = WriteOptions::default().with_labels(file.info().intent_code == INTENT_LABEL);
    macro_rules! write_as {
        ($($variant:ident),*) => {
            match &voxels {
                $(StoredVoxels::$variant(values) => write_channels(output, values, &geometry, &options)?,)*
            }
        };
    }
    write_as!(U8, I8, U16, I16, U32, I32, U64, I64, F32, F64);
    let format = image::format_of(file, &geometry);
    Ok((file.info().shape, geometry, format))
}

/// Writes values as i16 if they are whole and fit, else as f32.
fn write_values(found: &Found, output: &Path) -> Result<(), CliError> {
    let (values, geometry, options) = (&found.values, &found.geometry, WriteOptions::default());
    let whole = |value: &f32| value.fract() == 0.0 && (-32768.0..=32767.0).contains(value);
    if values.iter().all(whole) {
        write_channels(output, &values.mapv(|value| value as i16), geometry, &options)?;
    } else {
        write_channels(output, values, geometry, &options)?;
    }
    Ok(())
}
