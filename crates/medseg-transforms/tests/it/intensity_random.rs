//! Random changes of intensities: against formulas written out, replayed, on any number of threads, on awkward input.

use medseg_transforms::{
    AdjustBrightness, AdjustContrast, AdjustGamma, BlurBorder, ClipIntensityPercentiles, CtWindow, Draw, FactorRange,
    GaussianNoise, GaussianSmooth, HistogramNormalize, IntensityChange, NormalizeIntensity, Pipeline, RandIntensity,
    RandIntensityChange, Range, Sample, ScaleIntensity, ScaleIntensityRangePercentiles, SimulateLowResolution, Step,
    Transform, nnunet_augmentation, nnunet_augmentation_for, percentiles,
};
use medseg_volume::{Dhw, Geometry, error_chain};
use ndarray::{Array3, Array4, ArrayView3, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn noise(lengths: [usize; 3], seed: u64) -> Array3<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array3::from_shape_simple_fn(lengths, || rng.random_range(-2f32..3.0))
}

fn changed(change: impl Into<IntensityChange>, image: &Array3<f32>) -> Array3<f32> {
    let mut image = image.clone();
    change.into().apply(&mut image.view_mut()).unwrap();
    image
}

fn sample(image: Array4<f32>) -> Sample {
    let (_, d, h, w) = image.dim();
    let label = Some(Array3::from_shape_fn((d, h, w), |(z, y, x)| (z + y + x) as u8 % 3));
    Sample { id: "case_7".into(), image, label, geometry: Geometry::from_spacing(Dhw::splat(1.0)).unwrap() }
}

fn changes() -> Vec<IntensityChange> {
    let sigma = Dhw { d: 0.6, h: 1.3, w: 0.9 };
    vec![
        CtWindow::Liver.into(),
        CtWindow::Lung.intensity().into(),
        CtWindow::Bone.scale_intensity_range().into(),
        ScaleIntensity { min: -1.0, max: 1.0 }.into(),
        NormalizeIntensity::default().into(),
        ClipIntensityPercentiles { lower: Some(5.0), upper: Some(95.0) }.into(),
        ScaleIntensityRangePercentiles { lower: 1.0, upper: 99.0, b_min: None, b_max: None, clip: false }.into(),
        HistogramNormalize::default().into(),
        GaussianSmooth { sigma, border: BlurBorder::Zero }.into(),
        GaussianSmooth { sigma, border: BlurBorder::Mirror }.into(),
        GaussianNoise { mean: 0.1, std: 0.5, seed: 9 }.into(),
        AdjustGamma { gamma: 1.4, invert: true, retain_stats: true }.into(),
        AdjustGamma { gamma: 0.8, invert: false, retain_stats: false }.into(),
        AdjustBrightness { factor: 1.2, offset: -0.3 }.into(),
        AdjustContrast { factor: 1.25, preserve_range: true }.into(),
        SimulateLowResolution { scale: Dhw { d: 0.5, h: 0.7, w: 1.0 } }.into(),
    ]
}

fn random_changes() -> Vec<RandIntensityChange> {
    vec![
        RandIntensityChange::GaussianNoise { std: Range(0.1, 0.2) },
        RandIntensityChange::GaussianSmooth {
            sigma: Dhw { d: Range(0.5, 1.0), h: Range(0.5, 1.0), w: Range(1.0, 1.5) },
            same_for_axes: false,
            border: BlurBorder::Mirror,
        },
        RandIntensityChange::Gamma { gamma: FactorRange::Balanced(Range(0.7, 1.5)), invert: true, retain_stats: true },
        RandIntensityChange::MultiplyBrightness { factor: FactorRange::Uniform(Range(1.1, 1.25)) },
        RandIntensityChange::ShiftBrightness { offset: Range(0.1, 0.2) },
        RandIntensityChange::Contrast { factor: FactorRange::Balanced(Range(0.75, 1.25)), preserve_range: true },
        RandIntensityChange::SimulateLowResolution { scale: Dhw::splat(Range(0.3, 0.6)), same_for_axes: true },
    ]
}

