//! The whole chain against the masks of nnU-Net v2 (2.8.1, CPU): five models with random weights.

use burn::tensor::Device;
use medseg_nnunet::export::Mask;
use medseg_nnunet::{Model, PredictOptions, read_case};
use medseg_volume::read_label;

use crate::fixture;

/// Voxels in which a prediction differs from nnU-Net's mask, and all voxels.
fn differing(name: &str, options: &PredictOptions) -> (usize, usize) {
    let folder = fixture(name);
    let model = Model::open(&folder, &Device::flex()).unwrap();
    let images = ["case_0000.nii.gz", "case_0001.nii.gz"].map(|file| folder.join(file));
    let previous = Some(folder.join("previous.nii.gz")).filter(|path| path.is_file());
    let case = model.prepare(read_case(&images, model.reader()).unwrap(), previous.as_deref()).unwrap();
    let (plan, mut done) = (model.plan(&case, options).unwrap(), 0);
    let found = model
        .segment(&case, options, &mut |now, total| {
            assert_eq!(total, plan.windows);
            done = now;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(done, plan.windows);
    let Mask::U8(mask) = found.mask else { panic!("few labels") };
    let expected = read_label(folder.join("mask.nii.gz")).unwrap();
    assert_eq!(mask.dim(), expected.data.dim(), "{name}");
    assert!(found.geometry.same_grid(&expected.geometry, expected.shape(), 1e-3), "{name}");
    (mask.iter().zip(&expected.data).filter(|(a, b)| a != b).count(), mask.len())
}

const MODELS: [&str; 5] = ["plain_aniso", "res_iso_transposed", "plain_regions", "plain_2d", "cascade"];

#[test]
fn the_masks_are_those_of_nnunet() {
    let found = MODELS.map(|name| (name, differing(name, &PredictOptions::default())));
    println!("{found:?}");
    assert!(found.iter().all(|(_, (differing, _))| *differing == 0), "{found:?}");
}

#[test]
fn without_mirroring_the_masks_are_others() {
    let (differing, _) = differing("plain_regions", &PredictOptions::default().with_mirroring(false));
    assert!(differing > 100, "{differing}");
}
