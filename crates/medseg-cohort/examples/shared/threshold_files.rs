//! Reading images and writing masks, for examples whose model is a threshold.

use medseg_cohort::{Case, CaseError, CaseFiles, CaseSummary, Staging};
use medseg_volume::{Volume, read_image, write_label};

/// The files around a "model": voxels above a threshold are the organ.
pub struct Threshold;

impl CaseFiles for Threshold {
    type Input = Volume<f32>;
    type Output = Volume<u8>;

    fn endings(&self) -> Vec<String> {
        vec![".nii.gz".into()]
    }

    fn read(&self, case: &Case) -> Result<Volume<f32>, CaseError> {
        Ok(read_image(&case.files()[0])?)
    }

    fn write(&self, _case: &Case, mask: Volume<u8>, staging: &Staging) -> Result<CaseSummary, CaseError> {
        write_label(staging.file(".nii.gz"), &mask)?;
        let voxels = mask.data.iter().filter(|value| **value == 1).count() as f64;
        Ok(CaseSummary::default().with_volume_ml("organ", voxels * mask.geometry.voxel_volume_mm3() / 1000.0))
    }
}
