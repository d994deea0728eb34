//! The cases of a run, their shapes and their split, from a folder or from the phantom.

use std::path::{Path, PathBuf};

use medseg_data::{
    Case, ContentHashes, DataIdentity, Split, SplitRule, case_reason, check_case, discover_with_warnings,
};
use medseg_device::host_memory;
use medseg_phantom::{PhantomCase, PhantomConfig};
use medseg_report::RunFolder;
use medseg_volume::Dhw;

use super::RunRequest;
use crate::config::{DataConfig, OnBadCase};
use crate::{Observer, TrainError};

/// Cases of the phantom set: 14 train, 4 validate, 6 are left for the test.
const PHANTOM_CASES: usize = 24;
const PHANTOM_SPLIT: SplitRule = SplitRule::FirstN { train: 14, validation: Some(4) };

/// Bytes of an image and its label, and planes of resampling, for each voxel of a case.
const BYTES_PER_VOXEL: u64 = 8;

/// Labelled cases, checked by their headers, and how they are split.
pub(crate) struct Dataset {
    /// The folder of the cases.
    pub folder: PathBuf,
    /// Sorted by name.
    pub cases: Vec<Case>,
    /// Of every case's image, on the networks' grid.
    pub shapes: Vec<Dhw<usize>>,
    /// Which case does what.
    pub split: Split,
    /// Cases left out because their headers cannot be read.
    pub unreadable: Vec<String>,
}

impl Dataset {
    /// The cases of the request's folder, or the phantom set, which is written to the output folder unless this is a dry
    /// run.
    pub fn open(request: &RunRequest, observer: &mut dyn Observer) -> Result<Self, TrainError> {
        match request.folder() {
            Some(folder) => Self::from_folder(folder, &request.config.data, observer),
            None => Self::phantom(request, observer),
        }
    }

    fn from_folder(folder: &Path, config: &DataConfig, observer: &mut dyn Observer) -> Result<Self, TrainError> {
        let (mut cases, warnings) = discover_with_warnings(folder)?;
        warnings.iter().for_each(|warning| observer.warn(&warning.to_string()));
        let found = cases.len();
        cases.retain(|c| c.label.is_some());
        if cases.len() < found {
            observer.message(&format!("{} cases have no label and are not used", found - cases.len()));
        }
        let split = match &config.groups {
            Some(groups) => groups.split(&config.split, &cases)?,
            None => config.split.split(&cases)?,
        };
        let mut data = Self { folder: folder.to_path_buf(), cases, shapes: Vec::new(), split, unreadable: Vec::new() };
        if config.on_bad_case == OnBadCase::Skip {
            data.leave_out_unreadable(observer)?;
        }
        data.shapes = shapes(&data.cases, config)?;
        Ok(data)
    }

    /// Takes the cases out whose headers cannot be read, after the split, so that the others keep their places.
    fn leave_out_unreadable(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let mut bad = Vec::new();
        self.cases.retain(|case| match check_case(case) {
            Ok(_) => true,
            Err(e) => {
                observer.warn(&format!("case {} is left out: {}", case.id, case_reason(&case.id, &e)));
                bad.push(case.id.clone());
                false
            }
        });
        for ids in [&mut self.split.train, &mut self.split.validation, &mut self.split.unused] {
            ids.retain(|id| !bad.contains(id));
        }
        if self.split.train.is_empty() {
            return Err(TrainError::NothingToTrain { stage: "any".into() });
        }
        self.unreadable = bad;
        Ok(())
    }

