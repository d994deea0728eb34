//! Two segmentation methods on the same cases: scores of each class, lesions, tables, and the difference between them.
//!
//! `cargo run -p medseg-metrics --example compare_methods`

use medseg_metrics::{
    CaseMetrics, Dhw, EmptyPolicy, LesionDetection, MetricsError, ScoreTable, lesion_detection_of_class,
};
use ndarray::Array3;

/// Values of the label maps.
const CLASSES: [(u8, &str); 2] = [(1, "organ"), (2, "lesion")];
const SPACING: Dhw<f64> = Dhw { d: 3.0, h: 0.8, w: 0.8 };
const TOLERANCE_MM: f64 = 2.0;

fn main() -> Result<(), MetricsError> {
    let mut tables = Vec::new();
    for (method, error) in [("careful", 1.0), ("hasty", 2.5)] {
        let mut table = ScoreTable::new(&["case", "class"], &CaseMetrics::NAMES)?;
        let mut lesions = LesionDetection::default();
        for case in 0..8 {
            let (reference, predicted) = (labels(case, 0.0), labels(case, error));
            let (predicted, reference) = (predicted.view(), reference.view());
            let values = CLASSES.map(|(value, _)| value);
            let empty = EmptyPolicy::default();
            let rows = CaseMetrics::evaluate_classes(predicted, reference, &values, SPACING, TOLERANCE_MM, empty)?;
            for (row, (_, class)) in rows.iter().zip(CLASSES) {
                table.push(&[&format!("case_{case}"), class], &row.values())?;
            }
            lesions = lesions + lesion_detection_of_class(predicted, reference, 2, 0.1)?;
        }
        println!("{method}: {} of {} lesions found, {} made up", lesions.tp, lesions.reference(), lesions.fp);
        for score in table.only("class", "organ")?.summarise(2000, 1) {
            let (low, high) = score.ci95.unwrap_or((f64::NAN, f64::NAN));
            println!("  {:28} {:8.3}   95 % [{low:.3}, {high:.3}]", score.score, score.summary.mean);
        }
        tables.push(table.only("class", "organ")?);
    }
    let difference = tables[0].compare(&tables[1], "case", "dice", 2000, 1)?;
    println!("Dice, careful less hasty: {:.3}, 95 % {:?}", difference.summary.mean, difference.ci95);
    print!("\n{}", tables[0].to_csv()?);
    Ok(())
}

/// An organ with two lesions; `error` shifts it and shrinks the lesions.
fn labels(case: u32, error: f64) -> Array3<u8> {
    let shift = error * (1.0 + f64::from(case % 3) / 4.0);
    let ball = |voxel: (usize, usize, usize), centre: [f64; 3], radius_mm: f64| {
        let offset = [voxel.0 as f64 - centre[0], voxel.1 as f64 - centre[1], voxel.2 as f64 - centre[2] - shift];
        offset.iter().zip(<[f64; 3]>::from(SPACING)).map(|(steps, mm)| (steps * mm).powi(2)).sum::<f64>()
            <= radius_mm.powi(2)
    };
    let organ_mm = 18.0 + f64::from(case);
    Array3::from_shape_fn((24, 72, 72), |voxel| {
        let lesion = ball(voxel, [12.0, 36.0, 30.0], 6.0 - error) || ball(voxel, [10.0, 26.0, 44.0], 2.4 - error);
        if lesion { 2 } else { u8::from(ball(voxel, [12.0, 36.0, 36.0], organ_mm)) }
    })
}
