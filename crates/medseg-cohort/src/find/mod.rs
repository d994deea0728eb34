//! Cases in folders, patterns and lists.

mod channels;
mod collector;
#[cfg(feature = "dicom")]
mod dicom;
mod id;
mod list;
mod options;
mod passed_over;
mod tree;

use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, glob_with};
use medseg_volume::volume_stem;

pub use options::{Channels, FindOptions};
pub use passed_over::{PassedOverCause, PassedOverInput};

pub(crate) use id::{below, checked_id, shortened};

use crate::{Case, CohortError, ListFault, Part};
use collector::Collector;
use id::{id_of, plain};
use tree::Together;

/// The cases of a cohort.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Found {
    /// The cases, sorted by id.
    pub cases: Vec<Case>,
    /// Inputs that make no case, sorted by id.
    pub passed_over: Vec<PassedOverInput>,
}

impl Found {
    /// Puts the cases of this part first, for a worker that then helps the others.
    #[must_use]
    pub fn starting_with(mut self, part: Part) -> Self {
        self.cases.sort_by_key(|case| !part.holds(&case.part_key));
        self
    }
}

impl From<Vec<Case>> for Found {
    fn from(cases: Vec<Case>) -> Self {
        Self { cases, passed_over: Vec::new() }
    }
}

/// Finds the cases of folders, files, patterns and lists.
///
/// | input | cases |
/// |---|---|
/// | a folder | its [volume files](medseg_volume::VOLUME_ENDINGS) and, with the feature `dicom`, DICOM series, in all folders below it |
/// | a file | a volume, or the DICOM series in it |
/// | a pattern such as `in/**/ct*.nii.gz` | the files that match, and all in the folders that match |
/// | a list `NAME.txt` | a file or folder a line, relative to the list |
/// | a list `NAME.csv` | a case a row: columns `id`, `image` and, for further channels, `image2`, `image3` and so on |
///
/// # Ids
/// An id is the path below the input without the file's ending; below the part of a pattern before its first `*`, `?` or `[`;
/// below the folder of a list, or the whole path if it lies elsewhere. With several inputs the names of folders come first.
/// Letters that some system does not have in names, and bytes that are no text, become `%` and two digits. Letters are
/// composed (NFC). Ids do not depend on what else is found, but for DICOM: a folder's only series has the folder's id,
/// several have the names of their first files. No element of a DICOM file becomes part of an id.
///
/// # Passed over
/// Names that begin with a dot, other files, and the output folder are left out without a word. Folders that cannot be
/// listed, links that lead back to a folder around them, and DICOM files that make no volume are in
/// [`Found::passed_over`]. Other links are followed.
///
/// # DICOM
/// The files of each folder directly below the input are looked at together, so that a series may be spread over folders in
/// it; so are the files directly in the input, and those of a folder that a pattern matches or a list names. A series that
/// lies there twice is two cases.
///
/// # Errors
/// An input that is missing or of no known kind, two inputs of one id, a line of a list that makes no case, an output folder
/// that is an input or holds one.
///
/// ```
/// use medseg_cohort::{FindOptions, find};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::create_dir(folder.path().join("site_a"))?;
/// for name in ["site_a/1.nii.gz", "2.mha", "notes.txt", ".hidden.nii"] {
///     std::fs::write(folder.path().join(name), "")?; // contents do not matter here
/// }
/// let found = find(&[folder.path()], &FindOptions::default())?;
/// assert_eq!(found.cases.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), ["2", "site_a/1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn find<P: AsRef<Path>>(inputs: &[P], options: &FindOptions) -> Result<Found, CohortError> {
    let mut collector = Collector::new(options)?;
    for input in inputs {
        let input = input.as_ref();
        if input.is_dir() {
            collector.refuse_in_output(input)?;
            let prefix = if inputs.len() > 1 { name_of(input) } else { String::new() };
            tree::walk(&mut collector, input, &prefix, Together::EachBelow)?;
        } else if input.is_file() {
            if volume_stem(&input.to_string_lossy()).is_none() && list::is_list(input) {
                listed(&mut collector, input)?;
            } else if !collector.file(input, "")? {
                return Err(CohortError::UnknownInput { path: input.into() });
            }
        } else {
            matching(&mut collector, input)?;
        }
    }
    collector.finish()
}

