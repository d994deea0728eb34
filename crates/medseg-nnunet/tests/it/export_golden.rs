//! Masks and probabilities from logits, against nnU-Net's.

use half::f16;
use medseg_nnunet::export::{
    ExportError, ExportGeometry, LabelRule, LogitResampling, Mask, MaskExport, ProbabilityExport,
};
use medseg_nnunet::{Ensemble, labels_of, separate_axis};
use medseg_testing::Golden;
use ndarray::{Array3, Array4, Axis};
use proptest::prelude::*;

use crate::halves::{list, logits};

fn spacing(value: &serde_json::Value) -> [f64; 3] {
    let values: Vec<f64> = serde_json::from_value(value.clone()).expect("a spacing");
    values.try_into().expect("three axes")
}

fn geometry(golden: &Golden, logits: &Array4<f16>, resampling: LogitResampling) -> ExportGeometry {
    let (_, d, h, w) = logits.dim();
    ExportGeometry {
        network: [d, h, w],
        cropped: list(golden, "cropped"),
        full: list(golden, "full"),
        start: list(golden, "start"),
        transpose_backward: list(golden, "transpose_backward"),
        resampling,
    }
}

fn rule(golden: &Golden, logits: &Array4<f16>) -> LabelRule {
    match serde_json::from_value::<Option<Vec<u16>>>(golden.params["regions"].clone()).expect("regions") {
        Some(values) => LabelRule::Regions { values },
        None => LabelRule::Argmax { classes: logits.dim().0 },
    }
}

fn mask(golden: &Golden) -> Mask {
    let expected = golden.tensor("expected");
    Mask::U8(Array3::from_shape_vec(expected.dims::<3>(), expected.u8()).expect("a mask"))
}

#[test]
fn masks_and_probabilities_are_those_of_nnunet() {
    for golden in Golden::all("export") {
        let logits = logits(&golden, "logits");
        let spacing = spacing(&golden.params["spacing"]);
        let separate = separate_axis(spacing, spacing, golden.params["force"].as_bool());
        let resampling = match golden.params["kind"].as_str() {
            Some("torch") => LogitResampling::Torch { separate },
            _ => LogitResampling::Linear { separate },
        };
        let (geometry, rule) = (geometry(&golden, &logits, resampling), rule(&golden, &logits));
        let got = MaskExport::of(logits.view(), geometry.clone(), rule.clone()).expect("a mask");
        assert_eq!(got, mask(&golden), "{}", golden.name);
        if golden.has("probabilities") {
            let mut export = ProbabilityExport::new(geometry, rule.clone()).expect("a geometry");
            for (at, slice) in logits.axis_iter(Axis(1)).enumerate() {
                export.push(at, slice).expect("a slice");
            }
            let probabilities = export.finish().expect("all slices");
            golden.check("probabilities", probabilities.iter().map(|p| f64::from(*p)));
            assert_eq!(labels_of(probabilities.view(), &rule).expect("labels"), got, "{}", golden.name);
            let mut ensemble = Ensemble::default();
            ensemble.add(probabilities.clone()).expect("a member");
            ensemble.add(probabilities).expect("a member");
            assert_eq!(ensemble.finish(&rule).expect("a mask"), got, "{}", golden.name);
        }
    }
}

#[test]
fn whole_predictions_end_in_the_mask_of_nnunet() {
    for golden in Golden::all("chain") {
        let logits = logits(&golden, "logits");
        let [network, image] = [0, 1].map(|at| spacing(&golden.params["spacing"][at]));
        let resampling = LogitResampling::Linear { separate: separate_axis(network, image, None) };
        let got = MaskExport::of(logits.view(), geometry(&golden, &logits, resampling), rule(&golden, &logits));
        assert_eq!(got.expect("a mask"), mask(&golden), "{}", golden.name);
    }
}

