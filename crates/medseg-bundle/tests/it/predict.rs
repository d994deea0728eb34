//! Predictions of bundles: the same voxels in the same places, whatever way an image's axes point.

use burn::tensor::{Device, Tensor};
use medseg_bundle::{Bundle, BundleConfig, NoProgress, PostProcessing, Preprocessing, Stages, Wanted};
use medseg_inference::{
    BeyondMask, CascadeConfig, Dhw, LabelInterpolation, MaskRule, PostStep, SlidingWindowConfig, Stitch, restore_labels,
};
use medseg_transforms::Intensity;
use medseg_unet::UNetConfig;
use medseg_volume::{Axes, Geometry, Orientation, Volume, read_image, read_info, read_label, write_image, write_label};
use ndarray::{Array3, Axis};

/// The 48 orientations.
fn orientations() -> Vec<Orientation> {
    let pairs = [["L", "R"], ["P", "A"], ["I", "S"]];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let code = |order: [usize; 3], signs: usize| (0..3).map(|n| pairs[order[n]][signs >> n & 1]).collect::<String>();
    orders.into_iter().flat_map(|order| (0..8).map(move |signs| code(order, signs).parse().unwrap())).collect()
}

/// Oblique, anisotropic, first voxel away from the origin; axes closest to RAS.
fn oblique() -> Geometry {
    Geometry::from_affine(medseg_testing::oblique_affine()).unwrap()
}

fn bundle(orientation: Option<Orientation>, two_stage: bool) -> Bundle {
    let network = UNetConfig { channels: vec![2, 2, 4], ..UNetConfig::default() };
    let window = SlidingWindowConfig::new(Dhw { d: 8, h: 16, w: 16 });
    let networks = (1..=1 + u64::from(two_stage)).map(|seed| network.init_seeded(seed, &Device::flex()).unwrap());
    let networks: Vec<_> = networks.collect();
    let stages = if two_stage {
        let (coarse_size, cascade) = (Dhw::splat(8), CascadeConfig::safe());
        Stages::TwoStage { coarse: network.clone().into(), fine: network.into(), coarse_size, cascade, window }
    } else {
        Stages::OneStage { network: network.into(), window, rule: MaskRule::default() }
    };
    let mut config = BundleConfig::new("test", stages);
    config.preprocessing.orientation = orientation;
    Bundle::new(config, networks, &Device::flex()).unwrap()
}

fn image() -> Volume<f32> {
    let data = Array3::from_shape_fn((9, 14, 17), |(z, y, x)| ((z * 31 + y * 17 + x * 7) % 97) as f32 * 6.0 - 290.0);
    Volume::new(data, oblique())
}

/// Predict, save, read: the header of the image bit for bit, and the same mask in the patient from all orientations.
#[test]
fn all_48_orientations_give_one_mask_in_the_patient_with_the_images_header() {
    let folder = tempfile::tempdir().unwrap();
    let [ct, mask_path] = ["ct.nii", "mask.nii"].map(|name| folder.path().join(name));
    for two_stage in [false, true] {
        let bundle = bundle(Some(Orientation::RAS), two_stage);
        let expected = bundle.predict(&image(), &mut NoProgress).unwrap().mask;
        let foreground = expected.data.iter().filter(|&&label| label == 1).count();
        assert!(foreground > 0 && foreground < expected.data.len(), "{foreground}");
        for orientation in orientations() {
            write_image(&ct, &image().reoriented(orientation)).unwrap();
            let read = read_image(&ct).unwrap();
            let prediction = bundle.predict(&read, &mut NoProgress).unwrap();
            write_label(&mask_path, &prediction.mask).unwrap();
            let mask = read_label(&mask_path).unwrap();
            let headers = [&ct, &mask_path].map(|path| *read_info(path).unwrap().geometry.nifti_fields().unwrap());
            assert_eq!(headers[0], headers[1], "{orientation}");
            assert_eq!(mask.geometry.affine(), read.geometry.affine(), "{orientation}");
            assert_eq!(mask.reoriented(Orientation::RAS).data, expected.data, "{orientation}");
            assert_eq!(bundle.predict_owned(read, &mut NoProgress).unwrap().mask, prediction.mask);
        }
    }
}

