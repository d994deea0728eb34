//! A cohort of small volumes: found, worked on once, and tabled.
//!
//! `cargo run --example cohort`

use std::error::Error;
use std::fs;

use medseg::cohort::{
    Case, CaseError, CaseFiles, CaseStatus, CaseSummary, Cohort, CohortFolder, FindOptions, RunIdentity, Staging, find,
    merge,
};
use medseg::volume::{Dhw, Geometry, Volume, read_image, write_image, write_label};
use ndarray::Array3;

/// The work around a "model": voxels above a threshold are the organ.
struct Threshold;

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

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("in");
    fs::create_dir_all(input.join("site_a"))?;
    for (index, name) in ["site_a/1.nii.gz", "site_a/2.nii.gz", "3.nii.gz"].iter().enumerate() {
        let data = Array3::from_shape_fn((8, 8, 8), |(z, y, x)| (z + y + x + index) as f32);
        write_image(input.join(name), &Volume::new(data, Geometry::from_spacing(Dhw::splat(2.0))?))?;
    }

    let out = CohortFolder::new(folder.path().join("out"));
    let found = find(&[&input], &FindOptions::default().with_output(out.root()))?;
    // The second time nothing is left to do; another threshold would do all cases again.
    for _ in 0..2 {
        let cohort = Cohort::new(out.clone(), RunIdentity::new("threshold 12"));
        let report = cohort.run(&found, &Threshold, |_, image| {
            Ok(Volume::new(image.data.mapv(|value| u8::from(value > 12.0)), image.geometry))
        })?;
        println!("{} done, {} skipped", report.count(CaseStatus::Done), report.count(CaseStatus::Skipped));
    }
    print!("{}", merge(&out)?.csv());
    Ok(())
}
