//! The phantom: deterministic, varied, anatomically plausible, and not to be solved by a threshold.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use medseg_phantom::PhantomConfig;
use medseg_volume::{Volume, read_image, read_info, read_label};
use ndarray::Array3;

fn small(cases: usize) -> PhantomConfig {
    PhantomConfig { cases, scale: 0.5, ..PhantomConfig::default() }
}

fn fingerprint(config: &PhantomConfig, index: usize) -> u64 {
    let (image, label) = config.generate(index).unwrap();
    let mut hasher = DefaultHasher::new();
    image.data.hash(&mut hasher);
    label.data.hash(&mut hasher);
    format!("{:?}", image.geometry.affine()).hash(&mut hasher);
    hasher.finish()
}

fn millilitres_per_voxel(volume: &Volume<u8>) -> f64 {
    volume.geometry.spacing().to_array().iter().product::<f64>() / 1000.0
}

/// Size of the largest connected part of the foreground.
fn largest_part(label: &Array3<u8>) -> usize {
    let (d, h, w) = label.dim();
    let mut open = label.map(|&value| value > 0);
    let mut largest = 0;
    for start in ndarray::indices((d, h, w)) {
        let mut queue = VecDeque::from([start]);
        let mut size = 0;
        while let Some((k, j, i)) = queue.pop_front() {
            let Some(cell) = open.get_mut((k, j, i)).filter(|cell| **cell) else { continue };
            *cell = false;
            size += 1;
            queue.extend([(k + 1, j, i), (k, j + 1, i), (k, j, i + 1)]);
            queue.extend([(k.wrapping_sub(1), j, i), (k, j.wrapping_sub(1), i), (k, j, i.wrapping_sub(1))]);
        }
        largest = largest.max(size);
    }
    largest
}

