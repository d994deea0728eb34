//! The channels of an image that is stored as one file for each.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::case::Case;
use crate::folder::FoundFile;
use crate::{ChannelFault, DataError};

/// Files of cases, in the order of the first of each.
#[derive(Default)]
pub(crate) struct Grouped {
    order: Vec<String>,
    cases: BTreeMap<String, Images>,
}

/// The files of a case's image.
enum Images {
    /// Its name has no channel number.
    Whole(FoundFile),
    /// By their numbers.
    Numbered(BTreeMap<usize, FoundFile>),
}

impl Grouped {
    /// Adds a case of one file.
    pub fn add_whole(&mut self, file: &FoundFile) {
        self.order.push(file.stem.clone());
        self.cases.insert(file.stem.clone(), Images::Whole(file.clone()));
    }

    /// Adds a file to the case of this name, which has none without a number.
    pub fn add_channel(&mut self, name: &str, number: usize, file: &FoundFile) {
        let images = self.cases.entry(name.to_string()).or_insert_with(|| {
            self.order.push(name.to_string());
            Images::Numbered(BTreeMap::new())
        });
        if let Images::Numbered(files) = images {
            files.insert(number, file.clone());
        }
    }

    pub fn any_numbered(&self) -> bool {
        self.cases.values().any(|images| matches!(images, Images::Numbered(_)))
    }

    /// Cases without labels, all of as many channels: those that are stated, or else those of the case that has most.
    pub fn into_cases(mut self, stated: Option<usize>) -> Result<Vec<Case>, DataError> {
        let highest = self.cases.values().filter_map(|images| match images {
            Images::Whole(_) => None,
            Images::Numbered(files) => files.keys().next_back(),
        });
        if let Some(highest) = highest.max() {
            let channels = stated.unwrap_or(highest + 1);
            for (case, images) in self.order.iter().filter_map(|id| Some((id, self.cases.get(id)?))) {
                if let Some(path) = images.missing(case, channels) {
                    return Err(DataError::Channels { case: case.clone(), source: ChannelFault::Missing { path } });
                }
                if let Some(path) = images.surplus(channels) {
                    return Err(DataError::Channels {
                        case: case.clone(),
                        source: ChannelFault::Surplus { path, channels },
                    });
                }
            }
        }
        let case = |id: String| self.cases.remove(&id)?.into_case(id);
        Ok(self.order.into_iter().filter_map(case).collect())
    }
}

impl Images {
    /// The first file that is not there, if `count` should be.
    fn missing(&self, id: &str, count: usize) -> Option<PathBuf> {
        let (file, number) = match self {
            Self::Whole(file) => (file, (count > 1).then_some(1)?),
            Self::Numbered(files) => (files.values().next()?, (0..count).find(|number| !files.contains_key(number))?),
        };
        let ending = file.name.strip_prefix(&file.stem).unwrap_or_default();
        Some(file.path.with_file_name(format!("{id}_{number:04}{ending}")))
    }

    /// The first file whose number is not below `count`.
    fn surplus(&self, count: usize) -> Option<PathBuf> {
        match self {
            Self::Whole(_) => None,
            Self::Numbered(files) => files.range(count..).next().map(|(_, file)| file.path.clone()),
        }
    }

    /// The case of all files.
    fn into_case(self, id: String) -> Option<Case> {
        match self {
            Self::Whole(file) => Some(Case::new(id, file.path, None)),
            Self::Numbered(files) => {
                let mut paths = files.into_values().map(|file| file.path);
                let first = paths.next()?;
                Some(Case::new(id, first, None).with_channels(paths))
            }
        }
    }
}
