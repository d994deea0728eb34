//! What must hold of any chain of spatial steps, on random chains and volumes.

use std::sync::Arc;

use medseg_transforms::{
    Affine, BorderMode, BoxDhw, CenterCrop, CropBox, CropForeground, CropOrPad, DivisiblePad, Draw, Elastic, Flip,
    Kernel, PadMethod, PadMode, Pipeline, RandAffine, RandCropByPosNegLabel, RandElastic, RandFlip, RandRotate,
    RandRotate90, RandSpatialCrop, RandZoom, Range, Reorient, Resample, ResampleMeaning, Resize, Respace, Rotate,
    Rotate90, Sample, SpatialChange, SpatialPad, Step, Trace, Transform, TransformError, Transformed, VoxelMap, Zoom,
};
use medseg_volume::{Dhw, Geometry};
use ndarray::{Array3, Array4};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Rng = ChaCha8Rng;

fn shape(rng: &mut Rng, from: usize, to: usize) -> [usize; 3] {
    std::array::from_fn(|_| rng.random_range(from..to))
}

fn geometry(rng: &mut Rng) -> Geometry {
    loop {
        let mut affine = [[0.0; 4]; 4];
        for row in affine.iter_mut().take(3) {
            *row = std::array::from_fn(|_| rng.random_range(-2.0..2.0));
        }
        affine[3][3] = 1.0;
        // Not so flat that rounding shows.
        if let Ok(geometry) = Geometry::from_affine(affine)
            && geometry.skew() < 0.8
        {
            return geometry;
        }
    }
}

fn sample(rng: &mut Rng) -> Sample {
    let (lengths, channels) = (shape(rng, 1, 8), rng.random_range(1..3));
    let image =
        Array4::from_shape_simple_fn((channels, lengths[0], lengths[1], lengths[2]), || rng.random_range(-5f32..5.0));
    let label = Array3::from_shape_simple_fn(lengths, || [0, 1, 2, 7][rng.random_range(0..4)]);
    Sample { id: "case_7".into(), image, label: Some(label), geometry: geometry(rng) }
}

fn exact_step(rng: &mut Rng) -> Step {
    let plane = [(0, 1), (1, 2), (2, 0), (1, 0)][rng.random_range(0..4)];
    let mode = [PadMode::Constant, PadMode::Edge, PadMode::Reflect][rng.random_range(0..3)];
    let codes = ["RAS", "LPS", "PIR", "SLA", "AIL"];
    match rng.random_range(0..8) {
        0 => SpatialPad::new(shape(rng, 1, 12).into()).with_mode(mode).with_value(-3.0).into(),
        1 => DivisiblePad { k: shape(rng, 1, 5).into(), method: PadMethod::End, mode, value: 9.0 }.into(),
        2 => CenterCrop { size: shape(rng, 1, 8).into() }.into(),
        3 => CropBox {
            region: BoxDhw {
                start: Dhw::from(std::array::from_fn(|_| rng.random_range(-3i32..4) as isize)),
                size: shape(rng, 1, 9).into(),
            },
            mode: PadMode::Constant,
            value: 4.0,
        }
        .into(),
        4 => CropOrPad { size: shape(rng, 1, 9).into(), mode, value: -3.0 }.into(),
        5 => Reorient { to: codes[rng.random_range(0..5)].parse().unwrap() }.into(),
        6 => Flip { axes: Dhw::from(std::array::from_fn(|_| rng.random_bool(0.5))) }.into(),
        _ => Rotate90 { times: rng.random_range(-4..5), plane }.into(),
    }
}