/// A voxel that the "network" (a threshold) marks is at the same millimetres in the saved mask, through turned axes and
/// another spacing, with either way of restoring.
#[test]
fn a_marker_stays_at_its_place_in_the_patient() {
    let folder = tempfile::tempdir().unwrap();
    let [ct, mask_path] = ["ct.nii.gz", "mask.nii.gz"].map(|name| folder.path().join(name));
    let shape = Dhw { d: 12, h: 20, w: 24 };
    let marker = Dhw { d: 7.0, h: 4.0, w: 15.0 };
    for orientation in orientations() {
        let mut data = Array3::from_elem((shape.d, shape.h, shape.w), -1000.0_f32);
        data.slice_mut(ndarray::s![6..9, 3..6, 14..17]).fill(1000.0);
        write_image(&ct, &Volume::new(data, oblique()).reoriented(orientation)).unwrap();
        let image = read_image(&ct).unwrap();
        let preprocessing = Preprocessing {
            orientation: Some("LPS".parse().unwrap()),
            spacing_mm: Some(Dhw { d: 1.25, h: 0.45, w: 0.35 }),
            intensity: Intensity::Window { low: -1000.0, high: 1000.0 },
        };
        let prepared = preprocessing.applied(&image);
        assert_eq!(prepared.shape(), Dhw { d: 24, h: 40, w: 48 });
        let channels = prepared.data.view().insert_axis(Axis(0));
        // At half the spacing the marker's outermost voxels have 0.75 of its value along each axis, those beyond 0.25.
        let mut threshold = |windows: Tensor<5>| windows - 0.3;
        let window = SlidingWindowConfig::new(Dhw::splat(16)).init().unwrap();
        let mask = window.infer(channels, &Device::flex(), &mut threshold).mask(MaskRule::default()).unwrap();
        let mask = prepared.with_data(mask);
        for how in [LabelInterpolation::Nearest, LabelInterpolation::Linear] {
            let restored = restore_labels(&mask, image.shape(), &image.geometry, how, BeyondMask::Border).unwrap();
            write_label(&mask_path, &restored).unwrap();
            let saved = read_label(&mask_path).unwrap();
            assert_eq!(saved.geometry.affine(), image.geometry.affine());
            // The middle of the marked voxels, in millimetres, and nothing else.
            let change = Axes::between(orientation, Orientation::RAS);
            let in_ras = change.apply(&saved.data.view());
            let expected = Array3::from_shape_fn(in_ras.dim(), |(z, y, x)| {
                u8::from((6..9).contains(&z) && (3..6).contains(&y) && (14..17).contains(&x))
            });
            assert_eq!(in_ras, expected, "{orientation} {how:?}");
            let at = saved.geometry.world_to_voxel(oblique().voxel_to_world(marker)).map(f64::round);
            assert_eq!(saved.data[[at.d as usize, at.h as usize, at.w as usize]], 1);
        }
    }
}

#[test]
fn the_coarse_mask_comes_to_the_images_grid_and_the_report_tells_volumes() {
    let bundle = bundle(Some("ASL".parse().unwrap()), true);
    let prediction = bundle.predict(&image(), &mut NoProgress).unwrap();
    let coarse = prediction.coarse_mask().unwrap().unwrap();
    assert_eq!((coarse.shape(), &coarse.geometry), (image().shape(), &image().geometry));
    let report = &prediction.report;
    let voxels = prediction.mask.data.iter().filter(|&&label| label == 1).count();
    assert!((report.volumes_ml[&1] - voxels as f64 * 0.7 * 0.9 * 2.5 / 1000.0).abs() < 1e-9);
    assert!(report.cascade.is_some());
}

#[test]
fn post_processing_is_part_of_the_bundle() {
    let plain = bundle(None, false);
    let mut config = plain.config().clone();
    config.postprocessing = PostProcessing::default().keep_largest(1).fill_holes();
    let Stages::OneStage { network, .. } = &config.stages else { unreachable!() };
    let network = network.init_seeded(1, &Device::flex()).unwrap();
    let cleaned = Bundle::new(config.clone(), vec![network], &Device::flex()).unwrap();
    let mut expected = plain.predict(&image(), &mut NoProgress).unwrap().mask;
    let before = expected.clone();
    config.postprocessing.apply(&mut expected.data, &image().geometry).unwrap();
    assert_ne!(expected, before);
    assert_eq!(cleaned.predict(&image(), &mut NoProgress).unwrap().mask, expected);
}

