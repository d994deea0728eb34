//! From an NRRD header to a checked one.

use super::axes::{Axes, axes};
use super::space::geometry;
use crate::file::{Fields, Header, Lines, Packing, Source, beside};
use crate::{Datatype, MalformedKind, UnsupportedKind, VolumeError};

/// Reads the header at a source's start, and finds its voxels: after it, or in the file that it names.
pub(crate) fn from_source(source: Source) -> Result<(Header, Source), VolumeError> {
    let path = source.name();
    let (fields, length) = fields(&source)?;
    let unsupported = |kind, reason: String| VolumeError::unsupported(path, kind, reason);
    let datatype = datatype(fields.needed("type")?)
        .ok_or_else(|| unsupported(UnsupportedKind::Datatype, format!("voxels of type {:?}", fields.get("type"))))?;
    let Axes { lengths, channels, interleaved, domain } = axes(&fields, path)?;
    let mut warnings = Vec::new();
    let geometry = geometry(&fields, path, domain, &mut warnings)?;
    let mut header = Header::new(path, lengths, channels, datatype, geometry)?;
    header.interleaved = interleaved;
    header.info.warnings = warnings;
    header.info.big_endian = match fields.get("endian") {
        Some("big") => true,
        Some("little") => false,
        None if datatype.bytes() == 1 => false,
        _ => return Err(fields.bad("its header does not say whether its endian is little or big")),
    };
    let packing = match fields.needed("encoding")?.to_ascii_lowercase().as_str() {
        "raw" => Packing::None,
        "gzip" | "gz" => Packing::Gzip,
        other => return Err(unsupported(UnsupportedKind::Compression, format!("encoding {other:?} is not read"))),
    };
    let skip = fields.numbers::<i64>("byte skip", 1)?.map_or(0, |skip| skip[0]);
    let line_skip = fields.numbers::<i64>("line skip", 1)?.map_or(0, |skip| skip[0]);
    if line_skip != 0 {
        return Err(unsupported(UnsupportedKind::Format, "lines to skip before the data are not read".into()));
    }
    let voxels = match fields.get("data file") {
        None => source.from(length, packing),
        Some(name) => {
            let reason = || format!("data in {name:?}: only one file beside the header is read");
            let data = beside(path, name).filter(|_| name != "LIST" && !name.contains('%'));
            Source::path(data.ok_or_else(|| unsupported(UnsupportedKind::Format, reason()))?).from(0, packing)
        }
    };
    header.offset = match (skip, packing) {
        // The voxels are the file's last bytes.
        (-1, Packing::None) => voxels.open(1)?.available.saturating_sub(header.stored_bytes),
        (skip, _) => u64::try_from(skip).map_err(|_| fields.bad("a negative byte skip"))?,
    };
    Ok((header, voxels))
}

/// The fields of a header and its length in bytes.
fn fields(source: &Source) -> Result<(Fields<'_>, u64), VolumeError> {
    let path = source.name();
    let failed = |e| VolumeError::io("read", path)(e);
    let mut lines = Lines::of(source)?;
    let magic = lines.next().map_err(failed)?.unwrap_or_default();
    if !magic.starts_with("NRRD000") {
        return Err(VolumeError::malformed(path, MalformedKind::Format, "no NRRD magic number"));
    }
    let mut fields = Fields::new(path);
    loop {
        let Some(line) = lines.next().map_err(failed)? else {
            // Only a header with its data elsewhere may end with the file.
            if fields.get("data file").is_some() {
                break;
            }
            let reason = "its header has no end: an empty line before the data";
            return Err(VolumeError::malformed(path, MalformedKind::Truncated, reason));
        };
        if line.is_empty() {
            break;
        }
        // Comments and key/value pairs say nothing of the grid.
        if line.starts_with('#') || line.contains(":=") {
            continue;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| fields.bad("a line that is no field in its header"))?;
        let name = match name.trim().to_ascii_lowercase().as_str() {
            "byteskip" => "byte skip".to_string(),
            "lineskip" => "line skip".to_string(),
            "datafile" => "data file".to_string(),
            name => name.to_string(),
        };
        fields.add(name, value)?;
    }
    Ok((fields, lines.read))
}

/// The keys of a header with their values, in its order.
pub(crate) fn key_values(source: &Source) -> Result<Vec<(String, String)>, VolumeError> {
    let mut lines = Lines::of(source)?;
    let mut found = Vec::new();
    while let Some(line) = lines.next().map_err(|e| VolumeError::io("read", source.name())(e))? {
        if line.is_empty() {
            break;
        }
        if let Some((key, value)) = line.split_once(":=").filter(|_| !line.starts_with('#')) {
            found.push((key.to_string(), unescaped(value)));
        }
    }
    Ok(found)
}

/// A value in which `\n` stands for a new line, and `\\` for a backslash.
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match characters.next() {
            Some('n') => text.push('\n'),
            Some('\\') | None => text.push('\\'),
            Some(other) => text.extend(['\\', other]),
        }
    }
    text
}

/// NRRD's names of a type.
fn datatype(name: &str) -> Option<Datatype> {
    Some(match name.to_ascii_lowercase().as_str() {
        "signed char" | "int8" | "int8_t" => Datatype::I8,
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => Datatype::U8,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => Datatype::I16,
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => Datatype::U16,
        "int" | "signed int" | "int32" | "int32_t" => Datatype::I32,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => Datatype::U32,
        "longlong"
        | "long long"
        | "long long int"
        | "signed long long"
        | "signed long long int"
        | "int64"
        | "int64_t" => Datatype::I64,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => Datatype::U64,
        "float" => Datatype::F32,
        "double" => Datatype::F64,
        _ => return None,
    })
}
