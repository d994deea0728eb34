//! The data of a run: which cases, what each is for, and their content.

mod content;
mod difference;
mod memory;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use content::ContentHash;
pub use difference::DataDifference;
pub use memory::ContentHashes;

use crate::case::Case;
use crate::json_file::{read_json, write_json};
use crate::{DataError, Split};

/// The version of the format that is written.
const VERSION: u32 = 1;

/// The use that a split makes of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitPart {
    /// The networks are trained on it.
    Train,
    /// The best checkpoint is chosen by it.
    Validation,
    /// It is left out of both.
    Unused,
}

/// The data that a run is made of: every case by its id, its part of the split and the hashes of its files. Two runs on
/// equal data have equal identities, wherever the files lie.
///
/// # Examples
/// ```
/// use medseg_data::{Case, ContentHashes, DataIdentity, Split};
///
/// let folder = tempfile::tempdir()?;
/// let case = |id: &str| {
///     let file = |kind: &str| folder.path().join(format!("{id}-{kind}.nii"));
///     [file("image"), file("label")].map(|path| std::fs::write(path, id)).into_iter().collect::<Result<(), _>>()?;
///     Ok::<_, std::io::Error>(Case::new(id, file("image"), Some(file("label"))))
/// };
/// let cases = [case("a")?, case("b")?];
/// let split = |train: &str, validation: &str| Split {
///     train: vec![train.into()],
///     validation: vec![validation.into()],
///     unused: Vec::new(),
/// };
/// let hashes = ContentHashes::open(folder.path().join("hashes.json"));
/// let before = DataIdentity::new(&cases, &split("a", "b"), &hashes, &mut |_, _| {})?;
/// let now = DataIdentity::new(&cases, &split("b", "a"), &hashes, &mut |_, _| {})?;
/// let differences: Vec<String> = before.differences(&now).iter().map(ToString::to_string).collect();
/// assert_eq!(differences, ["case a trained and would now validate", "case b validated and would now train"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataIdentity {
    version: u32,
    cases: BTreeMap<String, CaseIdentity>,
}

/// One case of a [`DataIdentity`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseIdentity {
    part: SplitPart,
    /// Of the image, one a channel; none where the content is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    image: Vec<ContentHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<ContentHash>,
}

impl DataIdentity {
    /// Hashes the files of the cases of a split; `progress` gets the number of cases done and the id of the next.
    ///
    /// # Errors
    /// [`DataError::Prepare`] naming the case, if one of its files cannot be read.
    pub fn new(
        cases: &[Case],
        split: &Split,
        hashes: &ContentHashes,
        progress: &mut dyn FnMut(usize, &str),
    ) -> Result<Self, DataError> {
        let mut identity = Self::from_split(split);
        for (done, case) in cases.iter().enumerate() {
            progress(done, &case.id);
            let Some(entry) = identity.cases.get_mut(&case.id) else { continue };
            let hash = |path: &Path| hashes.hash(path).map_err(|error| error.in_case(case));
            entry.image = case.images().map(hash).collect::<Result<_, _>>()?;
            entry.label = case.label.as_deref().map(hash).transpose()?;
        }
        hashes.save()?;
        Ok(identity)
    }

    /// The cases of a split whose content is not known, as of a run that did not note it. Unknown content differs from none.
    #[must_use]
    pub fn from_split(split: &Split) -> Self {
        let parts = [
            (SplitPart::Train, &split.train),
            (SplitPart::Validation, &split.validation),
            (SplitPart::Unused, &split.unused),
        ];
        let entry = |part: SplitPart| CaseIdentity { part, image: Vec::new(), label: None };
        let cases = parts.iter().flat_map(|(part, ids)| ids.iter().map(|id| (id.clone(), entry(*part)))).collect();
        Self { version: VERSION, cases }
    }

    /// The differences from this data to `now`, case by case in the order of their ids.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<DataDifference> {
        let mut ids: Vec<&String> = self.cases.keys().chain(now.cases.keys()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().flat_map(|id| difference::of_case(id, self.cases.get(id), now.cases.get(id))).collect()
    }

    /// Writes the identity as JSON; a killed write leaves the old file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), DataError> {
        write_json(path.as_ref(), self)
    }

    /// Reads an identity that [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// If the file cannot be read, is no identity, or has another version.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let identity: Self = read_json(path)?;
        if identity.version != VERSION {
            let reason = format!("version {} is unknown; this program reads {VERSION}", identity.version);
            return Err(DataError::BadJson { path: path.into(), reason });
        }
        Ok(identity)
    }
}