/// The blur written out: every voxel's neighbours times the Gaussian's integrals.
fn blurred_slowly(image: &Array3<f32>, sigma: [f64; 3], mirror: bool) -> Array3<f64> {
    let mut from = image.mapv(f64::from);
    for axis in 0..3 {
        let reach = ((4.0 * sigma[axis]).max(0.5) + 0.5) as isize;
        let phi = |x: f64| {
            // Simpson's rule over the density.
            let (n, from) = (2000, -12.0 * sigma[axis]);
            let step = (x - from) / n as f64;
            let density = |t: f64| (-0.5 * (t / sigma[axis]).powi(2)).exp();
            let weight = |k: usize| {
                if k == 0 || k == n {
                    1.0
                } else if k % 2 == 1 {
                    4.0
                } else {
                    2.0
                }
            };
            let sum: f64 = (0..=n).map(|k| weight(k) * density(from + k as f64 * step)).sum();
            sum * step / 3.0 / (sigma[axis] * (2.0 * std::f64::consts::PI).sqrt())
        };
        let mut weights: Vec<f64> = (-reach..=reach).map(|k| phi(k as f64 + 0.5) - phi(k as f64 - 0.5)).collect();
        let sum: f64 = weights.iter().sum();
        if mirror {
            weights.iter_mut().for_each(|w| *w /= sum);
        }
        let length = from.len_of(Axis(axis)) as isize;
        let fold = |mut at: isize| {
            while mirror && length > 1 && !(0..length).contains(&at) {
                at = if at < 0 { -at } else { 2 * (length - 1) - at };
            }
            if mirror && length == 1 { 0 } else { at }
        };
        from = Array3::from_shape_fn(from.raw_dim(), |at| {
            let mut at: [usize; 3] = at.into();
            let middle = at[axis] as isize;
            let places = (-reach..=reach).map(|k| fold(middle + k));
            let terms = places.zip(&weights).filter(|(place, _)| (0..length).contains(place)).map(|(place, weight)| {
                at[axis] = place as usize;
                weight * from[at]
            });
            terms.sum()
        });
    }
    from
}

#[test]
fn a_blur_is_the_sum_of_its_neighbours() {
    for (n, lengths) in [[1, 1, 1], [5, 1, 7], [2, 3, 4], [9, 8, 11], [1, 20, 3]].into_iter().enumerate() {
        let image = noise(lengths, n as u64);
        for (sigma, border) in [([0.6, 1.3, 0.9], BlurBorder::Zero), ([2.0, 0.1, 0.5], BlurBorder::Mirror)] {
            let got = changed(GaussianSmooth { sigma: sigma.into(), border }, &image);
            let want = blurred_slowly(&image, sigma, border == BlurBorder::Mirror);
            for (got, want) in got.iter().zip(&want) {
                assert!((f64::from(*got) - want).abs() < 1e-5, "{lengths:?} {border:?}: {got}, not {want}");
            }
        }
    }
    let constant = Array3::from_elem((4, 5, 6), 3.0);
    let kept = changed(GaussianSmooth { sigma: Dhw::splat(2.0), border: BlurBorder::Mirror }, &constant);
    assert!(kept.iter().all(|v| (v - 3.0).abs() < 1e-5));
}