fn resampling_step(rng: &mut Rng) -> Step {
    let mut number = |low: f64, high: f64| rng.random_range(low..high);
    let (a, b, c) = (number(-0.5, 0.5), number(0.7, 1.5), number(-1.0, 1.0));
    let angles = Dhw { d: a, h: 0.3 * c, w: -a };
    let (kernel, padding) = (Kernel::Linear, BorderMode::Border);
    match rng.random_range(0..6) {
        0 => Resize { size: shape(rng, 1, 10).into(), kernel, align_corners: rng.random_bool(0.5) }.into(),
        1 => Respace::to(Dhw { d: b, h: 1.0, w: 2.0 * b }).into(),
        2 => Rotate { angles, keep_size: rng.random_bool(0.5), kernel, padding }.into(),
        3 => Zoom { factor: Dhw { d: b, h: 1.1, w: 1.0 }, keep_size: rng.random_bool(0.5), kernel, padding }.into(),
        4 => Affine { scale: Dhw::splat(b), translate: Dhw::splat(c), ..Affine::default() }.into(),
        _ => Affine { rotate: angles, shear: [0.1 * c; 6], ..Affine::default() }.into(),
    }
}

fn chain(rng: &mut Rng, step: fn(&mut Rng) -> Step) -> Pipeline {
    (0..rng.random_range(1..5)).map(|_| step(rng)).collect()
}

fn any_step(rng: &mut Rng) -> Step {
    if rng.random_bool(0.5) { exact_step(rng) } else { resampling_step(rng) }
}

fn apply(pipeline: &Pipeline, sample: &Sample) -> Transformed {
    pipeline.apply_one(sample.clone(), 3).unwrap()
}

/// Every step as a pipeline of its own: nothing to join.
fn one_by_one(pipeline: &Pipeline, sample: &Sample) -> Sample {
    pipeline
        .steps
        .iter()
        .fold(sample.clone(), |sample, step| Pipeline::of([step.clone()]).apply_one(sample, 3).unwrap().sample)
}

fn same_bits(a: &Array4<f32>, b: &Array4<f32>) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[test]
fn exact_chains_give_what_their_steps_give() {
    let mut rng = Rng::seed_from_u64(1);
    for _ in 0..500 {
        let (sample, pipeline) = (sample(&mut rng), chain(&mut rng, exact_step));
        let (joined, single) = (apply(&pipeline, &sample).sample, one_by_one(&pipeline, &sample));
        assert!(same_bits(&joined.image, &single.image), "{pipeline:?} on {:?}", sample.image.dim());
        assert_eq!(joined.label, single.label, "{pipeline:?}");
        assert!(joined.geometry.same_grid(&single.geometry, joined.shape(), 1e-9), "{pipeline:?}");
    }
}

#[test]
fn a_mean_over_areas_is_joined_with_nothing_after_it() {
    let mut rng = Rng::seed_from_u64(13);
    for _ in 0..100 {
        let sample = sample(&mut rng);
        let mut pipeline = chain(&mut rng, exact_step);
        let area = Resize { size: shape(&mut rng, 1, 7).into(), kernel: Kernel::Area, align_corners: false };
        pipeline.steps.push(area.into());
        pipeline.steps.extend(chain(&mut rng, exact_step).steps);
        let (joined, single) = (apply(&pipeline, &sample).sample, one_by_one(&pipeline, &sample));
        assert_eq!(joined.shape(), single.shape());
        assert!(joined.image.iter().zip(&single.image).all(|(a, b)| (a - b).abs() < 1e-4), "{pipeline:?}");
        assert!(joined.geometry.same_grid(&single.geometry, single.shape(), 1e-9));
    }
}

#[test]
fn a_resampling_among_exact_steps_gives_what_the_steps_give() {
    let mut rng = Rng::seed_from_u64(2);
    let mut compared = 0;
    for _ in 0..500 {
        let sample = sample(&mut rng);
        let mut pipeline = chain(&mut rng, exact_step);
        pipeline.steps.push(resampling_step(&mut rng));
        pipeline.steps.extend(chain(&mut rng, exact_step).steps);
        // Shrinking a single voxel is refused.
        let Ok(done) = pipeline.apply_one(sample.clone(), 3) else { continue };
        let (joined, single) = (done.sample, one_by_one(&pipeline, &sample));
        compared += 1;
        assert_eq!(joined.shape(), single.shape());
        let far = joined.image.iter().zip(&single.image).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-4, "{pipeline:?} on {:?}: {far}", sample.image.dim());
        assert!(joined.geometry.same_grid(&single.geometry, joined.shape(), 1e-9), "{pipeline:?}");
        // A position halfway between voxels may round either way.
        let map = done.trace.map();
        for ((d, h, w), label) in joined.label.unwrap().indexed_iter() {
            let at = map.apply([d as f64, h as f64, w as f64]);
            let clear = at.iter().all(|v| (v.rem_euclid(1.0) - 0.5).abs() > 1e-6);
            let want = single.label.as_ref().unwrap()[[d, h, w]];
            assert!(!clear || *label == want, "{pipeline:?} at {d} {h} {w}: {label} for {want}");
        }
    }
    assert!(compared > 450, "{compared}");
}

