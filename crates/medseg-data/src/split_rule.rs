//! Rules that split cases into training and validation.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::case::Case;
use crate::split::{Split, refused};

/// A rule that splits the labelled cases, which are taken in the order given (sorted by name, if [`discover`](crate::discover)
/// found them). Unlabelled cases always come to [`Split::unused`].
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SplitRule {
    /// If there are ids that begin with `train` and ids that begin with `validation`, these lists; otherwise the first
    /// 80 % for training and the rest for validation, at least one case each.
    #[default]
    Automatic,
    /// The first `train` cases, then the next `validation` ones, or all the rest if `validation` is not given.
    FirstN {
        /// Number of training cases.
        train: usize,
        /// Number of validation cases.
        validation: Option<usize>,
    },
    /// The first part of the cases, then the next part, or all the rest if `validation` is not given; each part is
    /// rounded to whole cases, at least one.
    Fraction {
        /// Part of the cases that train, above 0 and below 1.
        train: f64,
        /// Part of the cases that validate, above 0; both parts together are at most 1.
        validation: Option<f64>,
    },
    /// The parts of [`Fraction`](Self::Fraction), of the cases shuffled with the seed; the lists stay in the cases' order.
    Random {
        /// Part of the cases that train, above 0 and below 1.
        train: f64,
        /// Part of the cases that validate, above 0; both parts together are at most 1.
        validation: Option<f64>,
        /// Seed of the shuffle.
        seed: u64,
    },
    /// By the beginning of the ids.
    Prefix {
        /// Beginning of the ids of the training cases.
        train: String,
        /// Beginning of the ids of the validation cases.
        validation: String,
    },
    /// Cross-validation: the cases are shuffled with the seed and dealt into folds whose sizes differ by one at most;
    /// one fold validates, the others train.
    KFold {
        /// Number of folds, at least 2.
        folds: usize,
        /// The fold that validates, from 0.
        fold: usize,
        /// Seed of the shuffle; the same for all folds of one cross-validation.
        seed: u64,
    },
    /// The lists of a `split.json`, as [`Split::read_for`] reads it.
    File {
        /// The file.
        path: PathBuf,
    },
    /// Lists of ids.
    Lists {
        /// Ids of the training cases.
        train: Vec<String>,
        /// Ids of the validation cases.
        validation: Vec<String>,
    },
}

impl SplitRule {
    /// The one-stage experiments' split of the 131 LiTS cases: 78 for training, 26 for validation, 27 left out.
    #[must_use]
    pub fn one_stage_paper() -> Self {
        Self::FirstN { train: 78, validation: Some(26) }
    }

    /// The two-stage experiment's split of the 131 LiTS cases: 104 for training, 27 for validation.
    #[must_use]
    pub fn two_stage_paper() -> Self {
        Self::FirstN { train: 104, validation: None }
    }

    /// Splits the cases; the result is valid for them.
    ///
    /// # Errors
    /// [`DataError::Split`] if the rule's numbers make no sense, or there are too few labelled cases for it; those of
    /// [`Split::read_for`] for a file.
    pub fn split(&self, cases: &[Case]) -> Result<Split, DataError> {
        if let Self::File { path } = self {
            return Split::read_for(path, cases);
        }
        let labelled: Vec<&str> =
            cases.iter().filter(|case| case.label.is_some()).map(|case| case.id.as_str()).collect();
        let (train, validation) = self.lists(&labelled)?;
        complete(train, validation, cases)
    }

    /// One split for each fold of a cross-validation in which the cases of every kind, as `kind` tells it (a scanner, a
    /// class of tumour volume), are spread over the folds as evenly as the folds' sizes.
    ///
    /// ```
    /// use medseg_data::{Case, SplitRule};
    /// let cases: Vec<Case> = (0..20)
    ///     .map(|n| Case::new(format!("case_{n:02}"), "i", Some("l".into())))
    ///     .collect();
    /// let rare = |case: &Case| case.id.ends_with('7') || case.id.ends_with('3');
    /// for split in SplitRule::stratified_folds(&cases, 4, 1, rare)? {
    ///     let (_, validation) = split.select(&cases)?;
    ///     assert_eq!((validation.len(), validation.iter().filter(|case| rare(case)).count()), (5, 1));
    /// }
    /// # Ok::<(), medseg_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Split`] with fewer than 2 folds or more than labelled cases.
    pub fn stratified_folds<K: Ord>(
        cases: &[Case],
        folds: usize,
        seed: u64,
        kind: impl Fn(&Case) -> K,
    ) -> Result<Vec<Split>, DataError> {
        let labelled: Vec<&Case> = cases.iter().filter(|case| case.label.is_some()).collect();
        let ids: Vec<&str> = labelled.iter().map(|case| case.id.as_str()).collect();
        check_folds(ids.len(), folds, 0)?;
        let mut order = shuffled(ids.len(), seed);
        order.sort_by_cached_key(|&index| kind(labelled[index]));
        let deal = |fold| {
            let (train, validation) = dealt(&ids, &order, folds, fold);
            complete(train, validation, cases)
        };
        (0..folds).map(deal).collect()
    }

    /// True if the labelled ids name their part themselves, as [`Automatic`](Self::Automatic) has it.
    pub(crate) fn is_named(cases: &[Case]) -> bool {
        let begins = |with: &str| cases.iter().any(|case| case.label.is_some() && case.id.starts_with(with));
        begins("train") && begins("validation")
    }

