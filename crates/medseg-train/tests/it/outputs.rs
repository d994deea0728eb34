//! What a run leaves in its folder, and what a trained run does with a new image.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::{Listener, finished, request, run, tiny, write_cases};
use burn::tensor::Device;
use medseg_train::{Cleaning, Experiment, ExperimentConfig, RunOutcome, Silent, TrainedRun};
use medseg_volume::{Dhw, read_image, read_info, read_label, write_label};

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_two_stage_run_leaves_what_its_contract_says() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    let summary = finished(&request(tiny(Experiment::TwoStage), &data, &out), &mut Silent);

    let top = ["config.json", "split.json", "coarse", "fine", "predictions", "overlays", "metrics.csv", "summary.json"];
    // Whether files are remembered depends on their age.
    let entries = &names(&out) - &set(&["hashes.json"]);
    assert_eq!(entries, &set(&top) | &set(&["report.html", "bundle", "data.json", "viewers"]));
    for stage in ["coarse", "fine"] {
        assert_eq!(
            names(&out.join(stage)),
            set(&["best.safetensors", "curves.png", "curves.svg", "history.csv", "history.jsonl", "last", "previous"])
        );
    }
    assert_eq!(names(&out.join("predictions")), set(&["phantom_005.nii.gz"]));
    assert_eq!(names(&out.join("overlays")), set(&["phantom_005.png"]));
    assert_eq!(names(&out.join("viewers")), set(&["best.html"]));

    let metrics = fs::read_to_string(out.join("metrics.csv")).unwrap();
    let lines: Vec<&str> = metrics.lines().collect();
    assert_eq!(
        lines[0],
        "case,stage,class,dice,iou,hd95_mm,assd_mm,surface_dice,volume_ml_reference,volume_ml_predicted,seconds"
    );
    assert!(lines[1].starts_with("phantom_005,coarse,,") && lines[2].starts_with("phantom_005,fine,,"));
    assert_eq!(lines.len(), 3);

    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(out.join("summary.json")).unwrap()).unwrap();
    for key in ["cases", "dice_mean", "dice_ci95", "epochs", "seconds_train", "seconds_predict", "peak_memory_bytes"] {
        assert!(json["stages"]["fine"].get(key).is_some(), "summary.json lacks {key}: {json}");
    }
    assert!(json["coarse_missed_cases"].is_u64() && json["roi_fallbacks"].is_u64());
    assert!(json["roi_grown_cases"].is_u64());
    assert_eq!((summary.stages["fine"].cases, summary.stages["fine"].epochs), (1, 3));

    let report = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("data:image/png;base64,") && report.contains("phantom_005"));
    assert!(!report.contains("src=\"http") && !report.contains("href=\"http"), "the report is not self-contained");
    assert!(fs::read(out.join("overlays/phantom_005.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_saved_mask_is_what_the_trained_run_predicts_and_lies_on_the_images_grid() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    run(&request(tiny(Experiment::TwoStage), &data, &out)).unwrap();
    let image = data.join("image/phantom_005.nii.gz");
    let mask = out.join("predictions/phantom_005.nii.gz");
    assert_eq!(read_info(&mask).unwrap().geometry, read_info(&image).unwrap().geometry);

    let run = TrainedRun::open(&out, &Device::flex()).unwrap();
    let prediction = run.predict(&read_image(&image).unwrap(), &mut Silent).unwrap();
    assert_eq!(prediction.mask.data, read_label(&mask).unwrap().data);
}

#[test]
fn a_dry_run_says_the_plan_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    let mut listener = Listener::default();
    let dry = medseg_train::RunRequest { dry_run: true, ..request(tiny(Experiment::TwoStage), &data, &out) };
    assert_eq!(crate::support::run_observed(&dry, &mut listener).unwrap(), RunOutcome::Planned);
    let text = listener.messages.join("\n");
    for part in ["train: 4", "validation: 1", "left out: 1", "3 epochs of 4 steps", "stage coarse", "windows", "MiB"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!out.exists());
}

#[test]
fn a_runs_config_json_repeats_it() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    let config = tiny(Experiment::OneStage);
    run(&request(config.clone(), &data, &out)).unwrap();
    assert_eq!(ExperimentConfig::read(&out.join("config.json")).unwrap(), config);
}

#[test]
fn an_empty_coarse_mask_searches_the_whole_volume_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    let mut config = tiny(Experiment::TwoStage);
    // A network that has learnt next to nothing from an image without contrast predicts either everything or nothing.
    config.data.preprocessing.intensity = medseg_transforms::Intensity::Window { low: 5000.0, high: 6000.0 };
    let summary = finished(&request(config, &data, &out), &mut Silent);
    let coarse = fs::read_to_string(out.join("metrics.csv")).unwrap();
    let volume: f64 = coarse.lines().nth(1).unwrap().split(',').nth(9).unwrap().parse().unwrap();
    assert_eq!(summary.roi_fallbacks, Some(usize::from(volume == 0.0)), "{coarse}");
}

#[test]
fn cases_whose_box_grew_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    let mut config = tiny(Experiment::TwoStage);
    config.cascade.growth = Some(medseg_inference::Growth::default());
    (config.cascade.coarse_margin, config.cascade.margin_mm) = (Dhw::splat(0), 0.0);
    // A coarse network that finds the organ, and a fine one that has learnt next to nothing and marks what it sees.
    let coarse = config.coarse.as_mut().unwrap();
    let network = coarse.network.as_unet_mut().unwrap();
    (network.channels, network.dropout, coarse.epochs) = (vec![4, 8, 16], 0.0, 40);
    coarse.optimizer.lr = 0.03;
    let mut listener = Listener::default();
    let request = request(config, &data, &out);
    let summary = finished(&request, &mut listener);
    let grew = listener.messages.iter().filter(|text| text.contains("which grew")).count();
    assert_eq!((summary.roi_grown_cases, grew), (Some(1), 1), "{:?}", listener.messages);
}

#[test]
fn two_organs_are_both_kept_where_the_labels_have_two() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    let largest_only =
        |out: &Path| ExperimentConfig::read(&out.join("config.json")).unwrap().cleaning == Cleaning::LargestOfEachLabel;
    let mut fitted = request(tiny(Experiment::OneStage), &data, &out);
    fitted.fit.components = true;
    run(&fitted).unwrap();
    assert!(largest_only(&out));
    let path = data.join("label/phantom_001.nii.gz");
    let mut label = read_label(&path).unwrap();
    // The foreground's lower and upper half, with a gap between them.
    let slices: Vec<usize> =
        label.data.outer_iter().enumerate().filter(|(_, s)| s.iter().any(|v| *v > 0)).map(|(z, _)| z).collect();
    label.data.slice_mut(ndarray::s![slices[slices.len() / 2], .., ..]).fill(0);
    write_label(&path, &label).unwrap();
    run(&fitted).unwrap();
    assert!(!largest_only(&out));
}