#[test]
fn a_world_point_keeps_its_value() {
    let mut rng = Rng::seed_from_u64(3);
    let mut compared = 0;
    for _ in 0..300 {
        let mut sample = sample(&mut rng);
        // Intensities that are linear in world coordinates, which interpolation reproduces.
        let slope: [f64; 3] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        let value = |geometry: &Geometry, at: [f64; 3]| {
            geometry.voxel_to_world(Dhw::from(at)).iter().zip(slope).map(|(w, s)| w * s).sum::<f64>()
        };
        let geometry = sample.geometry.clone();
        for ((_, d, h, w), v) in sample.image.indexed_iter_mut() {
            *v = value(&geometry, [d as f64, h as f64, w as f64]) as f32;
        }
        // Resamplings that are joined: interpolating again near a border would mix in what was padded.
        let mut pipeline = chain(&mut rng, exact_step);
        pipeline.steps.extend(chain(&mut rng, resampling_step).steps);
        pipeline.steps.extend(chain(&mut rng, exact_step).steps);
        let Ok(done) = pipeline.apply_one(sample.clone(), 3) else { continue };
        let map = done.trace.map();
        for ((_, d, h, w), got) in done.sample.image.indexed_iter() {
            let (new, shows) = ([d as f64, h as f64, w as f64], map.apply([d as f64, h as f64, w as f64]));
            let (a, b) =
                (done.sample.geometry.voxel_to_world(Dhw::from(new)), geometry.voxel_to_world(Dhw::from(shows)));
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{pipeline:?}: {a:?} and {b:?}");
            // Only where every grid on the way has voxels around the point.
            let seen = done.trace.forward_point(Dhw::from(shows)).unwrap();
            let want = value(&done.sample.geometry, new) as f32;
            if seen.is_some() && inside_all(&done.trace, shows) {
                assert!((got - want).abs() < 1e-3, "{pipeline:?} at {d} {h} {w}: {got} for {want}");
                compared += 1;
            }
        }
    }
    assert!(compared > 1000, "{compared}");
}

/// Whether a position lies between voxel centres of the original grid and of every grid on the way.
fn inside_all(trace: &Trace, original: [f64; 3]) -> bool {
    let inside = |at: [f64; 3], shape: Dhw<usize>| {
        at.iter().zip(shape.to_array()).all(|(v, length)| *v >= -1e-9 && *v <= length as f64 - 1.0 + 1e-9)
    };
    let (mut at, mut shape) = (original, trace.shape);
    let mut all = inside(at, shape);
    for change in trace.changes() {
        at = change.map(shape).inverse().unwrap().apply(at);
        shape = change.shape(shape);
        all &= inside(at, shape);
    }
    all
}

