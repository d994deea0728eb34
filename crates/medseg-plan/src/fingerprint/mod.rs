//! The facts of a data set that a plan rests on.

mod case;
mod oddities;

use std::collections::BTreeMap;
use std::path::Path;

use medseg_data::{Case, Grouping, discover_with_warnings};
use medseg_train::Observer;
use medseg_volume::Dhw;
use rayon::prelude::*;
use serde::Serialize;

pub(crate) use case::choice;
pub use case::{CaseHeader, CaseVoxels, LabelFacts};

use crate::PlanError;

/// Cases whose voxels are read, at most.
const SAMPLED: usize = 48;

/// Facts of the labelled cases of a folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fingerprint {
    /// The headers of all labelled cases, in the order of their names, on axes that point to RAS.
    pub headers: Vec<CaseHeader>,
    /// The voxels of up to 48 cases, evenly chosen.
    pub sampled: Vec<CaseVoxels>,
    /// Channels of an image.
    pub channels: usize,
    /// Label values above 0 in the sampled cases that count as foreground, in their order.
    pub labels: Vec<u8>,
    /// Sentences on everything that a user should look at before training.
    pub oddities: Vec<String>,
}

impl Fingerprint {
    /// Reads all headers of the folder's labelled cases, and the voxels of some. `values` are the labels that count as
    /// foreground; all above 0 if none is named.
    ///
    /// # Errors
    /// An unreadable folder, case or label, headers of image and label that differ, or no labelled case.
    pub fn read(
        folder: &Path,
        values: &[u8],
        groups: Option<&Grouping>,
        observer: &mut dyn Observer,
    ) -> Result<Self, PlanError> {
        let (mut cases, warnings) = discover_with_warnings(folder)?;
        let mut oddities: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        let found = cases.len();
        cases.retain(|case| case.label.is_some());
        if cases.is_empty() {
            return Err(PlanError::NoLabels { folder: folder.to_path_buf() });
        }
        if cases.len() < found {
            oddities.push(format!("{} of {found} cases have no label and are not used.", found - cases.len()));
        }
        let headers = cases.iter().map(CaseHeader::read).collect::<Result<Vec<_>, _>>()?;
        let chosen = evenly(&cases);
        observer.begin("voxels", chosen.len());
        let mut sampled = Vec::with_capacity(chosen.len());
        for part in chosen.chunks(rayon::current_num_threads()) {
            let read: Vec<_> = part.par_iter().map(|case| CaseVoxels::read(case, values)).collect();
            for voxels in read {
                sampled.push(voxels?);
                observer.advance(sampled.len(), &sampled[sampled.len() - 1].id);
            }
        }
        observer.end();
        let mut labels: Vec<u8> = sampled.iter().flat_map(|case| case.labels.keys().copied()).collect();
        labels.sort_unstable();
        labels.dedup();
        if !values.is_empty() {
            labels = values.to_vec();
        }
        if labels.is_empty() {
            return Err(PlanError::NoForeground { folder: folder.to_path_buf() });
        }
        let mut found = Self { headers, sampled, channels: cases[0].channel_count()?, labels, oddities };
        found.oddities.extend(oddities::of(&found, &cases, groups)?);
        Ok(found)
    }

    /// Median along each axis of the shapes that the cases have with voxels of `spacing_mm`; of their own if not given.
    #[must_use]
    pub fn median_shape(&self, spacing_mm: Option<Dhw<f64>>) -> Dhw<usize> {
        let along = |axis: usize| {
            let length = |case: &CaseHeader| {
                let (voxels, mm) = (case.shape.to_array()[axis], case.spacing_mm.to_array()[axis]);
                spacing_mm.map_or(voxels as f64, |to| (voxels as f64 * mm / to.to_array()[axis]).round().max(1.0))
            };
            quantile(self.headers.iter().map(length), 0.5) as usize
        };
        Dhw::from([0, 1, 2].map(along))
    }

    /// A quantile of the spacings along each axis, millimetres.
    #[must_use]
    pub fn spacing_mm(&self, q: f64) -> Dhw<f64> {
        Dhw::from([0, 1, 2].map(|axis| quantile(self.headers.iter().map(|c| c.spacing_mm.to_array()[axis]), q)))
    }

    /// Median share of the volume in the box around the foreground.
    #[must_use]
    pub fn box_share(&self) -> f64 {
        quantile(self.sampled.iter().filter_map(|case| case.box_share), 0.5)
    }

    /// A quantile of the intensities of the foreground, all sampled cases together.
    #[must_use]
    pub fn foreground_intensity(&self, q: f64) -> f64 {
        quantile(self.sampled.iter().flat_map(|case| case.foreground.iter().map(|v| f64::from(*v))), q)
    }

    /// The volumes of a label in the sampled cases that have it, millilitres.
    #[must_use]
    pub fn volumes_ml(&self) -> BTreeMap<u8, Vec<f64>> {
        let mut volumes: BTreeMap<u8, Vec<f64>> = BTreeMap::new();
        for (label, facts) in self.sampled.iter().flat_map(|case| &case.labels) {
            volumes.entry(*label).or_default().push(facts.ml);
        }
        volumes
    }
}

/// Up to [`SAMPLED`] cases, evenly spread over the list.
fn evenly(cases: &[Case]) -> Vec<&Case> {
    let count = cases.len().min(SAMPLED);
    (0..count).map(|at| &cases[at * cases.len() / count]).collect()
}

/// The quantile `q` in [0, 1] by linear interpolation between order statistics; 0 of nothing.
pub(crate) fn quantile(values: impl Iterator<Item = f64>, q: f64) -> f64 {
    let mut values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let at = last as f64 * q;
    let (low, share) = (at.floor() as usize, at.fract());
    values[low] * (1.0 - share) + values[(low + 1).min(last)] * share
}
