//! Largest components against nnU-Net's.

use medseg_nnunet::Postprocessing;
use medseg_nnunet::export::Mask;
use medseg_testing::Golden;
use ndarray::Array3;

#[test]
fn what_stays_is_what_nnunet_leaves() {
    for golden in Golden::all("postprocessing") {
        let of = |name: &str| {
            let tensor = golden.tensor(name);
            Array3::from_shape_vec(tensor.dims::<3>(), tensor.u8()).expect("a mask")
        };
        let steps = serde_json::json!({
            "postprocessing_fns": ["remove_all_but_largest_component_from_segmentation"],
            "postprocessing_kwargs": [{"labels_or_regions": golden.params["labels_or_regions"]}],
        });
        let steps = Postprocessing::from_json(&steps.to_string()).expect("a step");
        let (mut small, mut large) = (Mask::U8(of("mask")), Mask::U16(of("mask").mapv(u16::from)));
        steps.apply(&mut small);
        steps.apply(&mut large);
        assert_eq!(small, Mask::U8(of("expected")), "{}", golden.name);
        assert_eq!(large.to_u16(), small.to_u16(), "{}", golden.name);
    }
}