#[test]
fn percentiles_are_those_of_a_sorted_list() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for round in 0..200 {
        let count = rng.random_range(1..200);
        let scale = 10f32.powi(rng.random_range(-30..30));
        let mut value = || match rng.random_range(0..6) {
            0 => 0.0,
            1 => -0.0,
            2 => f32::NAN,
            3 => f32::INFINITY,
            // Few distinct values, negative ones too.
            4 => rng.random_range(-3i8..3).into(),
            _ => scale * rng.random_range(-1f32..1.0),
        };
        let image = Array3::from_shape_simple_fn((1, 1, count), &mut value);
        let mut sorted: Vec<f64> = image.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
        sorted.sort_by(f64::total_cmp);
        let percents = [0.0, 5.0, 33.3, 50.0, 95.0, 100.0];
        let Some(got) = percentiles(&image, &percents) else {
            assert!(sorted.is_empty());
            continue;
        };
        for (percent, got) in percents.into_iter().zip(got) {
            let at = percent / 100.0 * (sorted.len() - 1) as f64;
            let below = sorted[at.floor() as usize];
            assert_eq!(got, below + at.fract() * (sorted[at.ceil() as usize] - below), "round {round}, {percent} %");
        }
    }
    assert_eq!(percentiles(&Array3::from_elem((2, 2, 2), f32::NAN), &[50.0]), None);
    assert_eq!(percentiles(&Array3::zeros((0, 2, 2)), &[50.0]), None);
}

#[test]
fn clipping_keeps_what_is_between_the_percentiles() {
    let image = noise([6, 7, 8], 3);
    let ends = percentiles(&image, &[10.0, 60.0]).unwrap();
    let got = changed(ClipIntensityPercentiles { lower: Some(10.0), upper: Some(60.0) }, &image);
    for (got, v) in got.iter().zip(&image) {
        assert_eq!(*got, v.clamp(ends[0] as f32, ends[1] as f32));
    }
    let above = changed(ClipIntensityPercentiles { lower: None, upper: Some(60.0) }, &image);
    assert!(above.iter().zip(&image).all(|(got, v)| *got == v.min(ends[1] as f32)));
}

#[test]
fn an_equalised_histogram_is_flat() {
    let image = noise([20, 30, 40], 4).mapv(f32::exp);
    let got = changed(HistogramNormalize { num_bins: 4096, min: 0.0, max: 1.0 }, &image);
    let mut counts = [0usize; 10];
    got.iter().for_each(|v| counts[((v * 10.0) as usize).min(9)] += 1);
    assert!(counts.iter().all(|n| (2200..2600).contains(n)), "{counts:?}");
    // Darker stays darker.
    for (a, b) in image.iter().zip(image.iter().skip(1)).zip(got.iter().zip(got.iter().skip(1))).map(|(i, g)| {
        let rises = i.0 <= i.1;
        if rises { (g.0, g.1) } else { (g.1, g.0) }
    }) {
        assert!(a <= b);
    }
}

#[test]
fn histogram_masks_must_fit() {
    let mut image = noise([2, 3, 4], 1);
    let transform = HistogramNormalize::default();
    for (mask, what) in [(Array3::<u8>::zeros((2, 3, 4)), "no finite voxel"), (Array3::ones((2, 3, 5)), "shape")] {
        let error = transform.apply_masked(&mut image, &mask).unwrap_err().to_string();
        assert!(error.contains("mask") && error.contains(what), "{error}");
    }
    let mut all = image.clone();
    transform.apply_masked(&mut all, &Array3::ones((2, 3, 4))).unwrap();
    assert_eq!(all, changed(transform, &image));
}

