//! Which cases train, which validate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::atomic_file::{read_json, write_json};
use crate::case::Case;

/// The ids of the cases for training and validation; kept beside a run's results as `split.json`.
///
/// # Examples
/// ```
/// use medseg_data::{Case, SplitRule};
/// let cases: Vec<Case> = (0..131)
///     .map(|n| Case { id: format!("liver_{n:03}"), image: "i".into(), label: Some("l".into()) })
///     .collect();
/// let split = SplitRule::two_stage_paper().split(&cases)?;
/// assert_eq!((split.train.len(), split.validation.len(), split.unused.len()), (104, 27, 0));
/// # Ok::<(), medseg_data::DataError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Ids of the cases that are trained on.
    pub train: Vec<String>,
    /// Ids of the cases that the best checkpoint is chosen and the metrics are computed by.
    pub validation: Vec<String>,
    /// Ids of the cases that are left out, unlabelled ones among them.
    #[serde(default)]
    pub unused: Vec<String>,
}

impl Split {
    /// Checks that training and validation have a case each, that no id occurs twice, and that every id is one of
    /// `cases`, with a label if it trains or validates.
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
        Ok(())
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

    /// Writes the split as JSON; a killed write leaves the old file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), DataError> {
        write_json(path.as_ref(), self)
    }

    /// Reads a split that [`write`](Self::write) wrote, or that someone wrote by hand: an object with the lists
    /// `train` and `validation`, and, if wanted, `unused`.
    ///
    /// # Errors
    /// If the file cannot be read or is no split. Whether it fits the data is for [`validate`](Self::validate).
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DataError> {
        read_json(path.as_ref())
    }
}

pub(crate) fn refused(reason: impl Into<String>) -> DataError {
    DataError::Split { reason: reason.into() }
}
