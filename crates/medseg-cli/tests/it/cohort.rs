//! A folder of images becomes a folder of masks.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use medseg_volume::read_label;

use crate::support::{Data, assert_fails, medseg, stderr};

/// A trained run and images of several kinds.
struct Cohort(Data);

impl Cohort {
    fn new() -> Self {
        let data = Data::new();
        assert!(data.run("one-stage", &[]).status.success());
        let images = data.path("images");
        fs::create_dir_all(images.join("site a/7")).unwrap();
        for (from, to) in [("0", "one.nii.gz"), ("1", "two.nii.gz"), ("2", "site a/7/ct.nii.gz")] {
            let from = data.path(&format!("data/image/phantom_00{from}.nii.gz"));
            fs::copy(from, images.join(to)).unwrap();
        }
        let series = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/ct_series");
        fs::create_dir(images.join("study")).unwrap();
        for slice in fs::read_dir(series).unwrap() {
            let slice = slice.unwrap();
            fs::copy(slice.path(), images.join("study").join(slice.file_name())).unwrap();
        }
        Self(data)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn predict(&self, masks: &str, more: &[&str]) -> Output {
        self.command(masks, more).output().unwrap()
    }

    fn command(&self, masks: &str, more: &[&str]) -> std::process::Command {
        let mut command = medseg("predict");
        command.args([self.path("out"), self.path("images"), self.path(masks)]).args(["--device", "cpu"]).args(more);
        command
    }

    /// Status of every case in the table.
    fn statuses(&self, masks: &str) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.path(masks).join("table.json")).unwrap();
        let table: serde_json::Value = serde_json::from_str(&text).unwrap();
        let row = |row: &serde_json::Value| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            (text("case"), text("status"))
        };
        table["rows"].as_array().unwrap().iter().map(row).collect()
    }

    /// Masks by their place, with their content; tables and records left out.
    fn masks(&self, masks: &str) -> BTreeMap<String, Vec<u8>> {
        let (root, mut found) = (self.path(masks), BTreeMap::new());
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.path().is_dir() {
                    if !name.starts_with('.') {
                        folders.push(entry.path());
                    }
                } else if !name.starts_with("table.") {
                    let place = entry.path().strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                    found.insert(place, fs::read(entry.path()).unwrap());
                }
            }
        }
        found
    }
}