#[test]
fn exact_chains_are_undone_exactly() {
    let mut rng = Rng::seed_from_u64(4);
    let mut shown_everywhere = 0;
    for _ in 0..500 {
        let (sample, pipeline) = (sample(&mut rng), chain(&mut rng, exact_step));
        let done = apply(&pipeline, &sample);
        let (label, shape) = (sample.label.unwrap(), sample.image.dim());
        let back = done.trace.invert_label(&done.sample.label.unwrap().view()).unwrap();
        let image = done.trace.invert_image(&done.sample.image.index_axis(ndarray::Axis(0), 0)).unwrap();
        assert_eq!(back.dim(), label.dim());
        let mut shown = 0;
        for ((d, h, w), value) in back.indexed_iter() {
            let at = Dhw { d: d as f64, h: h as f64, w: w as f64 };
            let visible = done.trace.forward_point(at).unwrap().is_some();
            assert_eq!(*value, if visible { label[[d, h, w]] } else { 0 }, "{pipeline:?}");
            assert_eq!(image[[d, h, w]], if visible { sample.image[[0, d, h, w]] } else { 0.0 }, "{pipeline:?}");
            shown += usize::from(visible);
        }
        shown_everywhere += usize::from(shown == shape.1 * shape.2 * shape.3);
        // The geometry goes back too: the result's first voxel is where the map says it is.
        let region =
            done.trace.invert_box(&BoxDhw::whole(done.sample.image.index_axis(ndarray::Axis(0), 0).dim().into()));
        let first = done.sample.geometry.voxel_to_world(Dhw::splat(0.0));
        let in_original = sample.geometry.world_to_voxel(first).to_array();
        let region = region.unwrap();
        let (low, high) = (region.start.to_array(), region.end().to_array());
        assert!(
            (0..3).all(|a| in_original[a] > low[a] as f64 - 0.5 && in_original[a] < high[a] as f64),
            "{pipeline:?}"
        );
    }
    assert!(shown_everywhere > 50, "{shown_everywhere} chains keep every voxel");
}

#[test]
fn a_label_comes_back_from_a_finer_grid_as_it_was() {
    // Every voxel of the original has a voxel of the finer grid nearest to it that shows it.
    let mut rng = Rng::seed_from_u64(5);
    for _ in 0..100 {
        let sample = sample(&mut rng);
        let size = sample.shape().map(|s| 3 * s);
        let turn = Step::from(Rotate90 { times: 1, plane: (0, 2) });
        let pipeline = Pipeline::new().then(Resize { size, kernel: Kernel::Linear, align_corners: false }).then(turn);
        let done = apply(&pipeline, &sample);
        assert_eq!(done.trace.invert_label(&done.sample.label.unwrap().view()).unwrap(), sample.label.unwrap());
    }
}

#[test]
fn a_rotated_label_comes_back_but_for_its_border() {
    let ball = Array3::from_shape_fn((24, 24, 24), |(d, h, w)| {
        u8::from([d, h, w].iter().map(|v| (*v as f64 - 11.5).powi(2)).sum::<f64>() < 64.0)
    });
    let geometry = Geometry::from_spacing(Dhw { d: 3.0, h: 1.0, w: 1.0 }).unwrap();
    let sample = Sample::new("ball", ball.mapv(f32::from), Some(ball.clone()), geometry);
    let elastic = RandElastic {
        p: 1.0,
        sigma: Range(4.0, 4.0),
        magnitude: Range(100.0, 100.0),
        kernel: Kernel::Linear,
        padding: BorderMode::Border,
    };
    let angles = Dhw { d: 0.4, h: -0.3, w: 0.2 };
    let turn =
        RandRotate { p: 1.0, angles: angles.map(|a| Range(a, a)), kernel: Kernel::Linear, padding: BorderMode::Border };
    for pipeline in
        [Pipeline::new().then(turn), Pipeline::new().then(elastic), Pipeline::new().then(turn).then(elastic)]
    {
        let done = apply(&pipeline, &sample);
        let moved = done.sample.label.unwrap();
        let back = done.trace.invert_label(&moved.view()).unwrap();
        let wrong = back.iter().zip(&ball).filter(|(a, b)| a != b).count();
        let dice = 1.0 - wrong as f64 / (back.iter().chain(&ball).filter(|v| **v == 1).count() as f64);
        assert!(dice > 0.95, "{dice} with {pipeline:?}");
    }
    // The deformation was one worth the name.
    let moved = apply(&Pipeline::new().then(elastic), &sample).sample.label.unwrap();
    assert!(moved.iter().zip(&ball).filter(|(a, b)| a != b).count() > 100);
}

