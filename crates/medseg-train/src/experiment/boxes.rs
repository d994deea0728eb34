//! Boxes and masks that a trained coarse network gives the fine stage to train on.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::tensor::{Device, Tensor};
use medseg_bundle::StageNetwork;
use medseg_data::Case;
use medseg_report::RunFolder;
use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use serde::{Deserialize, Serialize};

use crate::cases::{CoarseMask, Samples};
use crate::config::{ExperimentConfig, OnBadCase, StageConfig};
use crate::files::write_atomic;
use crate::{Observer, TrainError};

/// Results of the coarse network by the names of the cases.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct CoarseResults {
    /// The box as the cascade would cut it when predicting: the whole volume where the network found nothing.
    pub boxes: HashMap<String, BoxDhw>,
    /// The mask on the coarse grid, without spurious components.
    pub masks: HashMap<String, CoarseMask>,
}

/// Box and mask of each case by the coarse stage's best weights; the boxes are also written to `fine/boxes.json`. Cases
/// that cannot be read are left to the stage, which says so.
pub(super) fn coarse_results(
    config: &ExperimentConfig,
    coarse: &StageConfig,
    out: &Path,
    cases: &[Case],
    samples: &Samples,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<CoarseResults, TrainError> {
    let weights = RunFolder::new(out).stage("coarse").best_weights();
    if !weights.is_file() {
        let reason = format!("the fine stage needs the coarse stage's {}", weights.display());
        return Err(TrainError::NotARun { path: out.to_path_buf(), reason });
    }
    let network = StageNetwork::load(&coarse.network, &weights, device)?.with_precision(config.precision);
    let cascade = config.cascade.init(coarse.size, &config.fine.window)?;
    observer.begin("boxes and masks of the coarse stage", cases.len());
    let (mut boxes, mut masks) = (BTreeMap::new(), HashMap::new());
    for (done, case) in cases.iter().enumerate() {
        observer.advance(done, &case.id);
        let sample = match samples.get(case) {
            Err(_) if config.data.on_bad_case == OnBadCase::Skip => continue,
            read => read?,
        };
        let mut find = |windows: Tensor<5>| network.forward(windows);
        let (_, d, h, w) = sample.image.dim();
        let found = cascade.infer_channels(sample.image.view(), &sample.geometry, device).locate(&mut find);
        let found = found.map_err(|e| TrainError::from(e).in_case(&case.id))?;
        masks.insert(case.id.clone(), CoarseMask::new(&found.coarse));
        let report = found.report;
        let roi = if report.coarse_missed {
            observer.warn(&format!("case {}: the coarse network found nothing; its box is the whole volume", case.id));
            BoxDhw::whole(Dhw { d, h, w })
        } else {
            report.coarse_roi
        };
        boxes.insert(case.id.clone(), roi);
    }
    observer.end();
    let path = out.join("fine").join("boxes.json");
    let text =
        serde_json::to_string_pretty(&boxes).map_err(|e| TrainError::io("write", &path, std::io::Error::other(e)))?;
    write_atomic(&path, text.as_bytes())?;
    Ok(CoarseResults { boxes: boxes.into_iter().collect(), masks })
}