/// Networks of `channels` outputs, coarse and fine, and what `change` makes of the settings.
fn of_classes(channels: [usize; 2], change: impl FnOnce(&mut BundleConfig)) -> Bundle {
    let [coarse, fine] =
        channels.map(|out_channels| UNetConfig { channels: vec![2, 2, 4], out_channels, ..UNetConfig::default() });
    let networks = [&coarse, &fine].map(|network| network.init_seeded(5, &Device::flex()).unwrap());
    let (coarse_size, cascade) = (Dhw::splat(8), CascadeConfig::safe());
    let window = SlidingWindowConfig::new(Dhw { d: 8, h: 16, w: 16 });
    let mut config = BundleConfig::new(
        "test",
        Stages::TwoStage { coarse: coarse.into(), fine: fine.into(), coarse_size, cascade, window },
    );
    change(&mut config);
    Bundle::new(config, networks, &Device::flex()).unwrap()
}

#[test]
fn masks_hold_the_values_of_the_classes() {
    let predict = |bundle: Bundle| bundle.predict(&image(), &mut NoProgress).unwrap();
    let given = |class: u8| [0, 2, 9, 3][usize::from(class)];
    let name = |config: &mut BundleConfig| config.label_values = [(1, 2), (2, 9)].into();
    for coarse_channels in [1, 4] {
        let numbers = predict(of_classes([coarse_channels, 4], |_| {}));
        let found: Vec<u8> = (1..4).filter(|class| numbers.mask.data.iter().any(|v| v == class)).collect();
        assert!(found.contains(&1) && found.contains(&3), "{found:?}");
        let values = predict(of_classes([coarse_channels, 4], name));
        assert_eq!(values.mask.data, numbers.mask.data.mapv(given));
        assert_eq!(values.report.volumes_ml[&2], numbers.report.volumes_ml[&1]);
        // A coarse network of one class knows nothing of the values.
        let coarse = numbers.coarse.unwrap().data;
        assert!(coarse.iter().any(|v| *v > 0));
        let expected = if coarse_channels == 1 { coarse } else { coarse.mapv(given) };
        assert_eq!(values.coarse.unwrap().data, expected);
        // Post-processing speaks of the values too: the first class goes, which is 2 in the mask.
        let cleaned = predict(of_classes([coarse_channels, 4], |config| {
            name(config);
            config.postprocessing = PostProcessing(vec![PostStep::MinVolume { mm3: 1e12, labels: vec![2] }]);
        }));
        assert_eq!(cleaned.mask.data, values.mask.data.mapv(|v| if v == 2 { 0 } else { v }));
    }
}

#[test]
fn the_plan_counts_windows_and_a_budget_is_kept_or_refused() {
    let mut bundle = bundle(Some(Orientation::RAS), false);
    let (shape, geometry) = (Dhw { d: 40, h: 50, w: 60 }, oblique());
    let plan = bundle.plan(shape, &geometry).unwrap();
    assert_eq!((plan.grid, plan.windows, plan.batch), (shape, 7 * 4 * 5, 4));
    assert_eq!(plan.memory.image, 4 * 40 * 50 * 60);
    assert_eq!(plan.memory.prepared, 0);
    let turned =
        bundle.plan(shape, &geometry.reoriented(shape, &Axes::between(Orientation::RAS, "LPS".parse().unwrap())));
    assert_eq!(turned.unwrap().memory.prepared, plan.memory.image);

    let before = bundle.predict(&image(), &mut NoProgress).unwrap().mask;
    let fitted = bundle.fit_memory(shape, &geometry, plan.memory.total() - 1).unwrap();
    assert!(fitted.batch < 4 && fitted.memory.total() < plan.memory.total());
    assert_eq!(bundle.plan(shape, &geometry).unwrap(), fitted);
    assert_eq!(bundle.predict(&image(), &mut NoProgress).unwrap().mask, before);
    let error = bundle.fit_memory(shape, &geometry, 1000).unwrap_err().to_string();
    assert!(error.contains("40x50x60") && error.contains("allowed"), "{error}");
}