#[test]
fn contrast_and_gamma_do_what_their_formulas_say() {
    let image = noise([7, 8, 9], 2);
    let count = image.len() as f64;
    let mean = image.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let deviation = |image: &Array3<f32>| {
        let mean = image.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
        (image.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
    };
    let (low, high) = image.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    for (factor, preserve_range) in [(0.75, true), (1.25, true), (1.25, false)] {
        let got = changed(AdjustContrast { factor, preserve_range }, &image);
        for (got, v) in got.iter().zip(&image) {
            let free = ((f64::from(*v) - mean) * factor + mean) as f32;
            let want = if preserve_range { free.clamp(low, high) } else { free };
            assert!((got - want).abs() < 1e-5);
        }
    }
    for invert in [false, true] {
        let got = changed(AdjustGamma { gamma: 1.5, invert, retain_stats: true }, &image);
        let got_mean = got.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
        assert!((got_mean - mean).abs() < 1e-5 && (deviation(&got) - deviation(&image)).abs() < 1e-5);
        // Order is kept, and the ends move apart from the middle: something was done.
        assert!(got.iter().zip(&image).any(|(a, b)| (a - b).abs() > 0.05));
        for ((a, b), (x, y)) in got.iter().zip(&image).zip(got.iter().zip(&image).skip(1)) {
            assert_eq!(a <= x, b <= y);
        }
    }
}

#[test]
fn noise_has_its_mean_and_deviation_and_differs_from_row_to_row() {
    let zeros = Array3::<f32>::zeros((30, 40, 50));
    let got = changed(GaussianNoise { mean: 0.5, std: 2.0, seed: 1 }, &zeros);
    let count = got.len() as f64;
    let moment = |power| got.iter().map(|v| ((f64::from(*v) - 0.5) / 2.0).powi(power)).sum::<f64>() / count;
    let of_normal = [(1, 0.0, 0.02), (2, 1.0, 0.03), (3, 0.0, 0.08), (4, 3.0, 0.2)];
    assert!(of_normal.iter().all(|(power, want, within)| (moment(*power) - want).abs() < *within));
    assert_ne!(got.slice(s![0, 0, ..]), got.slice(s![0, 1, ..]));
    assert_ne!(got.slice(s![0, 0, ..]), got.slice(s![1, 0, ..]));
    assert_ne!(got, changed(GaussianNoise { mean: 0.5, std: 2.0, seed: 2 }, &zeros));
    // Neighbours do not know of each other.
    let lag: f64 = got.iter().zip(got.iter().skip(1)).map(|(a, b)| f64::from((a - 0.5) * (b - 0.5))).sum();
    assert!((lag / count / 4.0).abs() < 0.02);
}

#[test]
fn low_resolution_repeats_what_is_left() {
    let image = noise([8, 6, 10], 8);
    let got = changed(SimulateLowResolution { scale: Dhw::splat(0.01) }, &image);
    assert!(got.iter().all(|v| *v == image[[4, 3, 5]]), "one voxel is left: the middle one");
    assert_eq!(changed(SimulateLowResolution { scale: Dhw::splat(1.0) }, &image), image);
}

#[test]
fn any_number_of_threads_and_any_memory_order_give_the_same() {
    let image = noise([40, 50, 60], 6);
    let all = |image: &Array3<f32>| -> Vec<Vec<u32>> {
        let bits = |change| changed(change, image).iter().map(|v: &f32| v.to_bits()).collect();
        changes().into_iter().map(bits).collect()
    };
    let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| all(&image));
    let one = with(1);
    for threads in [2, 8] {
        assert!(with(threads) == one, "{threads} threads");
    }
    // Statistics are summed in another order then.
    let turned = noise([40, 50, 60], 6).reversed_axes().as_standard_layout().into_owned().reversed_axes();
    for change in changes() {
        let (a, b) = (changed(change, &turned), changed(change, &image));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-4 * b.abs().max(1.0)), "{change:?}");
    }
}

#[test]
fn awkward_volumes_are_changed_or_left() {
    let awkward = [
        Array3::zeros((0, 3, 4)),
        Array3::from_elem((1, 1, 1), 7.0),
        noise([1, 9, 9], 1),
        Array3::from_elem((3, 4, 5), f32::NAN),
        Array3::from_elem((3, 4, 5), f32::NEG_INFINITY),
        Array3::from_shape_fn((2, 2, 2), |(z, ..)| if z == 0 { f32::MIN } else { f32::MAX }),
    ];
    for image in &awkward {
        for change in changes() {
            assert_eq!(changed(change, image).dim(), image.dim(), "{change:?}");
        }
    }
    // One NaN stays one where voxels do not mix, and does not spoil the others.
    let mut image = noise([4, 5, 6], 2);
    image[[1, 2, 3]] = f32::NAN;
    for change in changes() {
        let mixes = matches!(
            change,
            IntensityChange::GaussianSmooth(_)
                | IntensityChange::SimulateLowResolution(_)
                | IntensityChange::Setting(_)
        );
        let got = changed(change, &image);
        assert!(mixes || got.indexed_iter().all(|(at, v)| v.is_nan() == (at == (1, 2, 3))), "{change:?}");
    }
}

