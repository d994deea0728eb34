//! Differences between the data of two runs.

use std::fmt;

use super::{CaseIdentity, SplitPart};

/// One difference between the data that a run was started on and the data that it would go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataDifference {
    /// A case is not there any more.
    Missing {
        /// Its id.
        case: String,
        /// Its part of the split before.
        part: SplitPart,
    },
    /// A case has come.
    New {
        /// Its id.
        case: String,
        /// Its part of the split now.
        part: SplitPart,
    },
    /// A case has another part of the split.
    Moved {
        /// Its id.
        case: String,
        /// Its part before.
        from: SplitPart,
        /// Its part now.
        to: SplitPart,
    },
    /// The voxels or the place of a case's image have changed.
    Image {
        /// Its id.
        case: String,
    },
    /// The voxels or the place of a case's label have changed.
    Label {
        /// Its id.
        case: String,
    },
}

impl fmt::Display for DataDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let did = |part: SplitPart| match part {
            SplitPart::Train => "trained",
            SplitPart::Validation => "validated",
            SplitPart::Unused => "was left out",
        };
        let would = |part: SplitPart| match part {
            SplitPart::Train => "train",
            SplitPart::Validation => "validate",
            SplitPart::Unused => "be left out",
        };
        match self {
            Self::Missing { case, part } => write!(f, "case {case}, which {}, is missing", did(*part)),
            Self::New { case, part } => write!(f, "case {case} is new and would {}", would(*part)),
            Self::Moved { case, from, to } => write!(f, "case {case} {} and would now {}", did(*from), would(*to)),
            Self::Image { case } => write!(f, "case {case} has another image"),
            Self::Label { case } => write!(f, "case {case} has another label"),
        }
    }
}

/// The differences of one case.
pub(super) fn of_case(id: &str, before: Option<&CaseIdentity>, now: Option<&CaseIdentity>) -> Vec<DataDifference> {
    let case = id.to_string();
    match (before, now) {
        (None, None) => Vec::new(),
        (Some(before), None) => vec![DataDifference::Missing { case, part: before.part }],
        (None, Some(now)) => vec![DataDifference::New { case, part: now.part }],
        (Some(before), Some(now)) => {
            let known = !before.image.is_empty() && !now.image.is_empty();
            let moved = (before.part != now.part).then(|| DataDifference::Moved {
                case: case.clone(),
                from: before.part,
                to: now.part,
            });
            let image = (known && before.image != now.image).then(|| DataDifference::Image { case: case.clone() });
            let label = (known && before.label != now.label).then_some(DataDifference::Label { case });
            [moved, image, label].into_iter().flatten().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Case, ContentHashes, DataIdentity, Split};

    #[test]
    fn every_kind_of_difference_names_its_case() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let case = |id: &str| Case::new(id, path(id), Some(path(&format!("{id}.label"))));
        let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
        for id in ["a", "b", "c", "d", "e"] {
            write(id, "image");
            write(&format!("{id}.label"), "label");
        }
        let cases = ["a", "b", "c", "d", "e"].map(case);
        let ids = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let split = |[train, validation, unused]: [&[&str]; 3]| Split {
            train: ids(train),
            validation: ids(validation),
            unused: ids(unused),
        };
        let hashes = ContentHashes::open(path("hashes.json"));
        let identity = |split: &Split| DataIdentity::new(&cases, split, &hashes, &mut |_, _| {}).unwrap();
        let first = split([&["a", "b"], &["c"], &["d"]]);
        let before = identity(&first);
        assert!(before.differences(&identity(&first)).is_empty());
        before.write(path("data.json")).unwrap();
        assert_eq!(DataIdentity::read(path("data.json")).unwrap(), before);
        write("a", "other");
        write("b.label", "other");
        let now = identity(&split([&["a", "b", "c"], &["e"], &[]]));
        let found: Vec<String> = before.differences(&now).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "case a has another image",
                "case b has another label",
                "case c validated and would now train",
                "case d, which was left out, is missing",
                "case e is new and would validate",
            ]
        );
        // A run that noted its split alone.
        assert!(DataIdentity::from_split(&first).differences(&identity(&first)).is_empty());
    }

    #[test]
    fn damaged_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        for text in ["", "{}", r#"{"version": 2, "cases": {}}"#, r#"{"version": 1, "cases": {"a": {"part": "rest"}}}"#]
        {
            std::fs::write(&path, text).unwrap();
            assert!(DataIdentity::read(&path).is_err(), "{text}");
        }
    }
}
