//! A model without pickles: settings, safetensors and checksums.

use std::collections::BTreeMap;
use std::path::Path;

use medseg_files::{FileDigest, write_atomic, write_folder};
use serde::{Deserialize, Serialize};

use crate::folder::{DATASET, Facts, PLANS};
use crate::plans::{NormKind, json_file};
use crate::{Fold, Model, NnUnetError};

/// The file that makes a folder a bundle.
pub(crate) const BUNDLE: &str = "bundle.json";
/// Version of the layout.
const SCHEMA: u32 = 1;
/// The word that tells this kind of bundle from others.
const KIND: &str = "nnunet";

/// `bundle.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundleFile {
    schema: u32,
    kind: String,
    /// Name of the checkpoints that the weights come from.
    checkpoint_name: String,
    trainer_name: String,
    configuration: String,
    mirroring_axes: Option<Vec<usize>>,
    batch_norm: bool,
    /// Every other file of the bundle.
    files: BTreeMap<String, FileDigest>,
}

/// Name of a fold's weights.
pub(crate) fn weights_name(fold: Fold) -> String {
    format!("{fold}.safetensors")
}

/// True for a folder with a bundle of this kind; false as well if its settings cannot be read.
pub(crate) fn is_bundle(folder: &Path) -> bool {
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    let text = json_file::read(&folder.join(BUNDLE)).ok();
    text.and_then(|text| serde_json::from_str(&text).ok()).is_some_and(|Kind { kind }| kind == KIND)
}

impl BundleFile {
    /// Reads the settings of a bundle, whose `plans.json` and `dataset.json` must be the ones remembered.
    ///
    /// # Errors
    /// Another layout, or a file that is missing or damaged.
    pub(crate) fn open(folder: &Path) -> Result<Self, NnUnetError> {
        let path = folder.join(BUNDLE);
        let wrong = |reason: String| NnUnetError::Bundle { path: path.clone(), reason };
        let bundle: Self = serde_json::from_str(&json_file::read(&path)?).map_err(|error| wrong(error.to_string()))?;
        if bundle.schema != SCHEMA {
            return Err(wrong(format!("its schema is {}; this version reads schema {SCHEMA}", bundle.schema)));
        }
        let axes = bundle.mirroring_axes.as_deref().unwrap_or_default();
        if axes.iter().enumerate().any(|(number, axis)| *axis > 2 || axes[..number].contains(axis)) {
            return Err(wrong("mirroring_axes should be up to three of the axes 0, 1 and 2".to_owned()));
        }
        for name in [PLANS, DATASET] {
            bundle.check(folder, name)?;
        }
        Ok(bundle)
    }

    /// Checks that a file is the one remembered.
    ///
    /// # Errors
    /// If it is missing or damaged.
    pub(crate) fn check(&self, folder: &Path, name: &str) -> Result<(), NnUnetError> {
        let Some(digest) = self.files.get(name) else {
            return Err(NnUnetError::MissingFile { path: folder.join(BUNDLE), file: name.to_owned() });
        };
        let path = folder.join(name);
        if !path.is_file() {
            return Err(NnUnetError::MissingFile { path: folder.to_owned(), file: name.to_owned() });
        }
        digest.check(&path).map_err(|source| NnUnetError::Damaged { path, source })
    }

    /// Folds with weights, in the order of their names.
    pub(crate) fn folds(&self) -> Vec<Fold> {
        self.files.keys().filter_map(|name| Fold::of(name.strip_suffix(".safetensors")?)).collect()
    }

    /// The settings that checkpoints hold.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            trainer_name: self.trainer_name.clone(),
            configuration: self.configuration.clone(),
            mirroring_axes: self.mirroring_axes.clone(),
            batch_norm: self.batch_norm,
        }
    }

    /// Name of the checkpoints that the weights come from.
    pub(crate) fn checkpoint_name(&self) -> &str {
        &self.checkpoint_name
    }
}

impl Model {
    /// Writes the model as a bundle: settings, a safetensors file a fold, and `bundle.json` with their checksums, but no
    /// pickle. [`Model::open`] opens it, and its masks are the same.
    ///
    /// It is written under another name beside `folder`, synchronised and renamed. A bundle of a model of nnU-Net that is
    /// there already is replaced; anything else is left as it is.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use medseg_nnunet::Model;
    ///
    /// # let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/plain_2d");
    /// let out = tempfile::tempdir()?;
    /// Model::open(model, &Device::flex())?.save_bundle(out.path().join("bundle"))?;
    /// let bundle = Model::open(out.path().join("bundle"), &Device::flex())?;
    /// assert_eq!(bundle.folder().configuration.name, "2d");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Something else in the way, weights that cannot be read, and what the system says.
    pub fn save_bundle(&self, folder: impl AsRef<Path>) -> Result<(), NnUnetError> {
        let folder = folder.as_ref();
        if folder.exists() && !is_bundle(folder) {
            let reason = "it exists and is no bundle of a model of nnU-Net, so it is not replaced".to_owned();
            return Err(NnUnetError::Bundle { path: folder.to_owned(), reason });
        }
        let failed = |source| NnUnetError::Write { path: folder.to_owned(), source };
        write_folder(folder, |new| self.write_bundle(new), failed)
    }

    fn write_bundle(&self, folder: &Path) -> Result<(), NnUnetError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| NnUnetError::Write { path, source }
        };
        let model = self.folder();
        let mut files = BTreeMap::new();
        let mut remember = |name: &str| {
            let path = folder.join(name);
            let digest = FileDigest::of(&path).map_err(failed(&path))?;
            files.insert(name.to_owned(), digest);
            Ok::<_, NnUnetError>(())
        };
        for name in [PLANS, DATASET] {
            let (text, path) = (json_file::read(&model.path.join(name))?, folder.join(name));
            write_atomic(&path, text.as_bytes()).map_err(failed(&path))?;
            remember(name)?;
        }
        for fold in &model.folds {
            let name = weights_name(*fold);
            self.load(*fold)?.save(folder.join(&name))?;
            remember(&name)?;
        }
        let bundle = BundleFile {
            schema: SCHEMA,
            kind: KIND.to_owned(),
            checkpoint_name: model.checkpoint_name.clone(),
            trainer_name: model.trainer_name.clone(),
            configuration: model.configuration.name.clone(),
            mirroring_axes: model.mirroring_axes.clone(),
            batch_norm: model.configuration.architecture.norm.kind == NormKind::Batch,
            files,
        };
        let path = folder.join(BUNDLE);
        let text = serde_json::to_string_pretty(&bundle).map_err(|error| failed(&path)(error.into()))?;
        write_atomic(&path, text.as_bytes()).map_err(failed(&path))
    }
}
