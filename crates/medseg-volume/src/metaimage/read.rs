//! From a MetaImage header to a checked one.

use std::path::Path;

use crate::file::{Fields, Header, Lines, Packing, Source, beside};
use crate::{Datatype, Geometry, MalformedKind, UnsupportedKind, VolumeError, Warning};

/// Reads the header at a source's start, and finds its voxels: after it, or in the file that it names.
pub(crate) fn from_source(source: Source) -> Result<(Header, Source), VolumeError> {
    let path = source.name();
    let (fields, length) = fields(&source)?;
    let unsupported = |kind, reason: String| VolumeError::unsupported(path, kind, reason);
    let kind = fields.needed("ElementType")?;
    let datatype = datatype(kind)
        .ok_or_else(|| unsupported(UnsupportedKind::Datatype, format!("voxels of type {kind:?} are not read")))?;
    let (lengths, volumes, dimensions) = lengths(&fields, path)?;
    let together = fields.numbers::<u64>("ElementNumberOfChannels", 1)?.map_or(1, |channels| channels[0]);
    if together == 0 || (together > 1 && volumes > 1) {
        return Err(unsupported(UnsupportedKind::Channels, "channels in both a fourth axis and a voxel".into()));
    }
    let mut warnings = Vec::new();
    let geometry = geometry(&fields, path, dimensions, &mut warnings)?;
    let mut header = Header::new(path, lengths, volumes * together, datatype, geometry)?;
    header.interleaved = together > 1;
    header.info.warnings = warnings;
    let flag = |names: &[&str]| names.iter().find_map(|name| fields.get(name)).is_some_and(is_true);
    header.info.big_endian = flag(&["BinaryDataByteOrderMSB", "ElementByteOrderMSB"]);
    if fields.get("BinaryData").is_some_and(|value| !is_true(value)) {
        return Err(unsupported(UnsupportedKind::Format, "voxels as text are not read".into()));
    }
    let packing = if flag(&["CompressedData"]) { Packing::Zlib } else { Packing::None };
    let voxels = match fields.needed("ElementDataFile")? {
        "LOCAL" => source.from(length, packing),
        name => {
            let reason = || format!("data in {name:?}: only one file beside the header is read");
            let data = beside(path, name).filter(|_| !name.starts_with("LIST") && !name.contains('%'));
            Source::path(data.ok_or_else(|| unsupported(UnsupportedKind::Format, reason()))?).from(0, packing)
        }
    };
    header.offset = match (fields.numbers::<i64>("HeaderSize", 1)?.map_or(0, |size| size[0]), packing) {
        // The voxels are the file's last bytes.
        (-1, Packing::None) => voxels.open(1)?.available.saturating_sub(header.stored_bytes),
        (size, Packing::None) => u64::try_from(size).map_err(|_| fields.bad("a negative HeaderSize"))?,
        (0, _) => 0,
        _ => return Err(unsupported(UnsupportedKind::Format, "a HeaderSize before compressed voxels".into())),
    };
    Ok((header, voxels))
}

/// The fields of a header, which ends with `ElementDataFile`, and its length in bytes.
fn fields(source: &Source) -> Result<(Fields<'_>, u64), VolumeError> {
    let path = source.name();
    let mut lines = Lines::of(source)?;
    let mut fields = Fields::new(path);
    while let Some(line) = lines.next().map_err(VolumeError::io("read", path))? {
        if line.trim().is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(VolumeError::malformed(path, MalformedKind::Format, "a line that is no field of MetaImage"));
        };
        // Older names of the same fields.
        let name = match name.trim() {
            "Position" | "Origin" => "Offset",
            "Rotation" | "Orientation" => "TransformMatrix",
            name => name,
        };
        let last = name == "ElementDataFile";
        fields.add(name.to_string(), value)?;
        if last {
            return Ok((fields, lines.read));
        }
    }
    Err(VolumeError::malformed(path, MalformedKind::Truncated, "its header ends without ElementDataFile"))
}