/// The name of a folder as an id.
fn name_of(folder: &Path) -> String {
    let resolved = std::fs::canonicalize(folder);
    let name = resolved.as_deref().unwrap_or(folder).file_name().unwrap_or_default();
    plain(name.as_encoded_bytes())
}

/// The cases of a pattern.
fn matching(collector: &mut Collector<'_>, pattern: &Path) -> Result<(), CohortError> {
    let missing = || CohortError::Missing { path: pattern.to_path_buf() };
    let text = pattern.to_str().filter(|text| text.contains(['*', '?', '['])).ok_or_else(missing)?;
    let options =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let matches = glob_with(text, options).map_err(|source| CohortError::Pattern { pattern: text.into(), source })?;
    let fixed = fixed_part(pattern);
    let mut any = false;
    for found in matches {
        collector.count(pattern)?;
        let path = match found {
            Ok(path) => path,
            Err(error) => {
                let reason = PassedOverCause::Unreadable(error.error().to_string());
                collector.pass_over(id_of(error.path()), error.path().to_path_buf(), reason);
                continue;
            }
        };
        let relative = path.strip_prefix(&fixed).unwrap_or(&path);
        if path.is_dir() {
            if !collector.in_output(&path) {
                any = true;
                tree::walk(collector, &path, &id_of(relative), Together::All)?;
            }
        } else {
            let folder = id_of(relative.parent().unwrap_or(Path::new("")));
            any |= collector.file(&path, &folder)?;
        }
    }
    if any { Ok(()) } else { Err(missing()) }
}

/// The folders of a pattern before the first one with a sign.
fn fixed_part(pattern: &Path) -> PathBuf {
    let plain =
        |component: &Component<'_>| !component.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte));
    pattern.components().take_while(plain).collect()
}

/// The cases of a list.
fn listed(collector: &mut Collector<'_>, list: &Path) -> Result<(), CohortError> {
    let home = list.parent().unwrap_or(Path::new("")).to_path_buf();
    let absolute_home = std::path::absolute(list).map_err(CohortError::io("find", list))?;
    let absolute_home = absolute_home.parent().unwrap_or(Path::new("")).to_path_buf();
    list::each_entry(list, |entry| {
        collector.count(list)?;
        let paths: Vec<PathBuf> = entry.paths.iter().map(|path| home.join(path)).collect();
        let fault = |source| CohortError::List { list: list.to_path_buf(), line: entry.line, source };
        let Some(id) = entry.id else {
            let Some((path, written)) = paths.first().zip(entry.paths.first()) else { return Ok(()) };
            let relative = written.strip_prefix(&absolute_home).unwrap_or(written);
            if volume_stem(&path.to_string_lossy()).is_none() && path.is_dir() {
                return tree::walk(collector, path, &id_of(relative), Together::All);
            }
            let folder = id_of(relative.parent().unwrap_or(Path::new("")));
            if collector.file(path, &folder)? {
                return Ok(());
            }
            return Err(if path.exists() {
                CohortError::UnknownInput { path: path.clone() }
            } else {
                CohortError::Missing { path: path.clone() }
            });
        };
        if let [path] = paths.as_slice()
            && volume_stem(&path.to_string_lossy()).is_none()
        {
            return collector.named(id, path).map_err(|error| match error {
                collector::NamedError::Found(found) => fault(ListFault::NotOne { path: path.clone(), found }),
                collector::NamedError::Other(error) => error,
            });
        }
        collector.named_channels(id, paths);
        Ok(())
    })
}
