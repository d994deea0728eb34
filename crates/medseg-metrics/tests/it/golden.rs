//! The stored results of the reference implementation (MONAI): every file in `tests/golden` is one case.

use medseg_metrics::{ClassDice, Dhw, DistanceMetric, EmptyPolicy, MetricReduction, SurfaceDistances, reduce};
use medseg_testing::Golden;
use ndarray::{Array5, ArrayView4, Axis};
use serde_json::Value;

/// A case of a metric.
struct Case(Golden);

impl Case {
    fn all(op: &str) -> Vec<Self> {
        Golden::all(op).into_iter().map(Self).collect()
    }

    fn params(&self) -> &Value {
        &self.0.params
    }

    fn mask(&self, name: &str) -> Array5<u8> {
        let values = self.0.tensor(name);
        Array5::from_shape_vec(values.dims::<5>(), values.u8()).unwrap()
    }

    fn check(&self, name: &str, got: &[f64]) {
        self.0.check(name, got.iter().copied());
    }

    fn check_reduction(&self, prefix: &str, reduction: MetricReduction, rows: &[Vec<f64>], count: &str) {
        let reduced = reduce(rows, reduction).unwrap();
        self.check(prefix, &reduced.values);
        let counts: Vec<f64> = reduced.counts.iter().map(|&n| n as f64).collect();
        self.check(count, &counts);
    }
}

#[test]
fn dice_metric_equals_the_reference() {
    let reductions = [
        ("none", MetricReduction::None),
        ("mean", MetricReduction::Mean),
        ("sum", MetricReduction::Sum),
        ("mean_batch", MetricReduction::MeanBatch),
        ("sum_batch", MetricReduction::SumBatch),
        ("mean_channel", MetricReduction::MeanChannel),
        ("sum_channel", MetricReduction::SumChannel),
    ];
    for golden in Case::all("dice_metric") {
        let params = golden.params();
        let metric = ClassDice {
            include_background: params["include_background"].as_bool().unwrap(),
            num_classes: params["num_classes"].as_u64().map(|n| n as usize),
            empty: if params["ignore_empty"].as_bool().unwrap() {
                EmptyPolicy::SkipEmptyReference
            } else {
                EmptyPolicy::ScoreAll
            },
        };
        let (predicted, reference) = (golden.mask("y_pred"), golden.mask("y"));
        let rows: Vec<Vec<f64>> =
            predicted.outer_iter().zip(reference.outer_iter()).map(|(p, r)| metric.evaluate(p, r).unwrap()).collect();
        golden.check("expected", &rows.concat());
        for (name, reduction) in reductions {
            let (value, count) = (format!("agg_{name}"), format!("not_nans_{name}"));
            golden.check_reduction(&value, reduction, &rows, &count);
        }
    }
}

#[test]
fn surface_metrics_equal_the_reference() {
    for golden in Case::all("surface_metrics") {
        let params = golden.params();
        for (i, setting) in params["hausdorff"].as_array().unwrap().iter().enumerate() {
            // The reference reads percentile 0 as "none".
            let percentile = setting["percentile"].as_f64().filter(|p| *p != 0.0);
            let rows = surface_rows(&golden, setting, |d| match (percentile, setting["directed"].as_bool().unwrap()) {
                (None, false) => d.hausdorff(),
                (None, true) => d.hausdorff_directed(),
                (Some(percentile), false) => d.hd(percentile).unwrap(),
                (Some(percentile), true) => d.hd_directed(percentile).unwrap(),
            });
            check_rows(&golden, &format!("hd_{i}"), &rows);
        }
        for (i, setting) in params["average_surface_distance"].as_array().unwrap().iter().enumerate() {
            let symmetric = setting["symmetric"].as_bool().unwrap();
            let rows = surface_rows(&golden, setting, |d| if symmetric { d.assd() } else { d.asd() });
            check_rows(&golden, &format!("asd_{i}"), &rows);
        }
    }
}

fn check_rows(golden: &Case, name: &str, rows: &[Vec<f64>]) {
    golden.check(name, &rows.concat());
    if golden.0.has(&format!("{name}_agg_mean")) {
        let (value, count) = (format!("{name}_agg_mean"), format!("{name}_not_nans"));
        golden.check_reduction(&value, MetricReduction::Mean, rows, &count);
    }
}

/// One score for each case and class.
fn surface_rows(golden: &Case, setting: &Value, score: impl Fn(&SurfaceDistances) -> f64) -> Vec<Vec<f64>> {
    let spacing = spacing_of(&golden.params()["spacing"]);
    let metric: DistanceMetric = serde_json::from_value(setting["distance_metric"].clone()).unwrap();
    let background = setting["include_background"].as_bool().unwrap();
    let first = |channels: &ArrayView4<u8>| usize::from(!background && channels.len_of(Axis(0)) > 1);
    let (predicted, reference) = (golden.mask("y_pred"), golden.mask("y"));
    let cases = predicted.outer_iter().zip(reference.outer_iter());
    cases
        .map(|(p, r)| {
            let classes = first(&p)..p.len_of(Axis(0));
            classes
                .map(|c| {
                    let (p, r) = (p.index_axis(Axis(0), c), r.index_axis(Axis(0), c));
                    score(&SurfaceDistances::with_metric(p, r, spacing, metric).unwrap())
                })
                .collect()
        })
        .collect()
}

fn spacing_of(value: &Value) -> Dhw<f64> {
    match value {
        Value::Null => Dhw::splat(1.0),
        Value::Array(mm) => Dhw::from(std::array::from_fn(|axis| mm[axis].as_f64().unwrap())),
        number => Dhw::splat(number.as_f64().unwrap()),
    }
}
