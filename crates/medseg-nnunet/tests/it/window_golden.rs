//! Windows, weights and sums against nnU-Net's, bit for bit.

use std::convert::Infallible;
use std::ops::ControlFlow;

use half::f16;
use medseg_nnunet::window::{WholeLogits, WindowConfig, WindowError, WindowJob, gaussian, window_starts};
use medseg_testing::Golden;
use ndarray::{Array2, Array4, ArrayView4, Axis};

use crate::halves::{bits, halves};

#[test]
fn weights_are_those_of_nnunet() {
    for golden in Golden::all("gaussian") {
        let patch: Vec<usize> = serde_json::from_value(golden.params["patch"].clone()).expect("a patch");
        let map = gaussian(&patch);
        assert_eq!(map.shape(), patch);
        let map: Vec<f16> = map.iter().copied().collect();
        for (at, want) in golden.tensor("at").values.iter().zip(halves(&golden, "expected")) {
            assert_eq!(map[*at as usize].to_bits(), want.to_bits(), "{}: voxel {at}", golden.name);
        }
    }
}

#[test]
fn starts_are_those_of_nnunet() {
    for golden in Golden::all("starts") {
        let of = |name: &str| golden.tensor(name).values.clone();
        let (size, patch, step, count, start) = (of("size"), of("patch"), of("step"), of("count"), of("start"));
        let mut first = 0;
        for case in 0..size.len() {
            let got = window_starts(size[case] as usize, patch[case] as usize, step[case]);
            let want: Vec<usize> = start[first..][..count[case] as usize].iter().map(|at| *at as usize).collect();
            first += want.len();
            // Patches of one voxel have windows twice in nnU-Net, and here.
            assert_eq!(got, want, "size {}, patch {}, step {}", size[case], patch[case], step[case]);
        }
    }
}

/// The golden files' network: each class is a mixture of the two inputs, plus a map.
fn network(golden: &Golden, fold: usize) -> impl FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>, Infallible> {
    let table = |name: &str| {
        let tensor = golden.tensor(name);
        Array2::from_shape_vec(tensor.dims::<2>(), tensor.f32()).expect("two axes").row(fold).to_vec()
    };
    let (a, b) = (table("a"), table("b"));
    let [_, classes, voxels] = golden.tensor("own").dims::<3>();
    let own = golden.tensor("own").f32()[fold * classes * voxels..][..classes * voxels].to_vec();
    move |window| {
        let (_, d, h, w) = window.dim();
        let mut own = Array4::from_shape_vec((classes, d, h, w), own.clone()).expect("the patch's shape");
        for (class, mut map) in own.axis_iter_mut(Axis(0)).enumerate() {
            let mixed = &window.index_axis(Axis(0), 0) * a[class] + &window.index_axis(Axis(0), 1) * b[class];
            map.zip_mut_with(&mixed, |own, mixed| *own += mixed);
        }
        Ok(own)
    }
}

#[test]
fn sums_are_those_of_nnunet_to_the_last_bit() {
    for golden in Golden::all("window") {
        let patch: Vec<usize> = serde_json::from_value(golden.params["patch"].clone()).expect("a patch");
        let axes: Vec<usize> = serde_json::from_value(golden.params["mirror_axes"].clone()).expect("axes");
        let step = golden.params["step_size"].as_f64().expect("a step");
        let folds = golden.params["folds"].as_u64().expect("folds") as usize;
        let image = golden.tensor("image");
        let image = Array4::from_shape_vec(image.dims::<4>(), image.f32()).expect("an image");
        let classes = golden.tensor("own").shape[1];
        let window =
            WindowConfig::default().with_step_size(step).with_mirror_axes(axes).init(&patch).expect("settings");
        let (mut logits, mut calls) = (WholeLogits::default(), Vec::new());
        let load = |fold| Ok::<_, Infallible>(network(&golden, fold));
        let progress = |done, total| {
            calls.push((done, total));
            ControlFlow::Continue(())
        };
        window
            .run_folds(image.view(), WindowJob { classes, folds, wanted: None }, load, &mut logits, progress)
            .expect("logits");
        let logits = logits.finish().expect("slices");
        assert_eq!(bits(&logits), bits(&halves(&golden, "expected")), "{}", golden.name);
        let (_, d, h, w) = image.dim();
        let total = folds * window.plan([d, h, w]).expect("a plan").windows();
        assert_eq!(calls, (0..=total).map(|done| (done, total)).collect::<Vec<_>>(), "{}", golden.name);
    }
}

