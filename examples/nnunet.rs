//! A model that nnU-Net v2 trained, applied to a case: `cargo run --example nnunet [MODEL MASK IMAGE...]`, an image for each
//! channel. Without arguments a small model with random weights segments its image.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;

use medseg::Device;
use medseg::nnunet::{Model, PredictOptions, read_case};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let folder = tempfile::tempdir()?;
    let (model, mask, images) = match &arguments[..] {
        [model, mask, images @ ..] if !images.is_empty() => (model.clone(), mask.clone(), images.to_vec()),
        [] => {
            let model = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("crates/medseg-nnunet/tests/fixtures/plain_2d");
            let images = ["case_0000.nii.gz", "case_0001.nii.gz"].map(|name| model.join(name));
            (model, folder.path().join("mask.nii.gz"), images.to_vec())
        }
        _ => return Err("MODEL MASK IMAGE... are needed, or nothing".into()),
    };
    let model = Model::open(model, &Device::flex())?;
    let (dataset, settings) = (&model.folder().dataset, &model.folder().configuration);
    println!("{} in {} channel(s), patch {:?}", settings.name, dataset.channels.len(), settings.patch_size);

    let case = model.prepare(read_case(&images, model.reader())?, None)?;
    let options = PredictOptions::default();
    println!("{}", model.plan(&case, &options)?);
    let found = model.segment(&case, &options, &mut |done, total| {
        if done.is_multiple_of(10) {
            println!("  {done} of {total} windows");
        }
        ControlFlow::Continue(())
    })?;
    found.write(&mask)?;
    for (label, ml) in found.volumes_ml() {
        println!("label {label}: {ml:.2} ml");
    }
    Ok(())
}
