//! `report.html` of folders made by hand: what is in the files and nothing else, whatever the files hold.

use std::fs;
use std::path::Path;

use medseg_report::{Picture, write_report};
use medseg_volume::{Dhw, Geometry, Volume, write_image, write_label};
use ndarray::Array3;

const HEADER: &str =
    "case,stage,class,dice,iou,hd95_mm,assd_mm,surface_dice,volume_ml_reference,volume_ml_predicted,seconds";

/// A finished two-stage run of three cases: a good one, one that the coarse stage missed, one without foreground; the
/// last one's name is markup.
fn write_run(folder: &Path, experiment: &str, fine_dice: [f64; 2]) {
    let final_stage = if experiment == "two_stage" { "fine" } else { "one_stage" };
    let [good, bad] = fine_dice;
    let mut metrics = format!("{HEADER}\n");
    if experiment == "two_stage" {
        metrics += "good,coarse,,0.800000,0.666667,5.0,1.0,0.7,100,90,0.5\n\"bad, too\",coarse,,0.000000,0.000000,inf,inf,0.0,100,0,0.5\n";
    }
    metrics += &format!("good,{final_stage},,{good},0.8,2.0,0.5,0.9,100,99,0.5\n");
    metrics += &format!("\"bad, too\",{final_stage},,{bad},0.3,20.0,5.0,0.4,100,50,0.5\n");
    metrics += &format!("<script>alert(1)</script>,{final_stage},,nan,nan,nan,nan,nan,0,0,0.5\n");
    let stage = serde_json::json!({
        "cases": 3, "cases_without_reference": 1, "dice_mean": (good + bad) / 2.0, "dice_ci95": [bad, good],
        "best_validation_dice": 0.8, "best_epoch": 2, "epochs": 2, "seconds_train": 100.0, "seconds_predict": 3.0,
        "peak_memory_bytes": 3_u64 << 30
    });
    let mut summary = serde_json::json!({ "experiment": experiment, "stages": { final_stage: stage } });
    let config = serde_json::json!({
        "medseg": "0.1.0", "burn": "0", "device": "<b>cpu</b>", "data": "d",
        "settings": { "seed": 7, "coarse": { "epochs": 2 }, "fine": { "epochs": 2, "network": { "dropout": 0.125 } } }
    });
    let mut stages = vec![final_stage];
    if experiment == "two_stage" {
        summary["stages"]["coarse"] = summary["stages"]["fine"].clone();
        (summary["coarse_missed_cases"], summary["roi_fallbacks"]) = (1.into(), 2.into());
        summary["roi_grown_cases"] = 2.into();
        stages.push("coarse");
    }
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("metrics.csv", &metrics);
    write("summary.json", &summary.to_string());
    write("config.json", &config.to_string());
    write("split.json", r#"{"train": ["t"], "validation": ["v"], "unused": ["good", "bad, too"]}"#);
    write("warnings.txt", "case <i>x</i>: no voxel counts\ncase <i>x</i>: no voxel counts\n");
    for stage in stages {
        write(&format!("{stage}/history.csv"), "epoch,lr,loss,validation_dice,new\n1,1e-2,0.9,,5\n2,5e-3,nan,0.8,6\n");
    }
    fs::create_dir_all(folder.join("overlays")).unwrap();
    for case in ["good", "bad, too"] {
        fs::write(folder.join(format!("overlays/{case}.png")), Picture::filled(3, 1, [9; 3]).png().unwrap()).unwrap();
    }
}

/// The page of a two-stage run, compared with a one-stage run if told so.
fn page(compare: bool) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (run, other) = (dir.path().join("two"), dir.path().join("one"));
    write_run(&run, "two_stage", [0.9, 0.5]);
    write_run(&other, "one_stage", [0.85, 0.55]);
    let path = write_report(&run, compare.then_some(other.as_path())).unwrap();
    assert_eq!(path, run.join("report.html"));
    fs::read_to_string(path).unwrap()
}

