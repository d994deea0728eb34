//! Bundles of several networks for each stage.

use std::fs;

use burn::tensor::{Device, Tensor, TensorData};
use medseg_bundle::{Bundle, BundleConfig, Stages};
use medseg_inference::{CascadeConfig, Dhw, MaskRule, NoProgress, PostProcessing, SlidingWindowConfig};
use medseg_transforms::Intensity;
use medseg_unet::{UNet, UNetConfig};
use medseg_volume::{Geometry, Volume};
use ndarray::Array3;

fn settings(out_channels: usize) -> UNetConfig {
    UNetConfig { channels: vec![2, 2, 4], out_channels, ..UNetConfig::default() }
}

fn network(out_channels: usize, seed: u64) -> UNet {
    settings(out_channels).init_seeded(seed, &Device::flex()).unwrap()
}

fn one_stage(out_channels: usize, seed: u64) -> Bundle {
    let window = SlidingWindowConfig::whole(Dhw::splat(8));
    let stages = Stages::OneStage { network: settings(out_channels).into(), window, rule: MaskRule::default() };
    let mut config = BundleConfig::new("fold", stages);
    config.preprocessing.intensity = Intensity::Window { low: 0.0, high: 1.0 };
    Bundle::new(config, [network(out_channels, seed)], &Device::flex()).unwrap()
}

fn two_stage(seed: u64) -> Bundle {
    let stages = Stages::TwoStage {
        coarse: settings(1).into(),
        fine: settings(1).into(),
        coarse_size: Dhw::splat(8),
        cascade: CascadeConfig::safe(),
        window: SlidingWindowConfig::new(Dhw::splat(8)),
    };
    Bundle::new(BundleConfig::new("fold", stages), [network(1, seed), network(1, seed + 100)], &Device::flex()).unwrap()
}

fn image() -> Volume<f32> {
    let data = Array3::from_shape_fn((8, 8, 8), |(z, y, x)| ((z * 31 + y * 17 + x * 7) % 97) as f32 / 97.0);
    Volume::new(data, Geometry::from_spacing(Dhw::splat(1.0)).unwrap())
}

fn mask(bundle: &Bundle) -> Array3<u8> {
    bundle.predict(&image(), &mut NoProgress).unwrap().mask.data
}

/// The class of the highest mean of the networks' logits, or the sign of the only one; none where that is a matter of
/// rounding.
fn by_hand(out_channels: usize, seeds: &[u64]) -> Array3<Option<u8>> {
    let values = image().data.into_raw_vec_and_offset().0;
    let x = Tensor::<5>::from_data(TensorData::new(values, [1, 1, 8, 8, 8]), &Device::flex());
    let logits =
        seeds.iter().map(|seed| network(out_channels, *seed).forward(x.clone()).try_into_vec_as::<f32>().unwrap());
    let logits: Vec<Vec<f32>> = logits.collect();
    let mean = |at: usize| logits.iter().map(|l| l[at]).sum::<f32>() / seeds.len() as f32;
    Array3::from_shape_fn((8, 8, 8), |(z, y, x)| {
        let voxel = (z * 8 + y) * 8 + x;
        // A single channel's background has the logit 0.
        let mut scores: Vec<(f32, u8)> = (0..out_channels).map(|c| (mean(c * 512 + voxel), c as u8)).collect();
        if out_channels == 1 {
            scores = vec![(0.0, 0), (scores[0].0, 1)];
        }
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        (scores[0].0 - scores[1].0 > 1e-5).then_some(scores[0].1)
    })
}

/// True if a mask agrees wherever the class is certain.
fn agrees(mask: &Array3<u8>, expected: &Array3<Option<u8>>) -> bool {
    let certain = expected.iter().flatten().count();
    assert!(certain > 200, "{certain} voxels are certain");
    mask.iter().zip(expected).all(|(class, expected)| expected.is_none_or(|expected| expected == *class))
}

#[test]
fn an_ensemble_averages_logits() {
    for channels in [1, 3] {
        let all = Bundle::ensemble([4, 5, 6].map(|seed| one_stage(channels, seed)).into()).unwrap();
        assert_eq!(all.config().folds, 3);
        assert!(agrees(&mask(&all), &by_hand(channels, &[4, 5, 6])));
        // No fold alone, and not the first two, would do.
        for seeds in [&[4][..], &[5], &[6], &[4, 5]] {
            assert!(!agrees(&mask(&all), &by_hand(channels, seeds)), "{seeds:?}");
        }
        let same = Bundle::ensemble(vec![one_stage(channels, 4), one_stage(channels, 4)]).unwrap();
        assert_eq!(mask(&same), mask(&one_stage(channels, 4)));
    }
}

#[test]
fn an_ensemble_is_saved_and_opened_again_and_every_file_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    let all = Bundle::ensemble(vec![two_stage(1), two_stage(2)]).unwrap();
    all.save(&path).unwrap();
    let opened = Bundle::open(&path, &Device::flex()).unwrap();
    assert_eq!(mask(&opened), mask(&all));
    let names: Vec<String> = opened.named_networks().map(|(name, _)| name).collect();
    assert_eq!(names, ["coarse_00", "coarse_01", "fine_00", "fine_01"]);
    for name in &names {
        let file = path.join(format!("{name}.safetensors"));
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let error = Bundle::open(&path, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        fs::write(&file, bytes).unwrap();
    }
    // An ensemble of ensembles has all their networks; its work and memory grow with them.
    let four = Bundle::ensemble(vec![opened, all]).unwrap();
    assert_eq!((four.config().folds, four.named_networks().count()), (4, 8));
    let plan = |bundle: &Bundle| bundle.plan(image().shape(), &image().geometry).unwrap();
    assert_eq!(plan(&four).flops, 4 * plan(&two_stage(1)).flops);
    assert!(plan(&four).memory.network > plan(&two_stage(1)).memory.network);
}

#[test]
fn impossible_ensembles_and_numbers_of_folds_are_refused() {
    assert!(Bundle::ensemble(Vec::new()).is_err());
    let error = Bundle::ensemble(vec![one_stage(1, 1), one_stage(3, 1)]).unwrap_err().to_string();
    assert!(error.contains("differ"), "{error}");
    let mut many = one_stage(1, 1);
    for _ in 0..7 {
        many = match Bundle::ensemble(vec![many, one_stage(1, 2)]) {
            Ok(bundle) => bundle,
            Err(error) => panic!("{error}"),
        };
    }
    assert_eq!(many.config().folds, 8);
    let error = Bundle::ensemble((0..65).map(|seed| one_stage(1, seed)).collect()).unwrap_err().to_string();
    assert!(error.contains("64"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    many.save(&path).unwrap();
    let file = path.join("bundle.json");
    let text = fs::read_to_string(&file).unwrap();
    for folds in ["0", "65", "18446744073709551615", "9"] {
        fs::write(&file, text.replace("\"folds\": 8", &format!("\"folds\": {folds}"))).unwrap();
        assert!(Bundle::open(&path, &Device::flex()).is_err(), "{folds}");
    }
    assert!(one_stage(1, 1).with_postprocessing(PostProcessing::default().keep_largest(0)).is_err());
}
