//! Nothing that is read is changed or lost, and nothing that went wrong ends as an empty mask.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use medseg_volume::{Dhw, Geometry, Volume, read_image, read_label, write_image, write_label};

use crate::support::{Data, assert_fails, medseg, stderr};

/// Every file below a folder with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let link = entry.file_type().unwrap().is_symlink();
        if entry.path().is_dir() && !link {
            found.extend(files(&entry.path()));
        } else if !entry.path().is_dir() {
            found.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// Random commands with random existing files and folders as their outputs, through links too.
#[test]
#[cfg(unix)]
fn no_command_changes_what_it_reads_whatever_its_output_is() {
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    let cases = data.path("data");
    let scan = data.path("scan.mhd");
    write_image(&scan, &read_image(cases.join("image/phantom_001.nii.gz")).unwrap()).unwrap();
    fs::write(data.path("notes.txt"), "no volume").unwrap();
    std::os::unix::fs::symlink(cases.join("image"), data.path("linked")).unwrap();
    fs::hard_link(cases.join("image/phantom_002.nii.gz"), data.path("hard.nii.gz")).unwrap();
    std::os::unix::fs::symlink(data.path("scan.zraw"), data.path("voxels.nii")).unwrap();
    let all = files(data.dir.path());
    let mut contents = all.clone();
    let linked = data.path("linked/phantom_003.nii.gz");
    contents.insert(linked.clone(), fs::read(&linked).unwrap());
    let inputs = |folder: &Path| -> Vec<PathBuf> { files(folder).into_keys().collect() };
    let images = [inputs(&cases.join("image")), vec![scan, linked, data.path("hard.nii.gz")]];
    let images = images.concat();
    let mut outputs: Vec<PathBuf> = all.keys().cloned().collect();
    outputs.extend(
        ["data", "data/image", "out", "out/bundle", "linked", "new.nii.gz", "new", "scan.nhdr"].map(|n| data.path(n)),
    );
    outputs.push(data.path("linked/phantom_000.nii.gz"));
    let model = data.path("out/bundle");

    let mut random = Random(7);
    let mut done = 0;
    for round in 0..120 {
        let (image, output) = (random.of(&images).clone(), random.of(&outputs).clone());
        let (mut command, read) = match round % 6 {
            0 | 1 => (medseg("convert"), vec![image.clone()]),
            2 | 3 => {
                let mut command = medseg("predict");
                command.arg(&model);
                (command, [inputs(&model), vec![image.clone()]].concat())
            }
            4 => {
                let mut command = medseg("prepare");
                command.arg("--data").arg(&cases).args(["--step", "foreground", "--out"]).arg(&output);
                (command, inputs(&cases))
            }
            _ => {
                let mut command = medseg("train");
                command.args([
                    "one-stage",
                    "--channels",
                    "2,2",
                    "--roi",
                    "16,16,16",
                    "--epochs",
                    "1",
                    "--device",
                    "cpu",
                ]);
                command.arg("--data").arg(&cases).arg("--out").arg(&output);
                (command, inputs(&cases))
            }
        };
        if round % 6 < 4 {
            command.args([&image, &output]);
        }
        let result = command.output().unwrap();
        let text = stderr(&result);
        assert!(!text.contains("panicked"), "{command:?}: {text}");
        done += usize::from(result.status.success());
        // The voxels that a header names are read with it.
        let voxels = read.iter().filter(|path| path.ends_with("scan.mhd")).map(|path| path.with_extension("zraw"));
        for path in read.iter().cloned().chain(voxels) {
            assert!(
                fs::read(&path).ok() == contents.get(&path).cloned(),
                "{} after {command:?}: {text}",
                path.display()
            );
        }
        restore(data.dir.path(), &all);
    }
    assert!(done >= 10, "only {done} commands did anything");
}

/// Brings every file back, and takes away what came.
fn restore(folder: &Path, all: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in files(folder) {
        match all.get(&path) {
            None => fs::remove_file(&path).unwrap(),
            Some(before) if *before != bytes => fs::write(&path, before).unwrap(),
            Some(_) => {}
        }
    }
    for (path, bytes) in all.iter().filter(|(path, _)| !path.exists()) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn two_runs_with_one_output_folder_do_not_meet() {
    let data = Data::new();
    let mut first = data.command("one-stage", &["--set", "fine.epochs=2000"]).stderr(Stdio::null()).spawn().unwrap();
    let started = std::time::Instant::now();
    while !data.path("out/one_stage/last").exists() {
        assert!(first.try_wait().unwrap().is_none(), "the first run has ended");
        assert!(started.elapsed().as_secs() < 120, "the first run does not train");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let config = fs::read(data.path("out/config.json")).unwrap();
    for more in [&[][..], &["--resume"]] {
        let second = data.run("one-stage", more);
        assert_fails(&second, 1, &format!("process {}", first.id()));
        assert!(stderr(&second).contains("is being written to"), "{}", stderr(&second));
    }
    assert_eq!(fs::read(data.path("out/config.json")).unwrap(), config);
    first.kill().unwrap();
    first.wait().unwrap();
    // The lock of the dead process is free.
    let output = data.run("one-stage", &[]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn settings_of_the_run_itself_are_not_moved_away() {
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    let settings = data.path("out/config.json");
    let before = fs::read(&settings).unwrap();
    let output = medseg("train")
        .args(["one-stage", "--config", settings.to_str().unwrap(), "--out", data.path("out").to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read(&settings).unwrap(), before);
}

#[test]
fn a_weight_that_is_no_number_is_an_error_and_no_mask() {
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    let weights = data.path("out/one_stage/best.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&weights, bytes).unwrap();
    fs::remove_dir_all(data.path("out/bundle")).unwrap();
    let mask = data.path("mask.nii.gz");
    let image = data.path("data/image/phantom_000.nii.gz");
    let output = medseg("predict").args([&data.path("out"), &image, &mask]).output().unwrap();
    assert_fails(&output, 1, "best.safetensors");
    assert!(stderr(&output).contains("not a finite number") && !mask.exists(), "{}", stderr(&output));
}

#[test]
fn a_spacing_in_the_wrong_unit_is_refused_before_memory_is_taken() {
    let data = Data::new();
    assert!(data.run("one-stage", &["--spacing", "9,4,4"]).status.success());
    let scan = read_image(data.path("data/image/phantom_000.nii.gz")).unwrap();
    let wrong = Geometry::from_spacing(Dhw::splat(40_000.0)).unwrap();
    write_image(data.path("wrong.nii"), &Volume::new(scan.data, wrong)).unwrap();
    let (run, image, mask) = (data.path("out"), data.path("wrong.nii"), data.path("mask.nii"));
    let output = medseg("predict").args([&run, &image, &mask]).output().unwrap();
    assert_fails(&output, 1, "MiB");
    assert!(!mask.exists());
    let mut prepare = medseg("prepare");
    prepare.arg("--data").arg(data.path("data")).arg("--out").arg(data.path("large"));
    assert_fails(&prepare.args(["--step", "resized", "--size", "90000"]).output().unwrap(), 2, "MiB");

    fs::copy(&image, data.path("data/image/phantom_000.nii")).unwrap();
    fs::remove_file(data.path("data/image/phantom_000.nii.gz")).unwrap();
    let label = read_label(data.path("data/label/phantom_000.nii.gz")).unwrap();
    let moved = Volume::new(label.data, read_image(&image).unwrap().geometry);
    write_label(data.path("data/label/phantom_000.nii.gz"), &moved).unwrap();
    fs::remove_dir_all(&run).unwrap();
    assert_fails(&data.run("one-stage", &["--spacing", "9,4,4"]), 2, "phantom_000");
}

#[test]
fn voxels_that_are_no_numbers_are_air_and_the_rest_is_segmented_as_ever() {
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    let mut scan = read_image(data.path("data/image/phantom_000.nii.gz")).unwrap();
    let lowest = scan.data.iter().copied().fold(f32::INFINITY, f32::min);
    let predicted = |scan: &Volume<f32>, name: &str| {
        let (image, mask) = (data.path(&format!("{name}.nii")), data.path(&format!("{name}-mask.nii")));
        write_image(&image, scan).unwrap();
        let output = medseg("predict").args([&data.path("out"), &image, &mask]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        (read_label(mask).unwrap().data, stderr(&output))
    };
    scan.data[[1, 2, 3]] = lowest;
    let (expected, _) = predicted(&scan, "air");
    scan.data[[1, 2, 3]] = f32::NAN;
    let (found, text) = predicted(&scan, "nan");
    assert_eq!(found, expected);
    assert!(text.contains("1 of ") && text.contains("count as the lowest"), "{text}");
}

/// The table of a run and `metrics` on its files.
#[test]
fn scores_on_the_command_line_are_those_of_the_run() {
    let data = Data::new();
    for number in 0..6 {
        let path = data.path(&format!("data/label/phantom_00{number}.nii.gz"));
        let mut label = read_label(&path).unwrap();
        let half = label.data.dim().0 / 2;
        label.data.indexed_iter_mut().for_each(|((d, ..), value)| *value *= 1 + u8::from(d >= half));
        write_label(&path, &label).unwrap();
    }
    let output = data.run("one-stage", &["--labels", "1,2", "--classes"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let table = fs::read_to_string(data.path("out/metrics.csv")).unwrap();
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let mut compared = 0;
    for row in lines {
        let case = row[0];
        let (label, mask) = (format!("data/label/{case}.nii.gz"), format!("out/predictions/{case}.nii.gz"));
        let mut command = medseg("metrics");
        command.args([data.path(&label), data.path(&mask)]).args(["--labels", "1,2", "--json"]);
        let scores: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let own = match row[2] {
            "" => &scores["mean"],
            "1" => &scores["labels"][0],
            _ => &scores["labels"][1],
        };
        for (name, text) in header.iter().zip(&row).skip(3).filter(|(name, _)| **name != "seconds") {
            let expected: Option<f64> = text.parse().ok().filter(|value: &f64| value.is_finite());
            match (expected, own[*name].as_f64()) {
                (Some(expected), Some(own)) => {
                    assert!((own - expected).abs() <= 1e-4 * (1.0 + own.abs()), "{case} {name}")
                }
                (None, None) => {}
                other => panic!("{case} {name}: {other:?}"),
            }
            compared += 1;
        }
    }
    assert!(compared >= 21, "{compared} scores");
}