#[test]
fn windows_stitched_on_the_device_are_counted_there_and_give_the_same_mask() {
    let on_host = bundle(None, false);
    let mut config = on_host.config().clone();
    if let Stages::OneStage { window, .. } = &mut config.stages {
        window.stitch = Stitch::Device;
    }
    let network = UNetConfig { channels: vec![2, 2, 4], ..UNetConfig::default() };
    let network = network.init_seeded(1, &Device::flex()).unwrap();
    let on_device = Bundle::new(config, vec![network], &Device::flex()).unwrap();
    let (shape, geometry) = (Dhw { d: 9, h: 14, w: 17 }, oblique());
    let [host, device] = [&on_host, &on_device].map(|bundle| bundle.plan(shape, &geometry).unwrap());
    assert_eq!(host.memory.on_gpu, 0);
    assert!(!host.to_string().contains("GPU") && device.to_string().contains("stitching on the GPU"));
    // The window is larger than the image along the height: the padded image goes to the device.
    assert_eq!(device.memory.stitching, 4 * 9 * 16 * 17);
    assert!(device.memory.on_gpu > device.memory.stitching);
    let [host, device] = [on_host, on_device].map(|bundle| bundle.predict(&image(), &mut NoProgress).unwrap().mask);
    assert_eq!(host, device);
}

#[test]
fn an_image_without_voxels_is_an_error() {
    let empty = Volume::new(Array3::<f32>::zeros((0, 3, 3)), oblique());
    for two_stage in [false, true] {
        assert!(bundle(None, two_stage).predict(&empty, &mut NoProgress).is_err());
        assert!(bundle(None, two_stage).plan(empty.shape(), &empty.geometry).is_err());
    }
}

const EVERYTHING: Wanted = Wanted { probabilities: true, entropy: true, spread: false, certainty: true };

/// The label that probabilities of one voxel give.
fn label_of(p: &[f32]) -> u8 {
    let largest = |best: usize, class: usize| if p[class] > p[best] { class } else { best };
    if p.len() == 1 { u8::from(p[0] >= 0.5) } else { (1..p.len()).fold(0, largest) as u8 }
}