#[test]
fn labels_stay_in_their_set_and_images_in_their_range() {
    let mut rng = Rng::seed_from_u64(6);
    for _ in 0..300 {
        let sample = sample(&mut rng);
        let mut pipeline = chain(&mut rng, any_step);
        pipeline.steps.extend(random_steps());
        let Ok(done) = pipeline.apply(sample.clone(), rng.random()) else { continue };
        for result in done {
            assert!(result.sample.label.unwrap().iter().all(|v| [0, 1, 2, 7].contains(v)));
            assert!(result.sample.image.iter().all(|v| (-5.001..=9.001).contains(v)), "{pipeline:?}");
        }
    }
}

/// One of each random step.
fn random_steps() -> Vec<Step> {
    let (kernel, padding, range) = (Kernel::Linear, BorderMode::Border, Range::symmetric(0.4));
    vec![
        RandRotate90 { p: 0.5, max_times: 3, plane: (0, 1) }.into(),
        RandFlip { p: 0.5, axes: Dhw::splat(true) }.into(),
        RandRotate { p: 0.8, angles: Dhw::splat(range), kernel, padding }.into(),
        RandZoom { p: 0.8, factor: Range(0.8, 1.3), same: false, kernel, padding }.into(),
        RandAffine { p: 0.8, shear: [range; 6], translate: Dhw::splat(range), ..RandAffine::default() }.into(),
        RandElastic { p: 0.8, sigma: Range(1.0, 2.0), magnitude: Range(2.0, 20.0), kernel, padding }.into(),
        SpatialPad::new(Dhw::splat(6)).into(),
        RandSpatialCrop { size: Dhw::splat(5), samples: 1 }.into(),
    ]
}

#[test]
fn a_chance_of_0_changes_nothing() {
    let mut rng = Rng::seed_from_u64(7);
    let never: Pipeline = random_steps()
        .into_iter()
        .filter_map(|step| {
            let mut text = serde_json::to_value(&step).unwrap();
            text.as_object_mut().unwrap().get_mut("p").map(|p| *p = 0.0.into())?;
            Some(serde_json::from_value::<Step>(text).unwrap())
        })
        .collect();
    assert_eq!(never.steps.len(), 6);
    for seed in 0..20 {
        let sample = sample(&mut rng);
        let done = never.apply_one(sample.clone(), seed).unwrap();
        assert!(same_bits(&done.sample.image, &sample.image) && done.sample.label == sample.label);
        assert_eq!(done.sample.geometry, sample.geometry);
        assert!(done.trace.steps.iter().all(|applied| applied.draw == Draw::Skip));
    }
}

#[test]
fn what_was_drawn_is_written_and_replayed() {
    let mut rng = Rng::seed_from_u64(8);
    let pipeline: Pipeline = random_steps().into_iter().collect();
    let text = toml::to_string(&pipeline).unwrap();
    assert_eq!(toml::from_str::<Pipeline>(&text).unwrap(), pipeline, "{text}");
    for seed in 0..50 {
        let sample = sample(&mut rng);
        let done = pipeline.apply_one(sample.clone(), seed).unwrap();
        let trace: Trace = serde_json::from_str(&serde_json::to_string(&done.trace).unwrap()).unwrap();
        assert_eq!(trace, done.trace);
        let again = pipeline.replay(sample.clone(), &trace).unwrap().sample;
        assert!(same_bits(&again.image, &done.sample.image) && again.label == done.sample.label);
        assert_eq!(pipeline.apply_one(sample.clone(), seed).unwrap(), done);
        let another = Pipeline::of(pipeline.steps[1..].to_vec());
        assert!(another.replay(sample, &trace).is_err());
    }
}

#[test]
fn one_thread_and_many_give_the_same() {
    let mut rng = Rng::seed_from_u64(9);
    let image = Array3::from_shape_simple_fn((37, 29, 41), || rng.random_range(-1f32..1.0));
    let label = image.mapv(|v| u8::from(v > 0.2));
    let geometry = Geometry::from_spacing(Dhw { d: 2.0, h: 0.8, w: 0.8 }).unwrap();
    let sample = Arc::new(Sample::new("x", image, Some(label), geometry));
    let mut steps = vec![Step::from(Respace::to(Dhw::splat(1.1)))];
    steps.extend(random_steps());
    let crops = RandCropByPosNegLabel { size: Dhw::splat(5), pos: 1.0, neg: 1.0, samples: 3, by_class: false };
    steps.insert(7, crops.into());
    let pipeline: Pipeline = steps.into_iter().collect();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let done = pipeline.apply(sample.clone(), 5).unwrap();
            let back: Vec<_> =
                done.iter().map(|d| d.trace.invert_label(&d.sample.label.clone().unwrap().view()).unwrap()).collect();
            (done, back)
        })
    };
    let one = with(1);
    assert_eq!(one.0.len(), 3);
    for threads in [2, 8] {
        let many = with(threads);
        assert_eq!(many, one, "{threads} threads");
        assert!(many.0.iter().zip(&one.0).all(|(a, b)| same_bits(&a.sample.image, &b.sample.image)));
    }
}

