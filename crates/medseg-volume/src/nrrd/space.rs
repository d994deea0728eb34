//! The geometry of an NRRD file.

use std::path::Path;

use crate::file::Fields;
use crate::{Geometry, MalformedKind, UnsupportedKind, VolumeError, Warning};

/// A vector of an axis; none for one that is not of space.
type Vector = Option<[f64; 3]>;

/// The geometry of the three axes from `domain` on, in the space that the header names; without one in DICOM's (LPS), as
/// ITK has it.
pub(super) fn geometry(
    fields: &Fields<'_>,
    path: &Path,
    domain: usize,
    warnings: &mut Vec<Warning>,
) -> Result<Geometry, VolumeError> {
    let dimension = fields.numbers::<usize>("dimension", 1)?.map_or(3, |dimension| dimension[0]);
    let sign = sign_to_lps(fields, path, warnings)?;
    let unit = millimetres(fields, warnings);
    let place = |vector: [f64; 3]| std::array::from_fn(|axis| vector[axis] * sign[axis] * unit);
    let (steps, first) = match vectors(fields, "space directions", dimension)? {
        Some(directions) => {
            let missing = || fields.bad("an axis of space without a direction in its header");
            let mut steps = [[0.0; 3]; 3];
            for (step, direction) in steps.iter_mut().zip(&directions[domain..]) {
                *step = place(direction.ok_or_else(missing)?);
            }
            let origin = vectors(fields, "space origin", 1)?.and_then(|origin| origin[0]).unwrap_or_default();
            (steps, place(origin))
        }
        None => aligned(fields, domain, dimension)?,
    };
    let geometry = Geometry::from_lps(steps, first)
        .map_err(|fault| VolumeError::malformed(path, MalformedKind::Geometry, format!("geometry: {fault}")))?;
    warnings.extend(Warning::of_skew(&geometry));
    Ok(geometry)
}

/// The signs by which a vector in the header's space becomes one in LPS.
fn sign_to_lps(fields: &Fields<'_>, path: &Path, warnings: &mut Vec<Warning>) -> Result<[f64; 3], VolumeError> {
    let space = fields.get("space").map(str::to_ascii_lowercase);
    match space.as_deref() {
        Some("left-posterior-superior" | "lps") => Ok([1.0, 1.0, 1.0]),
        Some("right-anterior-superior" | "ras") => Ok([-1.0, -1.0, 1.0]),
        Some("left-anterior-superior" | "las") => Ok([1.0, -1.0, 1.0]),
        None | Some("scanner-xyz" | "3d-right-handed" | "3d-left-handed") => {
            warnings.push(Warning::NoPatientSpace);
            Ok([1.0, 1.0, 1.0])
        }
        Some(other) => {
            Err(VolumeError::unsupported(path, UnsupportedKind::Format, format!("space {other:?} is not read")))
        }
    }
}

/// Millimetres of the header's unit of length, which must be the same along all axes.
fn millimetres(fields: &Fields<'_>, warnings: &mut Vec<Warning>) -> f64 {
    let Some(units) = fields.get("space units") else { return 1.0 };
    let mut names = units.split('"').map(str::trim).filter(|name| !name.is_empty());
    let Some(name) = names.next().filter(|first| names.all(|other| other == *first)) else {
        warnings.push(Warning::NamedUnits(units.to_string()));
        return 1.0;
    };
    let unit = match name.to_ascii_lowercase().as_str() {
        "mm" | "millimeter" | "millimetre" | "millimeters" | "millimetres" => return 1.0,
        "m" | "meter" | "metre" | "meters" | "metres" => 1e3,
        "cm" | "centimeter" | "centimetre" => 10.0,
        "um" | "µm" | "μm" | "micron" | "microns" | "micrometer" | "micrometre" => 1e-3,
        _ => 1.0,
    };
    warnings.push(Warning::NamedUnits(name.to_string()));
    unit
}

/// Steps and first voxel of a file without directions, by its `spacings` and `axis mins`.
fn aligned(fields: &Fields<'_>, domain: usize, dimension: usize) -> Result<([[f64; 3]; 3], [f64; 3]), VolumeError> {
    let spacings: Vec<f64> = fields.numbers("spacings", dimension)?.unwrap_or_else(|| vec![1.0; dimension]);
    let mins: Option<Vec<f64>> = fields.numbers("axis mins", dimension)?;
    let centerings: Vec<&str> = fields.get("centerings").map(|c| c.split_whitespace().collect()).unwrap_or_default();
    let (mut steps, mut first) = ([[0.0; 3]; 3], [0.0; 3]);
    for axis in 0..3 {
        // NaN where a spacing is not known.
        let spacing = Some(spacings[domain + axis]).filter(|spacing| !spacing.is_nan()).unwrap_or(1.0);
        steps[axis][axis] = spacing;
        let Some(min) = mins.as_ref().map(|mins| mins[domain + axis]).filter(|min| min.is_finite()) else { continue };
        // The smallest position is a cell's face, unless it is said to be a node.
        let node = centerings.get(domain + axis).is_some_and(|centering| *centering == "node");
        first[axis] = if node { min } else { min + 0.5 * spacing };
    }
    Ok((steps, first))
}

/// The vectors of a field such as `(1,0,0) none (0,0,3)`, exactly `count`.
pub(super) fn vectors(fields: &Fields<'_>, name: &str, count: usize) -> Result<Option<Vec<Vector>>, VolumeError> {
    let Some(text) = fields.get(name) else { return Ok(None) };
    let refused = || fields.bad(format!("{name} in its header is not {count} vectors of 3 numbers, or none"));
    let mut vectors = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (vector, after) = match rest.strip_prefix('(') {
            Some(inside) => {
                let (numbers, after) = inside.split_once(')').ok_or_else(refused)?;
                let numbers: Option<Vec<f64>> = numbers.split(',').map(|n| n.trim().parse().ok()).collect();
                let vector: [f64; 3] = numbers.and_then(|n| n.try_into().ok()).ok_or_else(refused)?;
                (Some(vector), after)
            }
            None => (None, rest.strip_prefix("none").ok_or_else(refused)?),
        };
        vectors.push(vector);
        if vectors.len() > count {
            return Err(refused());
        }
        rest = after.trim_start();
    }
    if vectors.len() == count { Ok(Some(vectors)) } else { Err(refused()) }
}
