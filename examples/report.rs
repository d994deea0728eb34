//! The report of a run from its files: epochs and masks made up here, and the curves, pictures and page made of them.
//!
//! `cargo run --example report -- DIR` keeps the run's folder in DIR.

use std::error::Error;
use std::path::PathBuf;

use medseg::metrics::CaseMetrics;
use medseg::phantom::PhantomConfig;
use medseg::report::{
    CaseRow, EpochRecord, RunFolder, RunSummary, StageSummary, display_window, overlay, write_report,
};

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let run = RunFolder::new(std::env::args().nth(1).map_or_else(|| temporary.path().join("run"), PathBuf::from));
    let stage = run.stage("one_stage");
    std::fs::create_dir_all(stage.path())?;
    std::fs::create_dir_all(run.overlays())?;

    let epoch = |epoch: usize| EpochRecord {
        epoch,
        lr: 0.01,
        loss: 1.0 / epoch as f64,
        validation_dice: Some(1.0 - 0.5 / epoch as f64),
        ..EpochRecord::default()
    };
    stage.write_history(&(1..=12).map(epoch).collect::<Vec<_>>())?;

    // Three patients; the masks lack the first half of the slices.
    let phantoms = PhantomConfig { scale: 0.5, ..PhantomConfig::default() };
    let mut rows = Vec::new();
    for index in 0..3 {
        let (image, label) = phantoms.generate(index)?;
        let (image, reference) = (image.data.mapv(f32::from), label.data.mapv(|value| value.min(1)));
        let mut mask = reference.clone();
        mask.slice_mut(ndarray::s![..reference.dim().0 / 2, .., ..]).fill(0);
        let case = PhantomConfig::case_id(index);
        let metrics = CaseMetrics::evaluate(mask.view(), reference.view(), &label.geometry, 2.0)?;
        println!("{case}: Dice {:.3}", metrics.dice);
        let picture = overlay(&image, &mask, Some(&reference), &label.geometry, display_window(&image))?;
        std::fs::write(run.overlay(&case), picture.png()?)?;
        rows.push(CaseRow { case, stage: "one_stage".into(), class: None, metrics, seconds: 0.5 });
    }

    let summary = StageSummary { cases: rows.len(), epochs: 12, best_epoch: 12, ..StageSummary::default() };
    let stages = [("one_stage".to_string(), summary)].into();
    run.write_results(&rows, &RunSummary { experiment: "one_stage".into(), stages, ..RunSummary::default() })?;
    std::fs::write(run.config(), r#"{ "device": "cpu", "settings": { "seed": 0 } }"#)?;
    std::fs::write(run.split(), r#"{ "train": [], "validation": [], "unused": ["phantom_000"] }"#)?;
    println!("{}", write_report(run.path(), None)?.display());
    Ok(())
}
