//! The safe cascade against the sliding window over the whole image and the experiments' cascade, on random phantoms, with a
//! coarse network that is wrong on purpose. With `-- --nocapture` it prints a table.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_inference::{CascadeConfig, CascadeOutput, Dhw, Geometry, MaskRule, SlidingWindowConfig};
use ndarray::{Array3, Axis};

const SHAPE: [usize; 3] = [56, 72, 64];
const COARSE: [usize; 3] = [14, 18, 16];
const SPACING: Dhw<f64> = Dhw { d: 3.0, h: 1.5, w: 1.5 };
const PHANTOMS: u64 = 12;

/// A small generator, so that the phantoms are the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 31)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }
}

struct Ellipsoid {
    centre: [f64; 3],
    radii: [f64; 3],
}

impl Ellipsoid {
    /// Values up to 1 are inside.
    fn distance(&self, voxel: [usize; 3]) -> f64 {
        (0..3).map(|a| ((voxel[a] as f64 - self.centre[a]) / self.radii[a]).powi(2)).sum()
    }
}

/// What is wrong with the coarse network: it is blind from a depth of its grid on, and sees one voxel that is not there.
#[derive(Default)]
struct Fault {
    blind_from: Option<usize>,
    spurious: Option<[usize; 3]>,
}

struct Phantom {
    organ: Vec<Ellipsoid>,
    fault: Fault,
}

impl Phantom {
    fn truth(&self) -> Array3<u8> {
        Array3::from_shape_fn(SHAPE, |(z, y, x)| u8::from(self.organ.iter().any(|e| e.distance([z, y, x]) <= 1.0)))
    }

    /// The organ at 1, a ground that comes near to it, and some noise.
    fn image(&self, truth: &Array3<u8>, random: &mut Random) -> Array3<f32> {
        truth.mapv(|label| f32::from(label) * 0.6 + random.between(0.0, 0.4) as f32)
    }
}

type Kind = (&'static str, fn(&mut Random) -> Phantom);

fn kinds() -> [Kind; 6] {
    [
        ("at the edge", |random| {
            let centre = [random.between(0.0, 6.0), random.between(20.0, 50.0), random.between(56.0, 64.0)];
            one(centre, [12.0, 14.0, 13.0], Fault::default())
        }),
        ("in two parts", |random| {
            let part = |at: f64, r: f64| Ellipsoid { centre: [at, at + 8.0, at], radii: [r, r + 2.0, r] };
            let organ = vec![part(random.between(12.0, 16.0), 9.0), part(random.between(42.0, 46.0), 5.0)];
            Phantom { organ, fault: Fault::default() }
        }),
        ("tiny", |random| {
            let centre = [random.between(10.0, 40.0), random.between(10.0, 60.0), random.between(10.0, 50.0)];
            one(centre, [1.2, 1.4, 1.3], Fault { blind_from: None, spurious: Some([1, 1, 1]) })
        }),
        ("absent", |_| Phantom { organ: Vec::new(), fault: Fault { blind_from: None, spurious: Some([7, 9, 8]) } }),
        ("touching the box", |random| {
            let centre = [28.0, random.between(30.0, 40.0), random.between(26.0, 36.0)];
            one(centre, [22.0, 16.0, 14.0], Fault { blind_from: Some(7), spurious: None })
        }),
        ("with spurious elsewhere", |random| {
            let centre = [random.between(24.0, 30.0), random.between(30.0, 40.0), random.between(26.0, 36.0)];
            one(centre, [12.0, 16.0, 14.0], Fault { blind_from: None, spurious: Some([13, 17, 15]) })
        }),
    ]
}

fn one(centre: [f64; 3], radii: [f64; 3], fault: Fault) -> Phantom {
    Phantom { organ: vec![Ellipsoid { centre, radii }], fault }
}

/// A threshold, as good as a network can be.
fn fine(windows: Tensor<5>) -> Tensor<5> {
    (windows - 0.5) * 20.0
}

/// The same with its faults.
fn coarse(fault: &Fault) -> impl FnMut(Tensor<5>) -> Tensor<5> + use<'_> {
    move |windows: Tensor<5>| {
        let mut change = Array3::<f32>::zeros(COARSE);
        if let Some(depth) = fault.blind_from {
            change.slice_mut(ndarray::s![depth.., .., ..]).fill(-99.0);
        }
        if let Some([z, y, x]) = fault.spurious {
            change[[z, y, x]] = 99.0;
        }
        let [d, h, w] = COARSE;
        let change = TensorData::new(change.into_raw_vec_and_offset().0, [1, 1, d, h, w]);
        fine(windows.clone()) + Tensor::from_data(change, &windows.device())
    }
}