#[test]
fn text_from_files_stays_text_and_nothing_is_loaded_from_elsewhere() {
    let page = page(true);
    for markup in ["<script>alert", "<b>cpu", "<i>x"] {
        assert!(!page.contains(markup), "{markup} came through");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for outside in ["src=\"", "href=", "@import", "url(http"] {
        assert!(!page.contains(outside), "{outside} loads something");
    }
    assert_eq!(page.matches("<script>").count(), 1, "the sorting");
}

#[test]
fn undefined_and_infinite_scores_failures_and_warnings_are_said() {
    let page = page(false);
    assert!(page.contains("<td>n/a</td>") && page.contains("<td>∞</td>"));
    let without_script = page.replace("isNaN", "").to_lowercase();
    assert!(!without_script.contains("nan") && !page.contains("<td>inf"));
    assert!(page.contains("The coarse stage missed the organ in 1 case(s): bad, too."));
    assert!(page.contains("The mask reached a face of the coarse box, which grew, in 2 case(s)."));
    // One of the two was searched for another reason.
    let searched =
        "The whole volume was searched instead of a box in 2 case(s); the coarse mask was empty in: bad, too.";
    assert!(page.contains(searched));
    assert_eq!(page.matches("case &lt;i&gt;x&lt;/i&gt;: no voxel counts").count(), 1, "each warning once");
    assert!(page.contains("1 of 3 cases have no foreground in the reference"));
    assert!(page.contains("over 2 held-out cases") && page.contains("3.00 GiB"));
    assert!(page.contains("network.dropout") && page.contains("0.125"));
}

#[test]
fn the_best_and_the_worst_case_are_those_and_cases_without_a_dice_are_neither() {
    let page = page(false);
    assert!(page.contains("<b>best: good</b>") && page.contains("<b>worst: bad, too</b>"));
    assert_eq!(page.matches("data:image/png;base64,").count(), 2);
}

#[test]
fn a_case_of_which_nothing_was_found_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), "one_stage", [0.9, 0.0]);
    let page = fs::read_to_string(write_report(dir.path(), None).unwrap()).unwrap();
    assert!(page.contains("Nothing of the foreground was found in 1 case(s): bad, too."));
}

#[test]
fn the_labels_of_a_run_of_several_are_told_apart_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), "two_stage", [0.9, 0.5]);
    let edit = |file: &str, change: &dyn Fn(String) -> String| {
        let path = dir.path().join(file);
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    };
    let rows = "good,fine,3,0.95,0.8,2.0,0.5,0.9,60,60,0.5\ngood,fine,7,0.85,0.8,2.0,0.5,0.9,40,39,0.5\n\
                \"bad, too\",fine,3,1.0,1.0,0.0,0.0,1.0,50,50,0.5\n\"bad, too\",fine,7,0.0,0.0,inf,inf,0.0,50,0,0.5\n";
    edit("metrics.csv", &|text| text + rows);
    edit("summary.json", &|text| {
        let mut summary: serde_json::Value = serde_json::from_str(&text).unwrap();
        summary["stages"]["fine"]["class_dice_mean"] = serde_json::json!({ "3": 0.975, "7": 0.425 });
        summary.to_string()
    });
    let page = fs::read_to_string(write_report(dir.path(), None).unwrap()).unwrap();
    let section = |id: &str| page.split(&format!("id=\"{id}\"")).nth(1).unwrap().split("</section>").next().unwrap();
    assert!(page.contains("each the mean of its labels (label 3 0.975, label 7 0.425)"));
    assert!(page.contains("Nothing of label 7 was found in 1 case(s): bad, too."));
    assert!(!page.contains("Nothing of label 3") && !page.contains("fine:7"));
    let row = section("results").split("two-stage, label 7</th>").nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(row.contains("<td>Dice</td><td>2 of 2</td><td>0.425</td>"), "{row}");
    // The stage's own row is the mean over the cases, whose labels do not count twice.
    let row = section("results").split("two-stage</th>").nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(row.contains("<td>Dice</td><td>2 of 3</td><td>0.700</td>"), "{row}");
    let boxes = section("distributions");
    assert!(boxes.contains("label 3") && boxes.contains("label 7"));
    let cases = section("cases");
    assert!(cases.contains("label</") && cases.contains("<td>mean</td>") && cases.contains("<td>7</td>"));
    // Compared are the cases, not their labels.
    assert!(section("stages").contains("<td>2 of 2</td>"));
    // A table of the version before the column `class`, in which a stage's name held its class.
    edit("metrics.csv", &|text| {
        let text = text.replace("stage,class,", "stage,").replace("fine,,", "fine,").replace("coarse,,", "coarse,");
        text.replace("fine,3,", "fine:3,").replace("fine,7,", "fine:7,")
    });
    assert!(fs::read_to_string(write_report(dir.path(), None).unwrap()).unwrap() == page);
}

