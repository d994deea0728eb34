//! MetaImage headers to be written.

use crate::file::Grid;
use crate::{Datatype, Dhw};

/// The place of the compressed voxels' length, which is known when they are written.
pub(crate) const SIZE_PLACE: &str = "                    ";

/// The header of a file in LPS; with the name of the data's file if that is another one.
pub(crate) fn head(grid: &Grid<'_>, packed: bool, data_file: Option<&str>) -> String {
    let &Grid { datatype, shape, channels, geometry } = grid;
    let kind = match datatype {
        Datatype::U8 => "UCHAR",
        Datatype::I8 => "CHAR",
        Datatype::U16 => "USHORT",
        Datatype::I16 => "SHORT",
        Datatype::U32 => "UINT",
        Datatype::I32 => "INT",
        Datatype::U64 => "ULONG_LONG",
        Datatype::I64 => "LONG_LONG",
        Datatype::F32 => "FLOAT",
        Datatype::F64 => "DOUBLE",
    };
    let words = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
    let (steps, first) = geometry.to_lps();
    let Dhw { d, h, w } = geometry.spacing();
    let spacing = [w, h, d];
    let directions: Vec<f64> = steps.iter().zip(spacing).flat_map(|(step, size)| step.map(|v| v / size)).collect();
    let size = if packed { format!("CompressedDataSize = {SIZE_PLACE}\n") } else { String::new() };
    let together = if channels == 1 { String::new() } else { format!("ElementNumberOfChannels = {channels}\n") };
    format!(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = {}\n{size}\
         TransformMatrix = {}\nOffset = {}\nCenterOfRotation = 0 0 0\nElementSpacing = {}\nDimSize = {} {} {}\n\
         {together}ElementType = MET_{kind}\nElementDataFile = {}\n",
        if packed { "True" } else { "False" },
        words(&directions),
        words(&first),
        words(&spacing),
        shape.w,
        shape.h,
        shape.d,
        data_file.unwrap_or("LOCAL"),
    )
}