    /// Training and validation ids out of the labelled ones.
    fn lists(&self, ids: &[&str]) -> Result<Lists, DataError> {
        match self {
            Self::Automatic => automatic(ids),
            Self::FirstN { train, validation } => {
                let validation = validation.unwrap_or(ids.len().saturating_sub(*train).max(1));
                first(ids, *train, validation)
            }
            Self::Fraction { train, validation } => fractions(ids, *train, *validation),
            Self::Random { train, validation, seed } => random(ids, *train, *validation, *seed),
            Self::Prefix { train, validation } => by_prefix(ids, train, validation),
            Self::KFold { folds, fold, seed } => {
                check_folds(ids.len(), *folds, *fold)?;
                Ok(dealt(ids, &shuffled(ids.len(), *seed), *folds, *fold))
            }
            Self::Lists { train, validation } => Ok((train.clone(), validation.clone())),
            Self::File { path } => Err(refused(format!("{} is read with the cases", path.display()))),
        }
    }
}

/// The lists and, unused, all other cases.
fn complete(train: Vec<String>, validation: Vec<String>, cases: &[Case]) -> Result<Split, DataError> {
    let used: BTreeSet<&str> = train.iter().chain(&validation).map(String::as_str).collect();
    let left = cases.iter().filter(|case| !used.contains(case.id.as_str()));
    let split = Split { unused: left.map(|case| case.id.clone()).collect(), train, validation };
    split.validate(cases)?;
    Ok(split)
}

type Lists = (Vec<String>, Vec<String>);

fn owned<'a>(ids: impl IntoIterator<Item = &'a &'a str>) -> Vec<String> {
    ids.into_iter().map(|id| (*id).to_string()).collect()
}

fn starting_with(ids: &[&str], prefix: &str) -> Vec<String> {
    owned(ids.iter().filter(|id| id.starts_with(prefix)))
}

fn automatic(ids: &[&str]) -> Result<Lists, DataError> {
    let named = (starting_with(ids, "train"), starting_with(ids, "validation"));
    if named.0.is_empty() || named.1.is_empty() { fractions(ids, 0.8, None) } else { Ok(named) }
}

fn first(ids: &[&str], train: usize, validation: usize) -> Result<Lists, DataError> {
    if train == 0 || validation == 0 {
        return Err(refused("training and validation need at least one case each"));
    }
    match train.checked_add(validation) {
        Some(end) if end <= ids.len() => Ok((owned(&ids[..train]), owned(&ids[train..end]))),
        _ => Err(refused(format!(
            "{train} cases for training and {validation} for validation are wanted, but {} have a label",
            ids.len()
        ))),
    }
}

fn fractions(ids: &[&str], train: f64, validation: Option<f64>) -> Result<Lists, DataError> {
    let rest = validation.unwrap_or(1.0 - train);
    // Negated so that NaN is refused; the sum may exceed 1 by rounding.
    if !(train > 0.0 && rest > 0.0 && train + rest <= 1.0 + 1e-9) {
        return Err(refused(format!(
            "{train} of the cases for training and {rest} for validation are no two parts of a whole"
        )));
    }
    if ids.len() < 2 {
        return Err(refused(format!(
            "training and validation need at least one case each, but {} have a label",
            ids.len()
        )));
    }
    let count = |part: f64| (part * ids.len() as f64).round() as usize;
    let train = count(train).clamp(1, ids.len() - 1);
    let left = ids.len() - train;
    let validation = if validation.is_some() { count(rest).clamp(1, left) } else { left };
    first(ids, train, validation)
}

fn by_prefix(ids: &[&str], train: &str, validation: &str) -> Result<Lists, DataError> {
    if train.starts_with(validation) || validation.starts_with(train) {
        return Err(refused(format!("an id can begin with both {train:?} and {validation:?}")));
    }
    let lists = (starting_with(ids, train), starting_with(ids, validation));
    for (list, prefix) in [(&lists.0, train), (&lists.1, validation)] {
        if list.is_empty() {
            return Err(refused(format!("no labelled case has an id that begins with {prefix:?}")));
        }
    }
    Ok(lists)
}

fn random(ids: &[&str], train: f64, validation: Option<f64>, seed: u64) -> Result<Lists, DataError> {
    let order = shuffled(ids.len(), seed);
    let (train, validation) = fractions(&order.iter().map(|&index| ids[index]).collect::<Vec<_>>(), train, validation)?;
    let in_order = |chosen: Vec<String>| {
        let chosen: BTreeSet<String> = chosen.into_iter().collect();
        owned(ids.iter().filter(|id| chosen.contains(**id)))
    };
    Ok((in_order(train), in_order(validation)))
}

fn check_folds(cases: usize, folds: usize, fold: usize) -> Result<(), DataError> {
    if folds < 2 || folds > cases || fold >= folds {
        return Err(refused(format!(
            "fold {fold} of {folds} is not possible with {cases} labelled cases (folds count from 0)"
        )));
    }
    Ok(())
}

fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

/// The ids of the other folds and of this one, when the cases are dealt in this order; both lists in the order of `ids`.
fn dealt(ids: &[&str], order: &[usize], folds: usize, fold: usize) -> Lists {
    let mut fold_of = vec![0; ids.len()];
    for (place, &case) in order.iter().enumerate() {
        fold_of[case] = place % folds;
    }
    let pick = |validates: bool| {
        let chosen = ids.iter().zip(&fold_of).filter(|&(_, &f)| (f == fold) == validates);
        chosen.map(|(id, _)| (*id).to_string()).collect()
    };
    (pick(false), pick(true))
}
