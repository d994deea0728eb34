//! Volume files as cases of one or several channels.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::collector::VolumeFound;
use super::{Channels, PassedOverCause, PassedOverInput, below, plain};
use crate::{Case, CaseImage, CohortError};

/// Makes cases of volume files.
pub(super) fn cases(
    volumes: Vec<VolumeFound>,
    channels: Channels,
    cases: &mut Vec<Case>,
    passed_over: &mut Vec<PassedOverInput>,
) -> Result<(), CohortError> {
    let (needed, together) = match channels {
        Channels::Single => {
            cases.extend(volumes.into_iter().map(|found| single(&found)));
            return Ok(());
        }
        Channels::Numbered(needed) => (needed, false),
        Channels::NumberedOrTogether(needed) => (needed, true),
    };
    let mut groups: BTreeMap<String, BTreeMap<usize, PathBuf>> = BTreeMap::new();
    let mut whole: BTreeMap<String, PathBuf> = BTreeMap::new();
    for found in volumes {
        let of_name = numbered(&found.stem);
        if of_name.is_none() && together {
            let case = single(&found);
            if let Some(first) = whole.insert(case.id.clone(), found.path.clone()) {
                return Err(CohortError::SameId { id: case.id, first, second: found.path });
            }
            cases.push(case);
            continue;
        }
        // A name without a number is the only channel.
        let (name, number) = of_name.unwrap_or((&found.stem, 0));
        let id = below(&found.folder, &plain(name));
        let group = groups.entry(id.clone()).or_default();
        if let Some(first) = group.insert(number, found.path.clone()) {
            return Err(CohortError::SameId { id, first, second: found.path });
        }
    }
    for (id, group) in groups {
        if let (Some(first), Some(second)) = (whole.get(&id), group.values().next()) {
            return Err(CohortError::SameId { id, first: first.clone(), second: second.clone() });
        }
        let missing = (0..needed).find(|number| !group.contains_key(number));
        let surplus = group.keys().find(|number| **number >= needed).is_some();
        let reason = match missing {
            Some(missing) => Some(PassedOverCause::MissingChannel { found: group.len().min(needed), needed, missing }),
            None if surplus => Some(PassedOverCause::SurplusChannel(needed)),
            None => None,
        };
        let files: Vec<PathBuf> = group.into_values().collect();
        let input = files.first().cloned().unwrap_or_default();
        match reason {
            Some(reason) => passed_over.push(PassedOverInput { id, path: input, reason }),
            None => cases.push(Case::of(id, CaseImage::Channels(files), input)),
        }
    }
    Ok(())
}

/// A case of one file.
fn single(found: &VolumeFound) -> Case {
    let id = below(&found.folder, &plain(&found.stem));
    Case::of(id, CaseImage::Channels(vec![found.path.clone()]), found.path.clone())
}

/// The name before `_NNNN` and the number of four digits.
fn numbered(stem: &[u8]) -> Option<(&[u8], usize)> {
    let (name, number) = stem.split_at_checked(stem.len().checked_sub(4)?)?;
    let name = name.strip_suffix(b"_").filter(|name| !name.is_empty())?;
    let digits = number.iter().all(u8::is_ascii_digit);
    digits.then(|| (name, number.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))))
}
