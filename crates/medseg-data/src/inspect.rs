//! Looking at a case's voxels before anything is trained on them.

use std::collections::BTreeMap;

use medseg_volume::{VolumeInfo, read_image, read_label};

use crate::DataError;
use crate::case::Case;
use crate::check::check_case;
use crate::subject::Foreground;

/// What a case's files hold.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseFacts {
    /// The case's id.
    pub id: String,
    /// What the image's header tells.
    pub info: VolumeInfo,
    /// Lowest and highest finite intensity; `None` if there is none.
    pub range: Option<[f32; 2]>,
    /// Voxels of the image that are NaN or infinite.
    pub not_finite: usize,
    /// Voxels of each label value that occurs; `None` for an unlabelled case.
    pub label_voxels: Option<BTreeMap<u8, usize>>,
    /// Voxels that count as foreground; `None` for an unlabelled case.
    pub foreground: Option<usize>,
}

impl CaseFacts {
    /// What a user should know before training on the case, each with its name.
    pub fn warnings(&self) -> Vec<String> {
        let sides = self.info.shape.to_array();
        let reasons = [
            (self.not_finite > 0).then(|| format!("{} voxels of the image are not finite", self.not_finite)),
            self.range.is_none_or(|[low, high]| low == high).then(|| "all voxels of the image are equal".to_string()),
            (self.foreground == Some(0)).then(|| "no voxel of the label counts as foreground".to_string()),
            sides.contains(&1).then(|| format!("the volume of {} voxels is a single slice", self.info.shape)),
        ];
        let header = self.info.warnings.iter().map(|warning| format!("the header says {warning}"));
        reasons.into_iter().flatten().chain(header).map(|reason| format!("case {}: {reason}", self.id)).collect()
    }
}

/// Reads a case whole, checks it as [`check_case`] does, and counts what is in it.
///
/// # Errors
/// As [`check_case`], and if the voxels of a file cannot be read or a label value is none; the message names the case.
pub fn inspect_case(case: &Case, foreground: &Foreground) -> Result<CaseFacts, DataError> {
    let info = check_case(case)?;
    inspect(case, info, foreground).map_err(|error| error.in_case(case))
}

fn inspect(case: &Case, info: VolumeInfo, foreground: &Foreground) -> Result<CaseFacts, DataError> {
    let image = read_image(&case.image)?.data;
    let finite = || image.iter().copied().filter(|v| v.is_finite());
    let range = finite().next().map(|_| [finite().fold(f32::MAX, f32::min), finite().fold(f32::MIN, f32::max)]);
    let mut facts = CaseFacts {
        id: case.id.clone(),
        info,
        range,
        not_finite: image.len() - finite().count(),
        label_voxels: None,
        foreground: None,
    };
    if let Some(path) = &case.label {
        let mut counts = [0usize; 256];
        read_label(path)?.data.iter().for_each(|&value| counts[usize::from(value)] += 1);
        let values: BTreeMap<u8, usize> = (0..=255).zip(counts).filter(|(_, count)| *count > 0).collect();
        facts.foreground = Some(values.iter().filter(|(value, _)| foreground.contains(**value)).map(|(_, n)| n).sum());
        facts.label_voxels = Some(values);
    }
    Ok(facts)
}