fn small() -> ExportGeometry {
    ExportGeometry {
        network: [2, 3, 4],
        cropped: [2, 3, 4],
        full: [3, 4, 5],
        start: [1, 1, 1],
        transpose_backward: [0, 1, 2],
        resampling: LogitResampling::Identity,
    }
}

#[test]
fn the_first_of_equal_classes_wins_and_many_classes_take_16_bits() {
    let logits = Array4::from_elem((300, 2, 3, 4), f16::ONE);
    let mask = MaskExport::of(logits.view(), small(), LabelRule::Argmax { classes: 300 }).expect("a mask");
    assert_eq!(mask, Mask::U16(Array3::zeros((3, 4, 5))));
    let mut logits = Array4::from_elem((255, 2, 3, 4), f16::ZERO);
    logits[[254, 1, 2, 3]] = f16::ONE;
    let mask = MaskExport::of(logits.view(), small(), LabelRule::Argmax { classes: 255 }).expect("a mask");
    let Mask::U8(mask) = mask else { panic!("254 labels fit into 8 bits") };
    assert_eq!(mask[[2, 3, 4]], 254);
}

#[test]
fn contradicting_shapes_are_errors() {
    let rule = LabelRule::Argmax { classes: 2 };
    let wrong = [
        ExportGeometry { network: [0, 3, 4], ..small() },
        ExportGeometry { network: [5, 3, 4], ..small() },
        ExportGeometry { start: [2, 1, 1], ..small() },
        ExportGeometry { start: [usize::MAX; 3], ..small() },
        ExportGeometry { transpose_backward: [0, 0, 3], ..small() },
        ExportGeometry { resampling: LogitResampling::Torch { separate: Some(3) }, ..small() },
        ExportGeometry { full: [usize::MAX; 3], ..small() },
    ];
    for geometry in wrong {
        let error = MaskExport::new(geometry.clone(), rule.clone());
        assert!(matches!(error, Err(ExportError::Geometry { .. })), "{geometry:?}");
    }
    assert!(matches!(MaskExport::new(small(), LabelRule::Argmax { classes: 0 }), Err(ExportError::Classes(0))));
    let logits = Array4::from_elem((2, 3, 3, 4), f16::ONE);
    let export = || MaskExport::new(small(), rule.clone()).expect("a geometry");
    let slice = |at| logits.index_axis(Axis(1), at);
    assert!(matches!(export().push(1, slice(0)), Err(ExportError::Order { found: 1, expected: 0 })));
    assert!(matches!(export().finish(), Err(ExportError::Incomplete { found: 0, expected: 2 })));
    let wide = Array3::from_elem((2, 3, 5), f16::ONE);
    assert!(matches!(export().push(0, wide.view()), Err(ExportError::Slice { .. })));
    assert!(matches!(MaskExport::of(logits.view(), small(), rule.clone()), Err(ExportError::Order { found: 2, .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Resampled logits stay between the smallest and the largest of their channel, so that nnU-Net's clip changes nothing.
    #[test]
    fn a_constant_channel_stays_constant(
        network in [1_usize..9, 1..9, 1..9], cropped in [1_usize..14, 1..14, 1..14], value in -30.0_f32..30.0, axis in 0_usize..4,
    ) {
        let value = f16::from_f32(value);
        let resampling = LogitResampling::Linear { separate: (axis < 3).then_some(axis) };
        let geometry = ExportGeometry { network, cropped, full: cropped, start: [0; 3], transpose_backward: [0, 1, 2], resampling };
        let mut logits = Array4::from_elem((3, network[0], network[1], network[2]), value);
        // Equal channels tie everywhere; the last is lower by one bit.
        logits.index_axis_mut(Axis(0), 2).fill(f16::from_f32(value.to_f32() - value.to_f32().abs() * 1e-3 - 1e-7));
        let mask = MaskExport::of(logits.view(), geometry, LabelRule::Argmax { classes: 3 }).expect("a mask");
        prop_assert_eq!(mask, Mask::U8(Array3::zeros(cropped)));
    }
}