#[test]
fn a_case_depends_on_seed_and_index_alone() {
    let config = small(3);
    let first = fingerprint(&config, 2);
    assert_eq!(first, fingerprint(&config, 2));
    assert_eq!(first, fingerprint(&small(40), 2));
    assert_ne!(first, fingerprint(&config, 10)); // the same orientation
    assert_ne!(first, fingerprint(&PhantomConfig { seed: 1, ..config.clone() }, 2));
    let from_threads: Vec<u64> = std::thread::scope(|scope| {
        let spawn = |_| scope.spawn(|| fingerprint(&config, 2));
        let threads: Vec<_> = (0..4).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(from_threads, [first; 4]);
}

#[test]
fn livers_have_a_liver_s_size_place_and_labels() {
    let config = small(16);
    let mut tumours = 0;
    for index in 0..config.cases {
        let (image, label) = config.generate(index).unwrap();
        assert_eq!(image.shape(), label.shape());
        assert_eq!(image.geometry, label.geometry);
        assert!(image.data.iter().all(|hu| (-1024..=3071).contains(hu)));
        let values: BTreeSet<u8> = label.data.iter().copied().collect();
        assert!(values.is_subset(&BTreeSet::from([0, 1, 2])), "case {index}: {values:?}");
        tumours += usize::from(values.contains(&2));

        let foreground = label.data.iter().filter(|&&v| v > 0).count();
        let volume = foreground as f64 * millilitres_per_voxel(&label);
        assert!((900.0..2200.0).contains(&volume), "case {index}: {volume} ml");
        let fraction = foreground as f64 / label.data.len() as f64;
        assert!((0.02..0.09).contains(&fraction), "case {index}: {fraction}");
        assert!(largest_part(&label.data) as f64 > 0.97 * foreground as f64, "case {index}");

        let (liver, tumour) = (median_hu(&image, &label, 1), median_hu(&image, &label, 2));
        assert!(liver.is_some_and(|hu| (80..135).contains(&hu)), "case {index}: {liver:?} HU");
        assert!(tumour.is_none() || tumour < liver, "case {index}: {tumour:?} HU in {liver:?}");
        assert!(right_of_the_body(&image, &label) > 20.0, "case {index}: the liver is not on the right");
    }
    assert!((4..16).contains(&tumours), "{tumours} of 16 cases have tumours");
}

/// The middle intensity of a label: large voxels at its surface hold fat or lung, too.
fn median_hu(image: &Volume<i16>, label: &Volume<u8>, value: u8) -> Option<i16> {
    let chosen = image.data.iter().zip(&label.data).filter(|&(_, &v)| v == value);
    let mut hu: Vec<i16> = chosen.map(|(&hu, _)| hu).collect();
    hu.sort_unstable();
    hu.get(hu.len() / 2).copied()
}

/// How far (mm) the liver's centre lies to the right of the body's, by the affine.
fn right_of_the_body(image: &Volume<i16>, label: &Volume<u8>) -> f64 {
    let affine = image.geometry.affine();
    let mean_x = |inside: &dyn Fn([usize; 3]) -> bool| {
        let (mut sum, mut count) = (0.0, 0.0);
        for ((k, j, i), _) in label.data.indexed_iter().filter(|&((k, j, i), _)| inside([k, j, i])) {
            sum += affine[0][0] * i as f64 + affine[0][1] * j as f64 + affine[0][2] * k as f64;
            count += 1.0;
        }
        sum / count
    };
    mean_x(&|at| label.data[at] > 0) - mean_x(&|at| image.data[at] > -300)
}

#[test]
fn geometry_varies_from_case_to_case() {
    let config = PhantomConfig { scale: 0.25, ..PhantomConfig::default() };
    let mut shapes = BTreeSet::new();
    let mut spacings = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for index in 0..16 {
        let geometry = config.generate(index).unwrap();
        shapes.insert(geometry.0.shape().to_array());
        let spacing = geometry.0.geometry.spacing().to_array();
        let finest = spacing.iter().copied().fold(f64::INFINITY, f64::min);
        let coarsest = spacing.iter().copied().fold(0.0, f64::max);
        assert!(4.0 * 2.9 < 4.0 * finest && coarsest < 4.0 * 6.5, "{spacing:?}");
        spacings.insert(spacing.map(|mm| (mm * 1000.0) as i64));
        codes.insert(geometry.0.geometry.orientation().to_string());
    }
    assert!(shapes.len() > 10 && spacings.len() > 12, "{} shapes, {} spacings", shapes.len(), spacings.len());
    assert_eq!(codes, config.orientations.iter().map(ToString::to_string).collect());
}

/// Dice of the best window of intensities for a pair of histograms (foreground, background).
fn best_window((inside, outside): &(Vec<f64>, Vec<f64>)) -> f64 {
    let total: f64 = inside.iter().sum();
    let mut best = 0.0f64;
    for low in 0..inside.len() {
        let (mut hits, mut misses) = (0.0, 0.0);
        for high in low..inside.len() {
            hits += inside[high];
            misses += outside[high];
            best = best.max(2.0 * hits / (hits + misses + total));
        }
    }
    best
}

#[test]
fn no_threshold_finds_the_liver() {
    let config = small(12);
    let bins = 150; // 4 HU each from -200 HU
    let mut all = (vec![0.0; bins], vec![0.0; bins]);
    let mut best_of_case = Vec::new();
    for index in 0..config.cases {
        let (image, label) = config.generate(index).unwrap();
        let mut case = (vec![0.0; bins], vec![0.0; bins]);
        for (&hu, &value) in image.data.iter().zip(&label.data) {
            let bin = (hu.clamp(-200, 399) + 200) as usize / 4;
            let side = if value > 0 { &mut case.0 } else { &mut case.1 };
            side[bin] += 1.0;
        }
        for bin in 0..bins {
            all.0[bin] += case.0[bin];
            all.1[bin] += case.1[bin];
        }
        best_of_case.push(best_window(&case));
    }
    let one_window = best_window(&all);
    assert!(one_window < 0.6, "one window for all cases reaches Dice {one_window}");
    // Even the best window of each case, which nobody knows without its label.
    let mean = best_of_case.iter().sum::<f64>() / best_of_case.len() as f64;
    assert!(mean < 0.6, "windows chosen by the labels reach a mean Dice of {mean}");
}

fn bytes_of(dir: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(dir.join("image")).unwrap().map(|entry| entry.unwrap().path());
    files.collect::<BTreeSet<_>>().iter().map(|image| fs::read(image).unwrap()).collect()
}

#[test]
fn a_folder_is_written_read_again_and_left_alone_when_complete() {
    let dir = tempfile::tempdir().unwrap();
    let config = PhantomConfig { cases: 3, scale: 0.25, ..PhantomConfig::default() };
    let mut seen = Vec::new();
    let cases = config.write(dir.path(), &mut |done, all| seen.push((done, all))).unwrap();
    assert_eq!(seen, [(0, 3), (1, 3), (2, 3), (3, 3)]);
    let expected = |index| PhantomConfig::case_in(dir.path(), index);
    assert_eq!(cases, [0, 1, 2].map(expected));
    for (index, case) in cases.iter().enumerate() {
        let (image, label) = config.generate(index).unwrap();
        let read = read_image(&case.image).unwrap();
        assert_eq!(read.data, image.data.map(|&hu| f32::from(hu)));
        assert_eq!(read.geometry, image.geometry);
        assert_eq!(read_label(&case.label).unwrap(), label);
        assert_eq!(read_info(&case.label).unwrap().geometry, image.geometry);
    }

    let before = bytes_of(dir.path());
    fs::remove_file(&cases[1].image).unwrap();
    let written = |n: usize| fs::metadata(&cases[n].image).unwrap().modified().unwrap();
    let untouched = written(0);
    assert_eq!(config.write(dir.path(), &mut |_, _| ()).unwrap(), cases);
    assert_eq!(bytes_of(dir.path()), before);
    assert_eq!(written(0), untouched);
    // More cases join the old ones.
    let more = PhantomConfig { cases: 4, ..config };
    assert_eq!(more.write(dir.path(), &mut |_, _| ()).unwrap()[..3], cases[..]);
    assert_eq!(bytes_of(dir.path())[..3], before[..]);
}

#[test]
fn folders_with_other_data_and_bad_settings_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = PhantomConfig { cases: 1, scale: 0.25, ..PhantomConfig::default() };
    let refusal = |config: &PhantomConfig, dir: &Path| config.write(dir, &mut |_, _| ()).unwrap_err().to_string();
    fs::create_dir(dir.path().join("image")).unwrap();
    assert!(refusal(&config, dir.path()).contains("no phantoms"));
    let own = dir.path().join("own");
    config.write(&own, &mut |_, _| ()).unwrap();
    assert!(refusal(&PhantomConfig { seed: 5, ..config.clone() }, &own).contains("other settings"));
    fs::write(own.join("phantom.json"), "{").unwrap();
    assert!(refusal(&config, &own).contains("phantom.json"));

    let new = dir.path().join("new");
    for (bad, word) in [
        (PhantomConfig { cases: 0, ..config.clone() }, "0 cases"),
        (PhantomConfig { scale: f64::NAN, ..config.clone() }, "scale"),
        (PhantomConfig { scale: 0.1, ..config.clone() }, "scale"),
        (PhantomConfig { orientations: Vec::new(), ..config.clone() }, "orientations"),
    ] {
        assert!(refusal(&bad, &new).contains(word), "{word}");
        assert!(!new.exists(), "a refused request left something behind");
    }
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(refusal(&config, &file).contains("file"));
}

#[test]
fn settings_are_read_from_json_with_defaults() {
    let config: PhantomConfig = serde_json::from_str(r#"{"cases": 7}"#).unwrap();
    assert_eq!(config, PhantomConfig { cases: 7, ..PhantomConfig::default() });
    assert!(serde_json::from_str::<PhantomConfig>(r#"{"case": 7}"#).is_err());
    let error = serde_json::from_str::<PhantomConfig>(r#"{"orientations": ["LPS", "XYZ"]}"#).unwrap_err();
    assert!(error.to_string().contains("XYZ"), "{error}");
}
