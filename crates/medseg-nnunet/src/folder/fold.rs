//! A fold of a model.

use std::fmt;
use std::str::FromStr;

use crate::NnUnetError;

/// A fold of a model: one training, with its own weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fold {
    /// Trained on all folds but this one: the folder `fold_0` and so on.
    Number(u32),
    /// Trained on all cases: the folder `fold_all`.
    All,
}

impl Fold {
    /// The fold of a folder's name, if it is one.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name.strip_prefix("fold_")? {
            "all" => Some(Self::All),
            number => number.parse().ok().map(Self::Number).filter(|fold| fold.to_string() == name),
        }
    }
}

/// The number of a fold, or `all`.
impl FromStr for Fold {
    type Err = NnUnetError;

    fn from_str(text: &str) -> Result<Self, NnUnetError> {
        Self::of(&format!("fold_{text}")).ok_or_else(|| NnUnetError::Fold { text: text.to_owned() })
    }
}

impl fmt::Display for Fold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "fold_{number}"),
            Self::All => formatter.write_str("fold_all"),
        }
    }
}