#[test]
fn probabilities_entropy_and_certainty_are_those_of_the_mask_which_they_do_not_change() {
    let bundles: [&dyn Fn() -> Bundle; 4] =
        [&|| bundle(None, false), &|| bundle(None, true), &|| of_classes([1, 4], |_| {}), &|| {
            of_classes([4, 4], |_| {})
        }];
    for made in bundles {
        let plain = made().predict(&image(), &mut NoProgress).unwrap();
        assert!(plain.probabilities.is_none() && plain.entropy.is_none() && plain.certainty.is_none());
        let bundle = made().with_wanted(EVERYTHING);
        let found = bundle.predict(&image(), &mut NoProgress).unwrap();
        assert_eq!((&found.mask, &found.coarse), (&plain.mask, &plain.coarse));
        let (probabilities, entropy) = (found.probabilities.unwrap(), found.entropy.unwrap());
        assert_eq!(entropy.geometry, image().geometry);
        let nats = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
        let (mut sums, mut differing) = ([0.0; 3], 0);
        for ((z, y, x), label) in found.mask.data.indexed_iter() {
            let p: Vec<f32> = probabilities.slice(ndarray::s![.., z, y, x]).iter().map(|p| p.to_f32()).collect();
            if p.len() > 1 {
                assert!((p.iter().sum::<f32>() - 1.0).abs() < 2e-3, "{p:?}");
            }
            // f16 rounds nearly equal probabilities to one number now and then.
            if label_of(&p) != *label {
                let of = |label: u8| if p.len() == 1 { 0.5 } else { p[usize::from(label)] };
                assert!((of(label_of(&p)) - of(*label)).abs() < 1e-3 && (p.len() > 1 || (p[0] - 0.5).abs() < 1e-3));
                differing += 1;
            }
            let rest = if p.len() == 1 { nats(f64::from(1.0 - p[0])) } else { 0.0 };
            let expected = p.iter().map(|p| nats(f64::from(*p))).sum::<f64>() + rest;
            assert!((f64::from(entropy.data[[z, y, x]]) - expected).abs() < 5e-3);
            if *label > 0 {
                let chosen = p[if p.len() == 1 { 0 } else { usize::from(*label) }];
                sums = [sums[0] + 1.0, sums[1] + f64::from(chosen), sums[2] + expected];
            }
        }
        assert!(differing * 100 <= found.mask.data.len(), "{differing}");
        let certainty = found.certainty.unwrap();
        assert!(sums[0] > 0.0 && (certainty.voxels as f64 - sums[0]).abs() <= differing as f64);
        assert!((certainty.mean_probability - sums[1] / sums[0]).abs() < 2e-3);
        assert!((certainty.mean_entropy - sums[2] / sums[0]).abs() < 1e-2);
        // Beyond the box of a cascade there is nothing but background.
        if let Some(cascade) = &found.report.cascade {
            let (start, end) = (cascade.roi.start, cascade.roi.end());
            let outside = |z: usize, y: usize, x: usize| {
                let beyond = |at: usize, start: isize, end: isize| !(start..end).contains(&(at as isize));
                beyond(z, start.d, end.d) || beyond(y, start.h, end.h) || beyond(x, start.w, end.w)
            };
            let background = if probabilities.dim().0 == 1 { 0.0 } else { 1.0 };
            for ((z, y, x), p) in probabilities.index_axis(Axis(0), 0).indexed_iter() {
                assert!(!outside(z, y, x) || p.to_f32() == background, "{:?}", [z, y, x]);
            }
        }
        let (shape, geometry) = (image().shape(), image().geometry);
        let [with, without] = [bundle, made()].map(|bundle| bundle.plan(shape, &geometry).unwrap().memory);
        assert!(with.extras > 0 && with.total() == without.total() + with.extras);
    }
}

#[test]
fn turned_and_resampled_images_get_probabilities_on_their_own_grid() {
    let mut config = bundle(Some(Orientation::RAS), false).config().clone();
    config.preprocessing.spacing_mm = Some(Dhw { d: 2.0, h: 1.1, w: 0.8 });
    let network = UNetConfig { channels: vec![2, 2, 4], ..UNetConfig::default() };
    let networks = [network.init_seeded(1, &Device::flex()).unwrap()];
    let bundle = Bundle::new(config, networks, &Device::flex()).unwrap().with_wanted(EVERYTHING);
    let straight = bundle.predict(&image(), &mut NoProgress).unwrap().probabilities.unwrap();
    for orientation in ["LPS", "SAR", "PIL"] {
        let turned = image().reoriented(orientation.parse().unwrap());
        let found = bundle.predict(&turned, &mut NoProgress).unwrap();
        let class =
            Volume::new(found.probabilities.unwrap().index_axis(Axis(0), 0).to_owned(), turned.geometry.clone());
        let back = class.reoriented(Orientation::RAS).data;
        let apart =
            back.iter().zip(straight.index_axis(Axis(0), 0)).filter(|(a, b)| (a.to_f32() - b.to_f32()).abs() > 1e-3);
        assert_eq!(apart.count(), 0, "{orientation}");
    }
}

#[test]
fn mirrored_windows_change_probabilities_and_give_one_mask_with_them_and_without() {
    for two_stage in [false, true] {
        let bundle = bundle(None, two_stage).with_mirror(Dhw::splat(true)).with_wanted(EVERYTHING);
        let plain = self::bundle(None, two_stage).with_wanted(EVERYTHING);
        let of = |bundle: &Bundle| bundle.predict(&image(), &mut NoProgress).unwrap();
        assert_ne!(of(&bundle).probabilities, of(&plain).probabilities);
        let masks = [bundle, self::bundle(None, two_stage).with_mirror(Dhw::splat(true))];
        let [with, without] = masks.map(|bundle| of(&bundle).mask);
        assert_eq!(with, without);
    }
}