#[test]
fn parameters_that_mean_nothing_are_refused_by_name() {
    let gamma = |gamma| AdjustGamma { gamma, invert: false, retain_stats: false };
    let refused: Vec<(IntensityChange, &str)> = vec![
        (gamma(0.0).into(), "gamma 0"),
        (gamma(f64::NAN).into(), "gamma NaN"),
        (GaussianNoise { mean: 0.0, std: -1.0, seed: 0 }.into(), "std -1"),
        (GaussianSmooth { sigma: Dhw { d: 1.0, h: -1.0, w: 1.0 }, border: BlurBorder::Zero }.into(), "sigma"),
        (GaussianSmooth { sigma: Dhw::splat(1e9), border: BlurBorder::Zero }.into(), "sigma"),
        (AdjustBrightness { factor: f64::INFINITY, offset: 0.0 }.into(), "factor"),
        (AdjustContrast { factor: f64::NAN, preserve_range: true }.into(), "factor"),
        (SimulateLowResolution { scale: Dhw::splat(0.0) }.into(), "scale"),
        (SimulateLowResolution { scale: Dhw::splat(1.5) }.into(), "scale"),
        (HistogramNormalize { num_bins: 1, min: 0.0, max: 1.0 }.into(), "num_bins 1"),
        (HistogramNormalize { num_bins: 8, min: 0.0, max: f32::NAN }.into(), "min,max"),
        (ClipIntensityPercentiles { lower: Some(60.0), upper: Some(40.0) }.into(), "percentiles 60,40"),
        (ClipIntensityPercentiles { lower: Some(-1.0), upper: None }.into(), "percentiles"),
    ];
    for (change, names) in refused {
        let error = change.validate().unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
    }
    for (p, range) in [(1.5, Range(0.0, 1.0)), (-0.1, Range(0.0, 1.0)), (0.5, Range(1.0, 0.0)), (0.5, Range(-1.0, 1.0))]
    {
        assert!(RandIntensity::new(p, RandIntensityChange::GaussianNoise { std: range }).validate().is_err());
    }
    assert!(changes().iter().all(|change| change.validate().is_ok()));
}

#[test]
fn a_probability_of_0_changes_nothing_and_of_1_always_does() {
    let image = noise([6, 7, 8], 1).insert_axis(Axis(0));
    for change in random_changes() {
        for p in [0.0, 1.0] {
            let pipeline = Pipeline::<Step>::new().then(RandIntensity::new(p, change));
            for seed in 0..20 {
                let done = pipeline.apply_one(sample(image.clone()), seed).unwrap();
                assert_eq!(done.sample.image != image, p == 1.0, "{change:?}");
                assert_eq!(done.trace.steps[0].draw != Draw::Skip, p == 1.0);
                assert_eq!(done.sample.label, sample(image.clone()).label);
            }
        }
    }
}

#[test]
fn what_was_drawn_is_replayed_from_its_log() {
    let channels: Vec<_> = (0..3).map(|n| noise([6, 7, 8], n)).collect();
    let views: Vec<ArrayView3<'_, f32>> = channels.iter().map(|channel| channel.view()).collect();
    let image = ndarray::stack(Axis(0), &views).unwrap();
    let steps = random_changes().into_iter().map(|c| RandIntensity { p_channel: 0.5, ..RandIntensity::new(0.7, c) });
    let pipeline = Pipeline::from_iter(steps.map(Step::from));
    let written = serde_json::to_string(&pipeline).unwrap();
    assert_eq!(serde_json::from_str::<Pipeline>(&written).unwrap(), pipeline);
    for seed in 0..10 {
        let done = pipeline.apply_one(sample(image.clone()), seed).unwrap();
        let log = serde_json::to_string(&done.trace).unwrap();
        let again = pipeline.replay(sample(image.clone()), &serde_json::from_str(&log).unwrap()).unwrap();
        assert_eq!(again.sample, done.sample);
    }
    // Parameters of one channel do not fit three.
    let one = pipeline.apply_one(sample(image.slice(s![..1, .., .., ..]).to_owned()), 1).unwrap();
    let error = error_chain(&pipeline.replay(sample(image), &one.trace).unwrap_err());
    assert!(error.contains("case_7") && error.contains("channels"), "{error}");
}