/// The definition, one corner at a time.
fn naive_linear(image: &Array3<f32>, at: [f64; 3], padding: BorderMode) -> f64 {
    let lengths: [usize; 3] = image.dim().into();
    let mut sum = 0.0;
    for corner in 0..8usize {
        let (mut weight, mut index) = (1.0, Some([0usize; 3]));
        for axis in 0..3 {
            let high = ((corner >> axis) & 1) as f64;
            let fraction = at[axis] - at[axis].floor();
            weight *= if high == 1.0 { fraction } else { 1.0 - fraction };
            let (mut place, length) = ((at[axis].floor() + high) as i64, lengths[axis] as i64);
            match padding {
                BorderMode::Border => place = place.clamp(0, length - 1),
                BorderMode::Reflection => {
                    place = place.rem_euclid(2 * length);
                    place = place.min(2 * length - 1 - place);
                }
                BorderMode::Mirror if length == 1 => place = 0,
                BorderMode::Mirror => {
                    place = place.rem_euclid(2 * length - 2);
                    place = place.min(2 * length - 2 - place);
                }
                BorderMode::Zeros => {}
            }
            let exists = (0..length).contains(&place);
            index = index.filter(|_| exists).map(|mut index| {
                index[axis] = place as usize;
                index
            });
        }
        sum += index.map_or(0.0, |index| weight * f64::from(image[index]));
    }
    sum
}

fn resampled(image: &Array3<f32>, resample: Resample) -> Array3<f32> {
    #[derive(Debug)]
    struct This(Resample);
    impl Transform for This {
        fn name(&self) -> String {
            "this".into()
        }

        fn draw(&self, _: &mut medseg_transforms::LazySample, _: &mut dyn rand::Rng) -> Result<Draw, TransformError> {
            Ok(SpatialChange::Resample(self.0).into())
        }
    }
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    let sample = Sample::new("x", image.clone(), None, geometry);
    Pipeline::of([This(resample)]).apply_one(sample, 0).unwrap().sample.image.index_axis_move(ndarray::Axis(0), 0)
}

#[test]
fn both_ways_of_interpolating_agree_with_the_definition() {
    let mut rng = Rng::seed_from_u64(10);
    for n in 0..400 {
        let image = Array3::from_shape_simple_fn(shape(&mut rng, 1, 7), || rng.random_range(-5f32..5.0));
        let padding = [BorderMode::Zeros, BorderMode::Border, BorderMode::Reflection, BorderMode::Mirror][n % 4];
        let mut map = VoxelMap::IDENTITY;
        let mixed = n % 3 != 0;
        for (r, row) in map.linear.iter_mut().enumerate() {
            for (c, v) in row.iter_mut().enumerate() {
                let along = if n % 2 == 0 { r == c } else { (r + 1) % 3 == c };
                *v = if mixed || along { rng.random_range(-1.5..1.5) } else { 0.0 };
            }
        }
        map.offset = std::array::from_fn(|_| rng.random_range(-2.0..6.0));
        let shape = Dhw::from(shape(&mut rng, 1, 9));
        let resample =
            Resample { shape, map, kernel: Kernel::Linear, padding, elastic: None, meaning: ResampleMeaning::Other };
        let got = resampled(&image, resample);
        // Displacements of 0 take the general way on any map.
        let still = Some(Elastic { sigma: 1.0, magnitude: 0.0, seed: 1 });
        let general = resampled(&image, Resample { elastic: still, ..resample });
        for ((d, h, w), got) in got.indexed_iter() {
            let want = naive_linear(&image, map.apply([d as f64, h as f64, w as f64]), padding);
            assert!((f64::from(*got) - want).abs() < 1e-4, "{padding:?} {map:?}: {got} for {want}");
            assert!((f64::from(general[[d, h, w]]) - want).abs() < 1e-4, "{padding:?} {map:?}: general");
        }
        for kernel in [Kernel::Cubic, Kernel::Nearest] {
            let (fast, general) = (
                resampled(&image, Resample { kernel, ..resample }),
                resampled(&image, Resample { kernel, elastic: still, ..resample }),
            );
            let far = fast.iter().zip(&general).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(far < 1e-3, "{kernel:?} {padding:?} {map:?}: {far}");
        }
    }
}