fn window() -> SlidingWindowConfig {
    SlidingWindowConfig::new(Dhw::splat(24)).with_overlap(0.25)
}

fn run(config: CascadeConfig, image: &Array3<f32>, fault: &Fault) -> CascadeOutput {
    config
        .init(Dhw::from(COARSE), &window())
        .unwrap()
        .infer(image.view(), &Geometry::from_spacing(SPACING).unwrap(), &Device::flex())
        .predict(&mut coarse(fault), &mut fine)
        .unwrap()
}

/// 1 where both are empty.
fn dice(a: &Array3<u8>, b: &Array3<u8>) -> f64 {
    let count = |m: &Array3<u8>| m.iter().filter(|&&v| v != 0).count();
    let both = a.iter().zip(b).filter(|(a, b)| **a != 0 && **b != 0).count();
    if count(a) + count(b) == 0 { 1.0 } else { 2.0 * both as f64 / (count(a) + count(b)) as f64 }
}

#[test]
fn the_safe_cascade_is_never_worse_than_the_whole_image_and_cuts_nothing() {
    println!(
        "| organ | whole image | safe cascade | grown | fallback | voxels seen | experiments' cascade | cut by it |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let voxels = SHAPE.iter().product::<usize>();
    let mut cut_by_reference = 0;
    for (name, make) in kinds() {
        let (mut dices, mut grown, mut fallbacks, mut seen, mut cut) = ([0.0, 0.0, 0.0], 0, 0, 0, 0);
        for number in 0..PHANTOMS {
            let mut random = Random(number * 7919 + name.len() as u64);
            let phantom = make(&mut random);
            let truth = phantom.truth();
            let image = phantom.image(&truth, &mut random);
            let channels = image.view().insert_axis(Axis(0));
            let whole =
                window().init().unwrap().infer(channels, &Device::flex(), &mut fine).mask(MaskRule::default()).unwrap();
            let safe = run(CascadeConfig::safe(), &image, &phantom.fault);
            let reference = run(CascadeConfig::reference(), &image, &phantom.fault);
            let found = [&whole, &safe.mask, &reference.mask].map(|mask| dice(mask, &truth));
            assert!(found[1] >= found[0] - 0.005, "{name} {number}: {} after {}", found[1], found[0]);
            let lost = whole.iter().zip(&safe.mask).filter(|(a, b)| **a != 0 && **b == 0).count();
            assert_eq!(lost, 0, "{name} {number}: voxels are cut, {:?}", safe.report);
            cut += usize::from(whole.iter().zip(&reference.mask).any(|(a, b)| *a != 0 && *b == 0));
            grown += usize::from(safe.report.roi_grown > 0);
            fallbacks += usize::from(safe.report.fallback.is_some());
            seen += safe.report.roi.size.voxels();
            dices = [0, 1, 2].map(|n| dices[n] + found[n] / PHANTOMS as f64);
        }
        cut_by_reference += cut;
        println!(
            "| {name} | {:.4} | {:.4} | {grown} | {fallbacks} | {:.0} % | {:.4} | {cut} of {PHANTOMS} |",
            dices[0],
            dices[1],
            100.0 * seen as f64 / (voxels * PHANTOMS as usize) as f64,
            dices[2],
        );
    }
    assert!(cut_by_reference > 0, "the phantoms are no challenge");
}
