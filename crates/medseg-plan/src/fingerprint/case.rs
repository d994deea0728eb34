//! Facts of a single case.

use std::collections::BTreeMap;

use medseg_data::{Case, check_case};
use medseg_transforms::{Connectivity, Preprocessing, foreground_box, label_components};
use medseg_volume::{Dhw, LabelChoice, Orientation, read_label_of};
use ndarray::ArrayView3;
use serde::Serialize;

use crate::PlanError;

/// Intensities of the foreground that are looked at in a case, at most.
const INTENSITIES: usize = 4000;

/// Facts of a case's header, on axes that point to RAS.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseHeader {
    /// The case.
    pub id: String,
    /// Voxels `[depth, height, width]`.
    pub shape: Dhw<usize>,
    /// Millimetres between voxels `[depth, height, width]`.
    pub spacing_mm: Dhw<f64>,
    /// Directions of the axes in the file.
    pub orientation: String,
}

/// Facts of a case's voxels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseVoxels {
    /// The case.
    pub id: String,
    /// Lowest finite intensity.
    pub lowest: f32,
    /// Highest finite intensity.
    pub highest: f32,
    /// Share of voxels that are exactly 0.
    pub zero_share: f64,
    /// Voxels that are NaN or infinite.
    pub not_finite: usize,
    /// Share of the volume in the box around the foreground; none without foreground.
    pub box_share: Option<f64>,
    /// Share of the foreground in its largest component (26 neighbours); none without foreground.
    pub largest_share: Option<f64>,
    /// Every label value above 0.
    pub labels: BTreeMap<u8, LabelFacts>,
    /// Evenly chosen intensities of the foreground, at most 4000.
    #[serde(skip)]
    pub foreground: Vec<f32>,
}

/// Facts of a label value in a case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LabelFacts {
    /// Voxels.
    pub voxels: usize,
    /// Volume in millilitres.
    pub ml: f64,
    /// Connected components (26 neighbours).
    pub components: usize,
    /// Share of the voxels in the largest component.
    pub largest_share: f64,
    /// The mean position of the voxels, on axes that point to RAS, as share of the case's length along each.
    pub centre: Dhw<f64>,
}

impl CaseHeader {
    /// Reads the headers of a case's image and label, which must agree.
    pub(super) fn read(case: &Case) -> Result<Self, PlanError> {
        let info = check_case(case)?;
        let (shape, grid) = to_ras().grid(info.shape, &info.geometry);
        Ok(Self {
            id: case.id.clone(),
            shape,
            spacing_mm: grid.spacing(),
            orientation: info.geometry.orientation().to_string(),
        })
    }
}

/// The axes in which every case is planned.
fn to_ras() -> Preprocessing {
    Preprocessing::default().with_orientation(Orientation::RAS)
}

impl CaseVoxels {
    /// Reads a labelled case. Of its labels `values` count as foreground, or all above 0 if none is named.
    pub(super) fn read(case: &Case, values: &[u8]) -> Result<Self, PlanError> {
        let image = case.first_channel()?;
        let path = case.label.as_deref().unwrap_or(&case.image);
        let label = read_label_of(path, &choice(values)).map_err(medseg_data::DataError::from)?;
        let counts = |value: u8| value != 0 && (values.is_empty() || values.contains(&value));
        let finite = image.data.iter().copied().filter(|v| v.is_finite());
        let (lowest, highest) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let zeros = image.data.iter().filter(|v| **v == 0.0).count();
        let inside = label.data.iter().filter(|value| counts(**value)).count();
        let step = (inside / INTENSITIES).max(1);
        let foreground = image.data.iter().zip(&label.data).filter(|(v, l)| counts(**l) && v.is_finite());
        let foreground = foreground.step_by(step).map(|(v, _)| *v).take(INTENSITIES).collect();
        let roi = foreground_box(&label.data.view(), |value| counts(*value), Dhw::splat(0));
        Ok(Self {
            id: case.id.clone(),
            lowest,
            highest,
            zero_share: zeros as f64 / image.data.len().max(1) as f64,
            not_finite: image.data.iter().filter(|v| !v.is_finite()).count(),
            box_share: roi.map(|roi| roi.size.voxels() as f64 / label.data.len().max(1) as f64),
            largest_share: largest_share(&label.data.mapv(|value| u8::from(counts(value))).view()),
            labels: label_facts(
                &to_ras().axes(&label.geometry).view(label.data.view()),
                label.geometry.voxel_volume_mm3() / 1000.0,
                counts,
            ),
            foreground,
        })
    }
}

/// The label values as they are: those named, or all.
pub(crate) fn choice(values: &[u8]) -> LabelChoice {
    if values.is_empty() { LabelChoice::All } else { LabelChoice::only(values) }
}

/// Share of a mask in its largest component.
fn largest_share(mask: &ArrayView3<'_, u8>) -> Option<f64> {
    let sizes = label_components(mask, Connectivity::Vertex).sizes;
    let largest = sizes.iter().max()?;
    Some(*largest as f64 / sizes.iter().sum::<usize>() as f64)
}

fn label_facts(label: &ArrayView3<'_, u8>, voxel_ml: f64, counts: impl Fn(u8) -> bool) -> BTreeMap<u8, LabelFacts> {
    let mut voxels = [0_usize; 256];
    let mut sums = vec![[0.0; 3]; 256];
    for (at, value) in label.indexed_iter().filter(|(_, value)| **value != 0) {
        voxels[usize::from(*value)] += 1;
        let at = [at.0, at.1, at.2];
        (0..3).for_each(|axis| sums[usize::from(*value)][axis] += at[axis] as f64 + 0.5);
    }
    let shape = label.shape();
    let present = (1..=u8::MAX).filter(|value| voxels[usize::from(*value)] > 0 && counts(*value));
    let facts = |value: u8| {
        let one = label.mapv(|v| u8::from(v == value));
        let sizes = label_components(&one.view(), Connectivity::Vertex).sizes;
        let (all, largest) = (voxels[usize::from(value)], sizes.iter().max().copied().unwrap_or(0));
        LabelFacts {
            voxels: all,
            ml: all as f64 * voxel_ml,
            components: sizes.len(),
            largest_share: largest as f64 / all as f64,
            centre: Dhw::from([0, 1, 2].map(|axis| sums[usize::from(value)][axis] / (all * shape[axis]) as f64)),
        }
    };
    present.map(|value| (value, facts(value))).collect()
}