type Logits = Result<Array4<f32>, std::io::Error>;

#[test]
fn errors_name_the_window() {
    let image = Array4::<f32>::ones((1, 4, 4, 6));
    let window = WindowConfig::default().init(&[4, 4, 4]).expect("settings");
    let run = |network: &mut dyn FnMut(ArrayView4<'_, f32>) -> Logits| {
        window.run(image.view(), 1, network, &mut WholeLogits::default(), |_, _| ControlFlow::Continue(()))
    };
    let mut calls = 0;
    let error = run(&mut |window| {
        calls += 1;
        Ok(&window * if calls == 2 { 1e5 } else { 1.0 })
    });
    assert!(matches!(error, Err(WindowError::NotFinite { fold: 0, start: [0, 0, 2] })), "{error:?}");
    let error = run(&mut |window| Ok(&window * f32::NAN));
    assert!(matches!(error, Err(WindowError::NotFinite { start: [0, 0, 0], .. })), "{error:?}");
    let error = run(&mut |_| Ok(Array4::zeros((2, 4, 4, 4))));
    assert!(matches!(error, Err(WindowError::OutputShape { found: [2, 4, 4, 4], .. })), "{error:?}");
    let error = run(&mut |_| Err(std::io::Error::other("no power")));
    assert!(matches!(error, Err(WindowError::Network { .. })), "{error:?}");
}

#[test]
fn a_run_can_be_stopped() {
    let image = Array4::<f32>::ones((1, 4, 4, 9));
    let window = WindowConfig::default().init(&[4, 4, 4]).expect("settings");
    let network = |window: ArrayView4<'_, f32>| Ok::<_, Infallible>(window.to_owned());
    let stop = |done, _| if done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let error = window.run(image.view(), 1, network, &mut WholeLogits::default(), stop);
    assert!(matches!(error, Err(WindowError::Cancelled { done: 2, total: 4 })), "{error:?}");
}

#[test]
fn settings_out_of_range_are_errors() {
    let wrong: [(WindowConfig, &[usize]); 7] = [
        (WindowConfig::default().with_step_size(0.0), &[4, 4, 4]),
        (WindowConfig::default().with_step_size(f64::NAN), &[4, 4, 4]),
        (WindowConfig::default().with_mirror_axes([2]), &[4, 4]),
        (WindowConfig::default().with_mirror_axes([1, 1]), &[4, 4]),
        (WindowConfig::default(), &[4, 0, 4]),
        (WindowConfig::default(), &[4]),
        (WindowConfig::default(), &[usize::MAX, 4, 4]),
    ];
    for (config, patch) in wrong {
        assert!(matches!(config.clone().init(patch), Err(WindowError::Setting { .. })), "{config:?} {patch:?}");
    }
    let window = WindowConfig::default().init(&[4, 4, 4]).expect("settings");
    for shape in [[4, 0, 4], [4, 4, usize::MAX]] {
        assert!(matches!(window.plan(shape), Err(WindowError::ImageShape(_))));
    }
    assert_eq!(window_starts(5, 4, f64::NAN).len(), 1001);
}

#[test]
fn the_sums_of_a_large_model_are_those_of_a_patch() {
    let window = WindowConfig::default().init(&[128, 128, 128]).expect("settings");
    let plan = window.plan([400, 512, 512]).expect("a plan");
    assert_eq!(plan.windows(), 7 * 7 * 6);
    assert_eq!(plan.accumulator_bytes(118), 119 * 128 * 512 * 512 * 2);
    assert_eq!(plan.fold_bytes(118, 1), 0);
    assert_eq!(plan.fold_bytes(118, 5), 118 * 400 * 512 * 512 * 2);
}
