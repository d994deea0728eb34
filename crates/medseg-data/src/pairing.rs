//! Pairing the images and labels of two folders by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::case::Case;
use crate::channels::Grouped;
use crate::folder::{FoundFile, volumes};
use crate::listing::Listing;
use crate::names::channel_of;

/// Labels by the name of the image that each belongs to.
type Labels = BTreeMap<String, PathBuf>;

/// The cases of two folders, sorted by the name of the image's file; true if their images have channel numbers.
///
/// An image belongs to the label of its own name, or else to that of its name without a channel's number.
pub(crate) fn labelled(
    images: &Path,
    labels: &Path,
    listing: Option<&Listing>,
) -> Result<(Vec<Case>, bool), DataError> {
    let files = volumes(images, ", which the images should be in")?;
    let mut partners = label_files(labels, &files)?;
    if files.is_empty() && partners.is_empty() {
        let unknown = listing.and_then(|list| Some((list.path.clone(), list.unknown_ending()?)));
        return Err(match unknown {
            Some((listing, ending)) => DataError::FileEnding { listing, ending },
            None => DataError::EmptyFolder { path: images.into() },
        });
    }
    let names: BTreeSet<&str> = files.iter().map(|file| file.stem.as_str()).collect();
    let mut cases = Grouped::default();
    for file in &files {
        // `name` without a number can be an image of its own; then the number is a part of this one's name.
        let channel = channel_of(&file.stem).filter(|(name, _)| partners.contains_key(*name) && !names.contains(name));
        match (partners.get(&file.stem), channel) {
            (Some(own), Some((name, _))) => {
                let (own, other) = (own.clone(), partners.get(name).cloned().unwrap_or_default());
                return Err(DataError::AmbiguousLabel { image: file.path.clone(), own, other });
            }
            (Some(_), None) => cases.add_whole(file),
            (None, Some((name, number))) => cases.add_channel(name, number, file),
            (None, None) => {
                return Err(DataError::MissingPartner { path: file.path.clone(), folder: labels.into() });
            }
        }
    }
    let numbered = cases.any_numbered();
    let mut cases = cases.into_cases(listing.and_then(|list| list.channels))?;
    for case in &mut cases {
        case.label = partners.remove(&case.id);
    }
    match partners.into_values().next() {
        Some(path) => Err(DataError::MissingPartner { path, folder: images.into() }),
        None => Ok((cases, numbered)),
    }
}

/// The cases without a label in a folder; none may have the id of a case that is `known`. Channel numbers in the names
/// of their images are such if `numbered` says so.
pub(crate) fn unlabelled(dir: &Path, known: &[Case], numbered: bool) -> Result<Vec<Case>, DataError> {
    let channels = known.first().map(|case| case.images().count());
    let known: BTreeMap<&str, &Case> = known.iter().map(|case| (case.id.as_str(), case)).collect();
    let files = volumes(dir, "")?;
    let names: BTreeSet<&str> = files.iter().map(|file| file.stem.as_str()).collect();
    let mut cases = Grouped::default();
    for file in &files {
        match channel_of(&file.stem).filter(|_| numbered) {
            Some((name, _)) if names.contains(name) => {
                let first = files.iter().find(|other| other.stem == name).map(|other| other.path.clone());
                return Err(DataError::DuplicateCase { first: first.unwrap_or_default(), second: file.path.clone() });
            }
            Some((name, number)) => cases.add_channel(name, number, file),
            None => cases.add_whole(file),
        }
    }
    let cases = cases.into_cases(channels)?;
    match cases.iter().find_map(|case| Some((known.get(case.id.as_str())?, case))) {
        Some((first, second)) => {
            Err(DataError::DuplicateCase { first: first.image.clone(), second: second.image.clone() })
        }
        None => Ok(cases),
    }
}

/// The labels in a folder. `segmentation-7` belongs to `volume-7`, if there is one, and else to its own name.
fn label_files(dir: &Path, images: &[FoundFile]) -> Result<Labels, DataError> {
    let names = images.iter().flat_map(|file| [Some(file.stem.as_str()), channel_of(&file.stem).map(|(name, _)| name)]);
    let images: BTreeSet<&str> = names.flatten().collect();
    let mut labels = Labels::new();
    for FoundFile { stem, path, .. } in volumes(dir, ", which the labels should be in")? {
        let lits_name = stem.strip_prefix("segmentation-").map(|number| format!("volume-{number}"));
        let partner = lits_name.filter(|name| images.contains(name.as_str())).unwrap_or(stem);
        if let Some(first) = labels.insert(partner, path.clone()) {
            return Err(DataError::DuplicateCase { first, second: path });
        }
    }
    Ok(labels)
}