    fn phantom(request: &RunRequest, observer: &mut dyn Observer) -> Result<Self, TrainError> {
        let folder = RunFolder::new(&request.out).phantom();
        let phantom = PhantomConfig { cases: PHANTOM_CASES, seed: request.config.seed, ..PhantomConfig::default() };
        if request.dry_run && !folder.exists() {
            return Self::phantom_unwritten(folder, &phantom, &request.config.data);
        }
        observer.begin("phantom", PHANTOM_CASES);
        let written = phantom.write(&folder, &mut |done, _| observer.advance(done, ""))?;
        observer.end();
        let cases: Vec<Case> = written.into_iter().map(labelled).collect();
        let shapes = shapes(&cases, &request.config.data)?;
        let split = PHANTOM_SPLIT.split(&cases)?;
        Ok(Self { folder, cases, shapes, split, unreadable: Vec::new() })
    }

    /// The phantom set as it would be, for a dry run that leaves no trace.
    fn phantom_unwritten(folder: PathBuf, phantom: &PhantomConfig, config: &DataConfig) -> Result<Self, TrainError> {
        let (mut cases, mut shapes) = (Vec::new(), Vec::new());
        for index in 0..phantom.cases {
            cases.push(labelled(PhantomConfig::case_in(&folder, index)));
            let image = phantom.generate(index)?.0;
            shapes.push(config.preprocessing.grid(image.shape(), &image.geometry).0);
        }
        let split = PHANTOM_SPLIT.split(&cases)?;
        Ok(Self { folder, cases, shapes, split, unreadable: Vec::new() })
    }

    /// The cases, their split and their content, which is read where it is not remembered.
    pub fn identity(&self, hashes: &ContentHashes, observer: &mut dyn Observer) -> Result<DataIdentity, TrainError> {
        observer.begin("hashes of the data", self.cases.len());
        let identity = DataIdentity::new(&self.cases, &self.split, hashes, &mut |done, id| observer.advance(done, id))?;
        observer.end();
        Ok(identity)
    }

    /// Channels of the images: those of the first case that can be read.
    pub fn channels(&self) -> usize {
        self.cases.iter().find_map(|case| case.channel_count().ok()).unwrap_or(1)
    }

    /// A case's shape by its name.
    pub fn shape_of(&self, id: &str) -> Option<Dhw<usize>> {
        self.cases.iter().position(|c| c.id == id).map(|at| self.shapes[at])
    }

    /// The cases that are predicted: those the split leaves out, or the validation cases if there are none.
    pub fn predicted(&self) -> &[String] {
        if self.split.unused.is_empty() { &self.split.validation } else { &self.split.unused }
    }

    /// The cases of these names, in their order.
    pub fn select(&self, ids: &[String]) -> Result<Vec<Case>, TrainError> {
        ids.iter()
            .map(|id| {
                let case = self.cases.iter().find(|c| c.id == *id);
                case.cloned().ok_or_else(|| TrainError::Config(format!("the split names {id}, which is no case")))
            })
            .collect()
    }
}

/// A phantom as a case of a run.
fn labelled(phantom: PhantomCase) -> Case {
    Case::new(phantom.id, phantom.image, Some(phantom.label))
}

/// Checks the headers of the cases, and that the computer can hold each on the networks' grid.
fn shapes(cases: &[Case], config: &DataConfig) -> Result<Vec<Dhw<usize>>, TrainError> {
    let memory = host_memory();
    let shape = |case: &Case| {
        let info = check_case(case)?;
        let channels = case.channel_count()? as u64;
        let shape = config.preprocessing.grid(info.shape, &info.geometry).0;
        let bytes = shape.to_array().into_iter().fold(BYTES_PER_VOXEL, |all, n| all.saturating_mul(n as u64));
        let bytes = bytes.saturating_mul(channels);
        match memory {
            Some(host) if bytes > host.total => {
                let (needed, total) = (bytes >> 20, host.total >> 20);
                Err(TrainError::Config(format!(
                    "case {}: {} on the networks' grid of {shape} voxels takes {needed} MiB, and this computer has {total} MiB; \
                     see data.preprocessing.spacing_mm and the unit of the file",
                    case.id,
                    case.image.display()
                )))
            }
            _ => Ok(shape),
        }
    };
    cases.iter().map(shape).collect()
}