#[test]
fn channels_share_what_is_drawn_only_if_asked() {
    let image = Array4::<f32>::zeros((2, 4, 5, 6));
    for same_for_channels in [false, true] {
        let change = RandIntensityChange::GaussianNoise { std: Range(0.1, 1.0) };
        let step = RandIntensity { same_for_channels, ..RandIntensity::new(1.0, change) };
        let done = Pipeline::<Step>::new().then(step).apply_one(sample(image.clone()), 4).unwrap().sample;
        let equal = done.image.index_axis(Axis(0), 0) == done.image.index_axis(Axis(0), 1);
        assert_eq!(equal, same_for_channels);
    }
}

#[test]
fn balanced_factors_are_below_1_half_of_the_time() {
    let factor = FactorRange::Balanced(Range(0.7, 1.5));
    let step = RandIntensity::new(1.0, RandIntensityChange::MultiplyBrightness { factor });
    let pipeline = Pipeline::<Step>::new().then(step);
    let drawn = |seed| pipeline.apply_one(sample(Array4::ones((1, 1, 1, 1))), seed).unwrap().sample.image[[0, 0, 0, 0]];
    let factors: Vec<f32> = (0..1000).map(drawn).collect();
    assert!(factors.iter().all(|f| (0.7..=1.5).contains(f)));
    let below = factors.iter().filter(|f| **f < 1.0).count();
    assert!((430..570).contains(&below), "{below}");
}

#[test]
fn the_recipe_does_each_of_its_steps_as_often_as_it_says() {
    let pipeline = nnunet_augmentation();
    pipeline.validate().unwrap();
    let image = noise([8, 8, 8], 5).insert_axis(Axis(0));
    let rounds = 600;
    let mut done = vec![0usize; pipeline.steps.len()];
    for seed in 0..rounds {
        let transformed = pipeline.apply_one(sample(image.clone()), seed).unwrap();
        assert!(transformed.sample.image.iter().all(|v| v.is_finite()));
        for (n, applied) in transformed.trace.steps.iter().enumerate() {
            done[n] += usize::from(applied.draw != Draw::Skip);
        }
    }
    // Mirroring does nothing when no axis is drawn.
    let expected = [0.2, 0.2, 0.1, 0.1, 0.15, 0.15, 0.125, 0.1, 0.3, 0.875];
    for (n, (done, p)) in done.iter().zip(expected).enumerate() {
        let (share, deviation) = (*done as f64 / rounds as f64, (p * (1.0 - p) / rounds as f64).sqrt());
        assert!((share - p).abs() < 4.0 * deviation, "step {n}: {share}, not {p}");
    }
}

