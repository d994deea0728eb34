//! Windows outside of a region are left out.

use std::ops::ControlFlow;

use burn::tensor::Device;
use medseg_nnunet::export::Mask;
use medseg_nnunet::{Model, NnUnetError, PredictOptions, read_case};
use medseg_volume::{Volume, read_label, write_label};
use ndarray::Array3;

use crate::fixture;

/// Labels within the region are those of the whole prediction, with fewer windows; also with a transpose, a crop, padding
/// and another spacing.
#[test]
fn labels_within_a_region_stay_the_same() {
    let mut fewer = 0;
    for name in ["plain_aniso", "res_iso_transposed", "plain_regions", "plain_2d"] {
        let folder = fixture(name);
        let model = Model::open(&folder, &Device::flex()).unwrap();
        let images = ["case_0000.nii.gz", "case_0001.nii.gz"].map(|file| folder.join(file));
        let whole = read_label(folder.join("mask.nii.gz")).unwrap();
        let out = tempfile::tempdir().unwrap();
        let path = out.path().join("region.nii.gz");
        let (d, h, w) = whole.data.dim();
        for corner in 0..8 {
            let at = |size: usize, bit: usize| {
                if corner >> bit & 1 == 0 { 0..size.div_ceil(4) } else { size - size.div_ceil(4)..size }
            };
            let [zs, ys, xs] = [at(d, 0), at(h, 1), at(w, 2)];
            let inside = |z: usize, y: usize, x: usize| zs.contains(&z) && ys.contains(&y) && xs.contains(&x);
            let region = Array3::from_shape_fn((d, h, w), |(z, y, x)| u8::from(inside(z, y, x)) * 3);
            write_label(&path, &Volume::new(region, whole.geometry.clone())).unwrap();
            let case = model.prepare(read_case(&images, model.reader()).unwrap(), None).unwrap();
            let options = PredictOptions::default();
            let all = model.plan(&case, &options).unwrap().windows;
            let case = case.within(&path).unwrap();
            let (plan, mut last) = (model.plan(&case, &options).unwrap(), (0, 0));
            let mut progress = |done, total| {
                last = (done, total);
                ControlFlow::Continue(())
            };
            let found = model.segment(&case, &options, &mut progress).unwrap();
            assert_eq!(last, (plan.windows, plan.windows), "{name}");
            fewer += usize::from(plan.windows < all);
            let Mask::U8(found) = found.mask else { panic!("few labels") };
            let mut differing = 0;
            for ((z, y, x), label) in found.indexed_iter() {
                differing += usize::from(inside(z, y, x) && *label != whole.data[[z, y, x]]);
            }
            assert_eq!(differing, 0, "{name}, corner {corner}");
        }
    }
    assert!(fewer >= 16, "{fewer} of 32 regions left windows out");
}

#[test]
fn an_empty_region_is_background_and_one_of_another_shape_is_refused() {
    let folder = fixture("plain_aniso");
    let model = Model::open(&folder, &Device::flex()).unwrap();
    let images = ["case_0000.nii.gz", "case_0001.nii.gz"].map(|file| folder.join(file));
    let whole = read_label(folder.join("mask.nii.gz")).unwrap();
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("region.nii.gz");
    let case = model.prepare(read_case(&images, model.reader()).unwrap(), None).unwrap();
    let nothing = Array3::<u8>::zeros(whole.data.dim());
    write_label(&path, &Volume::new(nothing.clone(), whole.geometry.clone())).unwrap();
    let within = case.clone().within(&path).unwrap();
    let options = PredictOptions::default();
    assert_eq!(model.plan(&within, &options).unwrap().windows, 0);
    let found = model.segment(&within, &options, &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(found.mask, Mask::U8(nothing));
    write_label(&path, &Volume::new(Array3::zeros((2, 3, 4)), whole.geometry)).unwrap();
    assert!(matches!(case.within(&path), Err(NnUnetError::Region { found: [2, 3, 4], .. })));
}