#[test]
fn two_runs_are_compared_case_by_case() {
    let page = page(true);
    let section = page.split("id=\"comparison\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(section.contains("two-stage against one-stage"));
    // 0.9 - 0.85 and 0.5 - 0.55: one better, one worse, no difference in the mean; the third has no Dice in either.
    let row = section.split("<th scope=\"row\">Dice</th>").nth(1).unwrap().split("</tr>").next().unwrap();
    for cell in ["2 of 3", "0.7000", "−0.0500 to 0.0500", "1 / 1"] {
        assert!(row.contains(&format!("<td>{cell}</td>")), "{cell} is not in {row}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), "one_stage", [0.9, 0.5]);
    let error = |file: &str, text: &str| {
        let path = dir.path().join(file);
        let old = fs::read(&path).unwrap();
        fs::write(&path, text).unwrap();
        let error = write_report(dir.path(), None).unwrap_err().to_string();
        fs::write(&path, old).unwrap();
        error
    };
    for (file, text) in [
        ("summary.json", "{"),
        ("config.json", ""),
        ("metrics.csv", "case,stage,class,dice\na,fine,x\n"),
        ("one_stage/history.csv", "epoch,lr\nx,1\n"),
    ] {
        let message = error(file, text);
        assert!(message.contains(file), "{message} does not name {file}");
    }
    write_report(dir.path(), None).unwrap();
    fs::remove_file(dir.path().join("split.json")).unwrap();
    assert!(write_report(dir.path(), None).unwrap_err().to_string().contains("split.json"));
}

/// Puts an image, a reference and a mask of each case where the run's data are.
fn write_volumes(run: &Path, cases: &[&str]) {
    let geometry = Geometry::from_spacing(Dhw { d: 3.0, h: 1.0, w: 1.0 }).unwrap();
    let image = Volume::new(Array3::from_shape_fn((8, 9, 10), |(z, y, x)| (z + y * x) as f32), geometry);
    for folder in ["d/image", "d/label", "predictions"] {
        fs::create_dir_all(run.join(folder)).unwrap();
    }
    for case in cases {
        write_image(run.join(format!("d/image/{case}.nii.gz")), &image).unwrap();
        write_label(run.join(format!("d/label/{case}.nii.gz")), &image.map_data(|v| u8::from(*v > 9.0) * 6)).unwrap();
        write_label(run.join(format!("predictions/{case}.nii.gz")), &image.map_data(|v| u8::from(*v > 12.0))).unwrap();
    }
}

#[test]
fn the_best_and_the_worst_case_have_a_viewer_where_their_files_are() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), "two_stage", [0.9, 0.5]);
    write_volumes(dir.path(), &["good", "bad, too"]);
    let page = fs::read_to_string(write_report(dir.path(), None).unwrap()).unwrap();
    for (rank, case) in [("best", "good"), ("worst", "bad, too")] {
        let link = format!("<a href=\"viewers/{rank}.html\">");
        assert_eq!(page.matches(&link).count(), 1, "{link}");
        let viewer = fs::read_to_string(dir.path().join(format!("viewers/{rank}.html"))).unwrap();
        assert!(viewer.contains(&format!("<title>{case}</title>")) && viewer.len() < 12 << 20);
        assert!(!viewer.contains(dir.path().to_str().unwrap()));
        let settings = viewer.split("id=\"settings\">").nth(1).unwrap().split("</script>").next().unwrap();
        let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
        let masks: Vec<_> = settings["masks"].as_array().unwrap().iter().map(|m| (&m["name"], &m["labels"])).collect();
        // The reference's only class is 1 in masks, whatever its value in the data.
        let one = serde_json::json!([1]);
        assert_eq!(masks, [(&serde_json::json!("reference"), &one), (&serde_json::json!("prediction"), &one)]);
    }
    // The median of two is the best. A case whose mask is gone loses its page, and its link.
    assert_eq!(fs::read_dir(dir.path().join("viewers")).unwrap().count(), 2);
    fs::remove_file(dir.path().join("predictions/good.nii.gz")).unwrap();
    fs::write(dir.path().join("d/label/bad, too.nii.gz"), "no volume").unwrap();
    let page = fs::read_to_string(write_report(dir.path(), None).unwrap()).unwrap();
    assert!(!page.contains("viewers/best.html") && page.contains("viewers/worst.html"));
    assert_eq!(fs::read_dir(dir.path().join("viewers")).unwrap().count(), 1);
    let viewer = fs::read_to_string(dir.path().join("viewers/worst.html")).unwrap();
    assert!(!viewer.contains("\"reference\"") && viewer.contains("\"prediction\""));
}

#[test]
fn several_labels_of_a_reference_keep_their_values() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), "two_stage", [0.9, 0.5]);
    write_volumes(dir.path(), &["good"]);
    let path = dir.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    config["settings"]["data"] = serde_json::json!({ "labels": [6, 7] });
    fs::write(&path, config.to_string()).unwrap();
    write_report(dir.path(), None).unwrap();
    let viewer = fs::read_to_string(dir.path().join("viewers/best.html")).unwrap();
    assert!(viewer.contains(r#"{"name":"reference","colour":[64,156,255],"labels":[6],"names":{}}"#));
}
