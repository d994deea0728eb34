//! Cases that belong together, such as the images of one patient.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::RegexBuilder;
use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::case::Case;
use crate::split::{Split, refused};
use crate::split_rule::SplitRule;

/// Most bytes of a compiled pattern.
const PATTERN_BYTES: usize = 1 << 20;
/// Largest table, in bytes.
const TABLE_BYTES: u64 = 64 << 20;

/// A rule that names the group of a case; a split puts all cases of a group on one side.
///
/// ```
/// use medseg_data::{Case, Grouping, SplitRule};
///
/// let case = |id: &str| Case::new(id, "i", Some("l".into()));
/// let cases = ["p1_a", "p1_b", "p2_a", "p3_a", "p3_b", "p4_a"].map(case);
/// let patients = Grouping::Pattern("^(p[0-9]+)".into());
/// let split = patients.split(&SplitRule::KFold { folds: 4, fold: 0, seed: 1 }, &cases)?;
/// let patient = |id: &String| id[..2].to_string();
/// assert!(split.validation.iter().all(|id| !split.train.iter().any(|other| patient(other) == patient(id))));
/// # Ok::<(), medseg_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Grouping {
    /// A regular expression on the case's id: the group is what its first parentheses match, or the whole match without
    /// parentheses. A case that it does not match is a group of its own.
    Pattern(String),
    /// A CSV file of two columns, case and group, with a line of headings. Every case must be in it.
    Table(PathBuf),
}

impl Grouping {
    /// The group of every case, in their order.
    ///
    /// # Errors
    /// [`DataError::Split`] for a pattern that is none, a table without one of the cases or with one twice, and a table
    /// above 64 MiB; the system's, naming the table.
    pub fn groups(&self, cases: &[Case]) -> Result<Vec<String>, DataError> {
        match self {
            Self::Pattern(pattern) => by_pattern(pattern, cases),
            Self::Table(path) => by_table(path, cases),
        }
    }

    /// Splits the cases so that no group is on both sides. A rule that counts or draws cases deals groups instead;
    /// the result holds cases. Lists, files and beginnings of ids stay as they are and must not cut a group.
    ///
    /// # Errors
    /// As [`groups`](Self::groups) and [`SplitRule::split`]; [`DataError::Split`] for lists that cut a group.
    pub fn split(&self, rule: &SplitRule, cases: &[Case]) -> Result<Split, DataError> {
        let groups = self.groups(cases)?;
        let group_of: BTreeMap<&str, &str> =
            cases.iter().zip(&groups).map(|(case, group)| (case.id.as_str(), group.as_str())).collect();
        let split = match rule {
            SplitRule::File { .. } | SplitRule::Lists { .. } | SplitRule::Prefix { .. } => rule.split(cases)?,
            SplitRule::Automatic if SplitRule::is_named(cases) => rule.split(cases)?,
            _ => {
                let mut seen = BTreeSet::new();
                let labelled = cases.iter().zip(&groups).filter(|(case, _)| case.label.is_some());
                let first = labelled.filter(|(_, group)| seen.insert(group.as_str()));
                let stand_ins: Vec<Case> =
                    first.map(|(case, group)| Case { id: group.clone(), ..case.clone() }).collect();
                expanded(&rule.split(&stand_ins)?, cases, &group_of)
            }
        };
        split.validate(cases)?;
        refuse_cut_groups(&split, &group_of)?;
        Ok(split)
    }
}

/// A split of groups as one of their cases.
fn expanded(groups: &Split, cases: &[Case], group_of: &BTreeMap<&str, &str>) -> Split {
    let [train, validation] = [&groups.train, &groups.validation].map(|list| {
        let list: BTreeSet<&str> = list.iter().map(String::as_str).collect();
        let chosen = cases.iter().filter(|c| c.label.is_some() && list.contains(group_of[c.id.as_str()]));
        chosen.map(|case| case.id.clone()).collect::<Vec<_>>()
    });
    let used: BTreeSet<&String> = train.iter().chain(&validation).collect();
    let unused = cases.iter().filter(|case| !used.contains(&case.id)).map(|case| case.id.clone()).collect();
    Split { train, validation, unused }
}

fn refuse_cut_groups(split: &Split, group_of: &BTreeMap<&str, &str>) -> Result<(), DataError> {
    let training: BTreeMap<&str, &String> = split.train.iter().map(|id| (group_of[id.as_str()], id)).collect();
    match split.validation.iter().find_map(|id| training.get(group_of[id.as_str()]).map(|other| (id, other))) {
        Some((id, other)) => Err(refused(format!(
            "{other} trains and {id} validates, but both belong to the group {}",
            group_of[id.as_str()]
        ))),
        None => Ok(()),
    }
}

fn by_pattern(pattern: &str, cases: &[Case]) -> Result<Vec<String>, DataError> {
    let compiled = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build();
    let compiled =
        compiled.map_err(|e| refused(format!("the pattern {pattern:?} of groups: {}", last_line(&e.to_string()))))?;
    let group = |case: &Case| match compiled.captures(&case.id) {
        Some(found) => {
            found.get(1).or_else(|| found.get(0)).map_or(case.id.clone(), |group| group.as_str().to_string())
        }
        None => case.id.clone(),
    };
    Ok(cases.iter().map(group).collect())
}

/// A regular expression's fault is explained over several lines; the last one says it.
fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string()
}

fn by_table(path: &Path, cases: &[Case]) -> Result<Vec<String>, DataError> {
    let bad = |reason: String| refused(format!("{}: {reason}", path.display()));
    let length = path.metadata().map_err(DataError::io(path))?.len();
    if length > TABLE_BYTES {
        return Err(bad(format!("a table of groups has {length} bytes, more than {TABLE_BYTES}")));
    }
    let text = std::fs::read_to_string(path).map_err(DataError::io(path))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut groups = BTreeMap::new();
    for row in csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes()).records() {
        let row = row.map_err(|e| bad(e.to_string()))?;
        let (Some(case), Some(group)) = (row.get(0), row.get(1)) else {
            return Err(bad("a row needs a case and its group".into()));
        };
        if groups.insert(case.to_string(), group.to_string()).is_some() {
            return Err(bad(format!("the case {case} is in it twice")));
        }
    }
    let group =
        |case: &Case| groups.get(&case.id).cloned().ok_or_else(|| bad(format!("the case {} is not in it", case.id)));
    cases.iter().map(group).collect()
}