fn is_true(value: &str) -> bool {
    matches!(value.as_bytes().first(), Some(b'T' | b't' | b'1' | b'Y' | b'y'))
}

/// Voxels along i, j, k, the length of the fourth axis, and the number of axes.
fn lengths(fields: &Fields<'_>, path: &Path) -> Result<([u64; 3], u64, usize), VolumeError> {
    let dimensions = fields.numbers::<usize>("NDims", 1)?.map_or(0, |dimensions| dimensions[0]);
    if !(3..=4).contains(&dimensions) {
        let reason = format!("{dimensions} dimensions; 3, and a fourth for channels, are read");
        return Err(VolumeError::unsupported(path, UnsupportedKind::Channels, reason));
    }
    let sizes: Vec<u64> =
        fields.numbers("DimSize", dimensions)?.ok_or_else(|| fields.bad("its header lacks DimSize"))?;
    if let Some(axis) = sizes.iter().position(|size| *size == 0) {
        return Err(fields.bad(format!("dimension {} is 0", axis + 1)));
    }
    Ok(([sizes[0], sizes[1], sizes[2]], sizes.get(3).copied().unwrap_or(1), dimensions))
}

/// The geometry in DICOM's space (LPS): each row of the matrix is the direction of an axis.
fn geometry(
    fields: &Fields<'_>,
    path: &Path,
    dimensions: usize,
    warnings: &mut Vec<Warning>,
) -> Result<Geometry, VolumeError> {
    let numbers = |name: &str, count: usize| fields.numbers::<f64>(name, count);
    let matrix = numbers("TransformMatrix", dimensions * dimensions)?;
    let spacing = match numbers("ElementSpacing", dimensions)? {
        None => numbers("ElementSize", dimensions)?,
        spacing => spacing,
    };
    let spacing = spacing.unwrap_or_else(|| vec![1.0; dimensions]);
    let offset = numbers("Offset", dimensions)?.unwrap_or_else(|| vec![0.0; dimensions]);
    let entry = |axis: usize, world: usize| match &matrix {
        Some(matrix) => matrix[axis * dimensions + world],
        None => f64::from(u8::from(axis == world)),
    };
    if dimensions == 4 && (0..3).any(|axis| entry(axis, 3) != 0.0 || entry(3, axis) != 0.0) {
        return Err(fields.bad("a TransformMatrix that mixes the fourth axis with those of space"));
    }
    for field in ["ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset"] {
        let neutral = if field.ends_with("Slope") { 1.0 } else { 0.0 };
        if numbers(field, 1)?.is_some_and(|value| value[0] != neutral) {
            warnings.push(Warning::FieldIgnored(field));
        }
    }
    let steps = std::array::from_fn(|axis| std::array::from_fn(|world| entry(axis, world) * spacing[axis]));
    let geometry = Geometry::from_lps(steps, [offset[0], offset[1], offset[2]])
        .map_err(|fault| VolumeError::malformed(path, MalformedKind::Geometry, format!("geometry: {fault}")))?;
    warnings.extend(Warning::of_skew(&geometry));
    Ok(geometry)
}

/// MetaImage's names of a type; its `LONG` has 4 bytes.
fn datatype(name: &str) -> Option<Datatype> {
    Some(match name.strip_suffix("_ARRAY").unwrap_or(name) {
        "MET_CHAR" => Datatype::I8,
        "MET_UCHAR" => Datatype::U8,
        "MET_SHORT" => Datatype::I16,
        "MET_USHORT" => Datatype::U16,
        "MET_INT" | "MET_LONG" => Datatype::I32,
        "MET_UINT" | "MET_ULONG" => Datatype::U32,
        "MET_LONG_LONG" => Datatype::I64,
        "MET_ULONG_LONG" => Datatype::U64,
        "MET_FLOAT" => Datatype::F32,
        "MET_DOUBLE" => Datatype::F64,
        _ => return None,
    })
}
