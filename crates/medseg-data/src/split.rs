//! Which cases train, which validate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::case::Case;
use crate::json_file::{read_json, write_json};
use crate::names::composed;

/// The ids of the cases for training and validation; kept beside a run's results as `split.json`.
///
/// # Examples
/// ```
/// use medseg_data::{Case, SplitRule};
/// let cases: Vec<Case> = (0..131)
///     .map(|n| Case::new(format!("liver_{n:03}"), "i", Some("l".into())))
///     .collect();
/// let split = SplitRule::two_stage_paper().split(&cases)?;
/// assert_eq!((split.train.len(), split.validation.len(), split.unused.len()), (104, 27, 0));
/// # Ok::<(), medseg_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Split {
    /// Ids of the cases that are trained on.
    pub train: Vec<String>,
    /// Ids of the cases that the best checkpoint is chosen and the metrics are computed by.
    pub validation: Vec<String>,
    /// Ids of the cases that are left out, unlabelled ones among them.
    pub unused: Vec<String>,
}

impl Split {
    /// Checks that training and validation have a case each, that every id is one of `cases`, with a label if it trains
    /// or validates, and that each of `cases` is in exactly one list.
    ///
    /// # Errors
    /// [`DataError::Split`] with the id that does not fit.
    pub fn validate(&self, cases: &[Case]) -> Result<(), DataError> {
        let known: BTreeMap<&str, &Case> = cases.iter().map(|c| (c.id.as_str(), c)).collect();
        let mut seen = BTreeSet::new();
        let lists = [("train", &self.train), ("validation", &self.validation), ("unused", &self.unused)];
        for (name, ids) in lists {
            if ids.is_empty() && name != "unused" {
                return Err(refused(format!("the list {name} has no case")));
            }
            for id in ids {
                let case = known.get(id.as_str());
                let case = case.ok_or_else(|| refused(format!("{name} names {id}, which is no case of the data")))?;
                if case.label.is_none() && name != "unused" {
                    return Err(refused(format!("{name} names {id}, which has no label")));
                }
                if !seen.insert(id) {
                    return Err(refused(format!("{id} occurs twice")));
                }
            }
        }
        match cases.iter().find(|case| !seen.contains(&case.id)) {
            Some(Case { id, .. }) => {
                Err(refused(format!("the case {id} is in none of the lists train, validation and unused")))
            }
            None => Ok(()),
        }
    }

    /// The cases that train and those that validate, in the split's order.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn select<'a>(&self, cases: &'a [Case]) -> Result<(Vec<&'a Case>, Vec<&'a Case>), DataError> {
        self.validate(cases)?;
        let known: BTreeMap<&str, &Case> = cases.iter().map(|c| (c.id.as_str(), c)).collect();
        let pick = |ids: &[String]| ids.iter().filter_map(|id| known.get(id.as_str()).copied()).collect();
        Ok((pick(&self.train), pick(&self.validation)))
    }

    /// Writes the split as JSON, with the version of its format; a killed write leaves the old file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), DataError> {
        let Self { train, validation, unused } = self.clone();
        write_json(path.as_ref(), &SplitFile { version: VERSION, train, validation, unused: Some(unused) })
    }

    /// Reads a split that [`write`](Self::write) wrote, or that someone wrote by hand: an object with the lists
    /// `train` and `validation`, and, if wanted, `unused` and `version`.
    ///
    /// # Errors
    /// If the file cannot be read, is no split, or has a newer format. Whether it fits the data is for
    /// [`read_for`](Self::read_for).
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let SplitFile { train, validation, unused, .. } = read_file(path.as_ref())?;
        Ok(Self { train, validation, unused: unused.unwrap_or_default() })
    }

    /// Reads the split of these cases. A file without the list `unused` leaves out all cases that it does not name; one
    /// with it must name every case.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`validate`](Self::validate); the message names the file and the case that is
    /// unknown, named twice, without a label, or missing.
    pub fn read_for(path: impl AsRef<Path>, cases: &[Case]) -> Result<Self, DataError> {
        let path = path.as_ref();
        let SplitFile { train, validation, unused, .. } = read_file(path)?;
        let unused = unused.unwrap_or_else(|| {
            let used: BTreeSet<&String> = train.iter().chain(&validation).collect();
            cases.iter().filter(|case| !used.contains(&case.id)).map(|case| case.id.clone()).collect()
        });
        let split = Self { train, validation, unused };
        match split.validate(cases) {
            Err(DataError::Split { reason }) => Err(DataError::BadJson { path: path.into(), reason }),
            other => other.map(|()| split),
        }
    }
}

/// The version of the format that is written; a file without one has the first.
const VERSION: u32 = 1;

/// Content of `split.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitFile {
    #[serde(default = "first_version")]
    version: u32,
    train: Vec<String>,
    validation: Vec<String>,
    unused: Option<Vec<String>>,
}

fn first_version() -> u32 {
    1
}

fn read_file(path: &Path) -> Result<SplitFile, DataError> {
    let content: serde_json::Value = read_json(path)?;
    let refuse = |reason: String| Err(DataError::BadJson { path: path.into(), reason });
    // Before its lists, which another version may name otherwise.
    if let Some(version) = content.get("version").filter(|version| **version != VERSION) {
        return refuse(format!("version {version} of the format of splits is unknown; this program reads {VERSION}"));
    }
    let mut file: SplitFile = serde_json::from_value(content).or_else(|error| refuse(error.to_string()))?;
    // As the cases' ids, whatever editor wrote the file.
    for id in [&mut file.train, &mut file.validation].into_iter().chain(&mut file.unused).flatten() {
        *id = composed(id);
    }
    Ok(file)
}

pub(crate) fn refused(reason: impl Into<String>) -> DataError {
    DataError::Split { reason: reason.into() }
}