fn drawn(change: &str, seed: u64) -> serde_json::Value {
    let step = format!(r#"{{"steps": [{{"transform": "rand_intensity", "p": 1.0, "change": {change}}}]}}"#);
    let pipeline: Pipeline = serde_json::from_str(&step).unwrap();
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    let sample = Sample::new("a", Array3::zeros((2, 2, 2)), None, geometry);
    let draw = pipeline.apply_one(sample, seed).unwrap().trace.steps.remove(0).draw;
    let Draw::Parameters(mut parameters) = draw else { panic!("{draw:?}") };
    parameters[0]["gaussian_smooth"]["sigma"].take()
}

#[test]
fn deviations_of_a_blur_have_one_range_or_three() {
    for seed in 0..20 {
        let one = drawn(r#"{"gaussian_smooth": {"sigma": [0.5, 1.0]}}"#, seed);
        let same = drawn(r#"{"gaussian_smooth": {"sigma": [[0.5, 1.0], [0.5, 1.0], [0.5, 1.0]]}}"#, seed);
        assert_eq!(one, same);
        let three = drawn(r#"{"gaussian_smooth": {"sigma": [[0.0, 0.1], [1.0, 2.0], [3.0, 4.0]]}}"#, seed);
        let within = |n: usize, low: f64, high: f64| (low..=high).contains(&three[n].as_f64().unwrap());
        assert!(within(0, 0.0, 0.1) && within(1, 1.0, 2.0) && within(2, 3.0, 4.0), "{three}");
        let text = r#"{"gaussian_smooth": {"sigma": [[0.0, 1.0], [0.0, 2.0], [0.0, 4.0]], "same_for_axes": true}}"#;
        let together = drawn(text, seed);
        let [d, h, w] = [0, 1, 2].map(|n| together[n].as_f64().unwrap());
        assert_eq!((2.0 * d, 4.0 * d), (h, w));
    }
    for text in ["[1.0, 0.5]", "[[0.5, 1.0], [1.0, 0.5], [0.5, 1.0]]", "[[0.5, 1.0], [0.5, 1.0], [-0.5, 1.0]]"] {
        let step = format!(r#"{{"p": 1.0, "change": {{"gaussian_smooth": {{"sigma": {text}}}}}}}"#);
        let step: RandIntensity = serde_json::from_str(&step).unwrap();
        assert!(step.validate().unwrap_err().to_string().starts_with("sigma "), "{text}");
    }
    let two = serde_json::from_str::<GaussianSmooth>(r#"{"sigma": [1.0, 2.0]}"#).unwrap_err().to_string();
    assert!(two.contains("one value, or three"), "{two}");
}

#[test]
fn the_recipe_for_slices_never_mixes_them() {
    let mirror = Dhw { d: false, h: true, w: true };
    let pipeline = nnunet_augmentation_for(Dhw { d: 4, h: 16, w: 18 }, mirror);
    // Every slice has a value of its own; blur and noise, which nnU-Net applies in 3D, are left out.
    let steps = [0, 1, 6, 9].map(|step| pipeline.steps[step].clone());
    let pipeline: Pipeline = steps.into_iter().collect();
    let image = Array4::from_shape_fn((1, 4, 16, 18), |(_, z, ..)| z as f32);
    let mut turned = 0;
    for seed in 0..200 {
        let transformed = pipeline.apply_one(sample(image.clone()), seed).unwrap();
        turned += usize::from(transformed.trace.steps[0].draw != Draw::Skip);
        for (z, slice) in transformed.sample.image.index_axis(Axis(0), 0).outer_iter().enumerate() {
            assert!(slice.iter().all(|v| (v - z as f32).abs() < 1e-5), "seed {seed}, slice {z}: {slice}");
        }
    }
    assert!((20..70).contains(&turned), "{turned}");
    // A half turn is both mirrorings: it comes with both.
    let patch = Dhw { d: 4, h: 16, w: 18 };
    let turn_of = |mirror| match nnunet_augmentation_for(patch, mirror).steps[0].clone() {
        Step::RandAffine(turn) => turn.rotate,
        other => panic!("{other:?}"),
    };
    for (mirror, degrees) in [([false, true, true], 180.0), ([true, false, true], 30.0), ([true, true, false], 30.0)] {
        let none = Range(0.0, 0.0);
        let want = Dhw { d: Range::symmetric(f64::to_radians(degrees)), h: none, w: none };
        assert_eq!(turn_of(Dhw::from(mirror)), want, "{mirror:?}");
    }
    // Three times as long is no stack of slices yet.
    assert_eq!(nnunet_augmentation_for(Dhw { d: 5, h: 15, w: 9 }, Dhw::splat(true)), nnunet_augmentation());
    assert_ne!(nnunet_augmentation_for(Dhw { d: 5, h: 16, w: 9 }, Dhw::splat(true)), nnunet_augmentation());
}
