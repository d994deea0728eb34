//! The files of a folder and all folders below it.

use std::fs;
use std::path::{Path, PathBuf};

use super::collector::Collector;
use super::{PassedOverCause, below, name_of, plain};
use crate::CohortError;
use crate::ledger::HIDDEN;

/// A folder on the way down.
struct Place<'a> {
    path: &'a Path,
    /// Its id, which begins with that of the input; may be empty.
    id: &'a str,
    /// Id and path of the folder whose DICOM files are looked at together with those here.
    unit: (&'a str, &'a Path),
    together: Together,
    depth: usize,
}

/// The DICOM files that are looked at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Together {
    /// All of the folder.
    All,
    /// Those of each folder directly below it, and those directly in it.
    EachBelow,
}

/// Takes the images below `folder`, whose ids begin with `prefix`.
pub(super) fn walk(
    collector: &mut Collector<'_>,
    folder: &Path,
    prefix: &str,
    together: Together,
) -> Result<(), CohortError> {
    let resolved = fs::canonicalize(folder).map_err(CohortError::io("list", folder))?;
    let name = if prefix.is_empty() { name_of(folder) } else { prefix.to_string() };
    let place = Place { path: folder, id: prefix, unit: (&name, folder), together, depth: 0 };
    enter(collector, &place, &mut vec![resolved])
}

/// Takes the images of a folder; `ancestors` are the folders around it and itself, without links.
fn enter(collector: &mut Collector<'_>, place: &Place<'_>, ancestors: &mut Vec<PathBuf>) -> Result<(), CohortError> {
    let unreadable = |error: std::io::Error| PassedOverCause::Unreadable(error.to_string());
    let entries = match fs::read_dir(place.path) {
        Ok(entries) => entries,
        Err(error) if place.depth == 0 => return Err(CohortError::io("list", place.path)(error)),
        Err(error) => {
            collector.pass_over(place.id.into(), place.path.into(), unreadable(error));
            return Ok(());
        }
    };
    let mut names = Vec::new();
    for entry in entries {
        collector.count(place.path)?;
        match entry {
            Ok(entry) => names.push((entry.file_name(), entry.file_type())),
            Err(error) => {
                collector.pass_over(place.id.into(), place.path.into(), unreadable(error));
                break;
            }
        }
    }
    if place.depth > 0 && names.iter().any(|(name, _)| name == HIDDEN) {
        collector.pass_over(place.id.into(), place.path.into(), PassedOverCause::OtherOutput);
        return Ok(());
    }
    names.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, kind) in names {
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = place.path.join(&name);
        let link = kind.as_ref().is_ok_and(fs::FileType::is_symlink);
        let folder = if link || kind.is_err() { path.is_dir() } else { kind.is_ok_and(|kind| kind.is_dir()) };
        if !folder {
            collector.take(&path, place.id, place.unit.0, place.unit.1);
            continue;
        }
        let id = below(place.id, &plain(name.as_encoded_bytes()));
        let resolved = match ancestors.last() {
            Some(parent) if !link => parent.join(&name),
            _ => match fs::canonicalize(&path) {
                Ok(resolved) => resolved,
                Err(error) => {
                    collector.pass_over(id, path, unreadable(error));
                    continue;
                }
            },
        };
        if collector.output.as_deref().is_some_and(|output| resolved.starts_with(output)) {
            continue;
        }
        if ancestors.contains(&resolved) {
            collector.pass_over(id, path, PassedOverCause::LinkLoop);
        } else if place.depth >= collector.options.max_depth {
            let reason = PassedOverCause::TooDeep(collector.options.max_depth);
            collector.pass_over(id, path, reason);
        } else {
            let unit = if place.depth == 0 && place.together == Together::EachBelow {
                (id.as_str(), path.as_path())
            } else {
                place.unit
            };
            ancestors.push(resolved);
            let entered =
                enter(collector, &Place { path: &path, id: &id, unit, depth: place.depth + 1, ..*place }, ancestors);
            ancestors.pop();
            entered?;
        }
    }
    Ok(())
}