#[test]
fn images_in_folders_and_dicom_studies_become_the_masks_that_single_predictions_make() {
    let cohort = Cohort::new();
    let output = cohort.predict("masks", &["--outputs", "nii.gz,seg.nrrd,entropy,probabilities", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let table: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(table["rows"].as_array().unwrap().len(), 4);
    let masks = cohort.masks("masks");
    let cases =
        [("one", "one.nii.gz"), ("two", "two.nii.gz"), ("site a/7/ct", "site a/7/ct.nii.gz"), ("study", "study")];
    assert_eq!(masks.len(), 4 * cases.len(), "{:?}", masks.keys());
    for (case, image) in cases {
        for ending in [".seg.nrrd", "_entropy.nii.gz", "_probability_01_foreground.nii.gz"] {
            assert!(masks.contains_key(&format!("{case}{ending}")), "{case}{ending} of {:?}", masks.keys());
        }
        let single = cohort.path("single.nii.gz");
        let image = cohort.path("images").join(image);
        let output = medseg("predict").args([&cohort.path("out"), &image, &single]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let of_cohort = cohort.path("masks").join(format!("{case}.nii.gz"));
        assert_eq!(read_label(&of_cohort).unwrap(), read_label(&single).unwrap(), "{case}");
    }
    let csv = fs::read_to_string(cohort.path("masks/table.csv")).unwrap();
    assert!(csv.lines().next().unwrap().contains("ml foreground") && csv.lines().count() == 5, "{csv}");
    // DICOM objects of the series alone; the others fail by name and stop nobody.
    let output = cohort.predict("objects", &["--outputs", "dcm,rtstruct"]);
    assert_fails(&output, 1, "3 of 4");
    assert!(stderr(&output).contains("needs a DICOM series"), "{}", stderr(&output));
    let objects: Vec<String> = cohort.masks("objects").into_keys().collect();
    assert_eq!(objects, ["study.dcm", "study_rtstruct.dcm"]);
}

#[test]
fn done_cases_are_left_out_and_changed_ones_are_done_again() {
    let cohort = Cohort::new();
    let statuses = |run: &str| {
        let output = cohort.predict("masks", &[]);
        assert!(output.status.success(), "{run}: {}", stderr(&output));
        let before = stderr(&output).matches("done before").count();
        // The summary says so once.
        before - 1
    };
    assert_eq!(statuses("first"), 0);
    let first = cohort.masks("masks");
    assert_eq!(statuses("second"), 4);
    fs::remove_file(cohort.path("masks/one.nii.gz")).unwrap();
    fs::write(cohort.path("masks/two.nii.gz"), "another mask").unwrap();
    assert_eq!(statuses("masks that went or changed"), 2);
    assert!(cohort.masks("masks") == first);
    fs::copy(cohort.path("images/one.nii.gz"), cohort.path("images/two.nii.gz")).unwrap();
    assert_eq!(statuses("another image"), 3);
    assert!(cohort.masks("masks")["two.nii.gz"] == first["one.nii.gz"]);
    let output = cohort.predict("masks", &["--mirror"]);
    assert!(output.status.success() && !stderr(&output).contains(": done before"), "{}", stderr(&output));
}

/// The masks of a run into a folder below the images are no images of the next one.
#[test]
fn masks_of_another_run_are_no_images() {
    let cohort = Cohort::new();
    assert!(cohort.predict("images/first", &[]).status.success());
    let output = cohort.predict("second", &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("holds the masks of another run"), "{}", stderr(&output));
    assert_eq!(cohort.masks("second"), cohort.masks("images/first"));
}

#[test]
fn a_damaged_image_is_named_and_the_others_are_segmented() {
    let cohort = Cohort::new();
    fs::write(cohort.path("images/bad.nii.gz"), "no image").unwrap();
    let output = cohort.predict("masks", &[]);
    assert_fails(&output, 1, "1 of 5");
    assert!(stderr(&output).contains("case bad"), "{}", stderr(&output));
    let statuses = cohort.statuses("masks");
    assert_eq!(statuses["bad"], "failed");
    assert_eq!(statuses.values().filter(|status| *status == "done").count(), 4);
    // Left out if wished, tried again otherwise, and well once it is repaired.
    let skipped = cohort.predict("masks", &["--skip-failed"]);
    assert_fails(&skipped, 1, "1 of 5");
    fs::copy(cohort.path("images/one.nii.gz"), cohort.path("images/bad.nii.gz")).unwrap();
    assert!(cohort.predict("masks", &[]).status.success());
    assert_eq!(cohort.statuses("masks")["bad"], "done");
}

#[test]
fn parts_are_all_cases_once_and_one_table_tells_of_them() {
    let cohort = Cohort::new();
    let whole = cohort.predict("whole", &[]);
    assert!(whole.status.success(), "{}", stderr(&whole));
    for part in ["1", "2", "3"] {
        let output = cohort.predict("masks", &["--part", part, "--parts", "3"]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert!(cohort.masks("masks") == cohort.masks("whole"));
    let table = medseg("table").arg(cohort.path("masks")).arg("--json").output().unwrap();
    let table: serde_json::Value = serde_json::from_slice(&table.stdout).unwrap();
    let rows = table["rows"].as_array().unwrap();
    assert!(rows.len() == 4 && rows.iter().all(|row| row["status"] == "done"), "{rows:?}");
    assert_fails(&cohort.predict("masks", &["--part", "4", "--parts", "3"]), 1, "part 4 of 3");
    assert_fails(&medseg("table").arg(cohort.path("none")).output().unwrap(), 1, "none");
}

/// Two workers at once on one folder, and one that is killed.
#[test]
fn workers_share_a_folder_and_a_killed_one_is_followed() {
    let cohort = Cohort::new();
    assert!(cohort.predict("whole", &[]).status.success());
    let mut workers: Vec<_> = (0..2)
        .map(|_| cohort.command("shared", &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    let texts: Vec<String> = workers
        .drain(..)
        .map(|worker| {
            let output = worker.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", stderr(&output));
            stderr(&output)
        })
        .collect();
    let worked = |text: &String| text.lines().filter(|line| line.contains(" in ") && line.contains("/4 ")).count();
    assert_eq!(texts.iter().map(worked).sum::<usize>(), 4, "{texts:?}");
    assert!(cohort.masks("shared") == cohort.masks("whole"));

    for lines in 0..3 {
        let masks = format!("killed{lines}");
        let mut worker = cohort.command(&masks, &[]).stderr(Stdio::piped()).spawn().unwrap();
        let mut text = BufReader::new(worker.stderr.take().unwrap()).lines();
        let mut seen = 0;
        while seen < lines {
            let Some(line) = text.next() else { break };
            seen += usize::from(line.unwrap().contains("/4 "));
        }
        worker.kill().unwrap();
        worker.wait().unwrap();
        let output = cohort.predict(&masks, &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(cohort.masks(&masks) == cohort.masks("whole"), "after {lines}");
    }
}

#[test]
fn options_and_places_that_do_not_fit_are_refused_before_anything_is_written() {
    let cohort = Cohort::new();
    for (more, what) in [
        (&["--also", "a.nii"][..], "--also"),
        (&["--picture", "a.png"], "--picture"),
        (&["--certainty"], "--certainty"),
        (&["--series", "1.2"], "--series"),
        (&["--save-entropy", "a.nii"], "--save-entropy"),
        (&["--previous", "a.nii"], "a.nii is no folder"),
    ] {
        assert_fails(&cohort.predict("masks", more), 2, what);
    }
    let single = |more: &[&str]| {
        let paths = [cohort.path("out"), cohort.path("images/one.nii.gz"), cohort.path("mask.nii")];
        medseg("predict").args(paths).args(more).output().unwrap()
    };
    assert_fails(&single(&["--outputs", "nii"]), 2, "--outputs");
    assert_fails(&single(&["--verify"]), 2, "--verify");
    let dotted = cohort.predict("masks.d", &[]);
    assert_fails(&dotted, 2, "a folder of masks exists, or its name has no dot");
    assert_fails(&cohort.predict("images", &[]), 2, "nothing is written");
    // A mask never replaces an image that lies where it would.
    fs::copy(cohort.path("images/one.nii.gz"), cohort.path("images/study/two.nii.gz")).unwrap();
    let image = fs::read(cohort.path("images/study/two.nii.gz")).unwrap();
    let output = cohort.predict("images/study", &[]);
    assert_fails(&output, 1, "were not segmented");
    assert!(stderr(&output).contains("is not replaced"), "{}", stderr(&output));
    assert!(fs::read(cohort.path("images/study/two.nii.gz")).unwrap() == image);
    fs::remove_dir_all(cohort.path("images/study")).unwrap();
    fs::create_dir(cohort.path("empty")).unwrap();
    let empty = [cohort.path("out"), cohort.path("empty"), cohort.path("masks")];
    assert_fails(&medseg("predict").args(&empty).output().unwrap(), 2, "holds no image");
    let none = [cohort.path("out"), cohort.path("none"), cohort.path("masks")];
    assert_fails(&medseg("predict").args(&none).output().unwrap(), 1, "none");
    assert!(!cohort.path("masks").exists() && !cohort.path("mask.nii").exists());
    let planned = cohort.predict("masks", &["--dry-run", "--json"]);
    let planned: serde_json::Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert_eq!(planned["cases"], 3);
    assert!(!cohort.path("masks").exists());
}