#[test]
fn cubic_is_exact_for_quadratics_and_at_voxels() {
    let value = |d: f64, h: f64, w: f64| 0.3 * d * d - 0.2 * h * w + w * w - 2.0 * d + 1.0;
    let image = Array3::from_shape_fn((9, 10, 11), |(d, h, w)| value(d as f64, h as f64, w as f64) as f32);
    let mut map = VoxelMap::scaling(Dhw { d: 0.5, h: 0.7, w: 0.6 }, Dhw::splat(2.0));
    for mixed in [0.0, 0.1] {
        map.linear[0][1] = mixed;
        let resample = Resample {
            shape: Dhw::splat(7),
            map,
            kernel: Kernel::Cubic,
            padding: BorderMode::Border,
            elastic: None,
            meaning: ResampleMeaning::Other,
        };
        for ((d, h, w), got) in resampled(&image, resample).indexed_iter() {
            let [a, b, c] = map.apply([d as f64, h as f64, w as f64]);
            assert!((f64::from(*got) - value(a, b, c)).abs() < 1e-3, "{got} for {}", value(a, b, c));
        }
    }
    let same = Resample {
        shape: Dhw::from(image.dim()),
        map: VoxelMap::IDENTITY,
        kernel: Kernel::Cubic,
        padding: BorderMode::Border,
        elastic: None,
        meaning: ResampleMeaning::Other,
    };
    assert_eq!(resampled(&image, same), image);
}

#[test]
fn chained_resamplings_interpolate_once() {
    // Turned there and back: interpolating twice would blur the noise.
    let mut rng = Rng::seed_from_u64(11);
    let image = Array3::from_shape_simple_fn((12, 12, 12), || rng.random_range(-1f32..1.0));
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    let sample = Sample::new("x", image.clone(), Some(image.mapv(|v| u8::from(v > 0.0))), geometry);
    let (kernel, padding) = (Kernel::Linear, BorderMode::Border);
    let turn = |by: f64| Rotate { angles: Dhw { d: by, h: 0.0, w: 0.0 }, keep_size: true, kernel, padding };
    let flip = Flip { axes: Dhw { d: true, h: false, w: false } };
    let pipeline = Pipeline::new().then(turn(0.5)).then(flip).then(flip).then(turn(-0.5));
    let done = apply(&pipeline, &sample).sample;
    let far = done.image.iter().zip(&image).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far < 1e-5, "{far}");
    assert_eq!(done.label, sample.label);
    assert!(done.geometry.same_grid(&sample.geometry, done.shape(), 1e-9));
    let twice = one_by_one(&pipeline, &sample);
    assert!(twice.image.iter().zip(&image).any(|(a, b)| (a - b).abs() > 0.1));
}

#[test]
fn a_foreground_crop_has_all_foreground() {
    let mut rng = Rng::seed_from_u64(12);
    for _ in 0..100 {
        let sample = sample(&mut rng);
        let step = CropForeground { k_divisible: Dhw::splat(4), margin: Dhw::splat(1), ..CropForeground::default() };
        let done = apply(&Pipeline::new().then(step), &sample);
        let back = done.trace.invert_label(&done.sample.label.unwrap().view()).unwrap();
        assert_eq!(back, sample.label.unwrap());
    }
}
