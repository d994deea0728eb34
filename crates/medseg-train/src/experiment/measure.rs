//! The rows of the metrics table that one mask gives.

use medseg_metrics::{CaseMetrics, EmptyPolicy, VoxelGrid};
use medseg_report::CaseRow;
use ndarray::Array3;

use crate::TrainError;

/// Settings by which masks are measured.
pub(super) struct Measure<'a> {
    /// Label values of the classes, in their order; used where there are several.
    pub labels: &'a [u8],
    /// Places of the voxels.
    pub grid: VoxelGrid,
    /// Of the surface Dice, in mm.
    pub tolerance_mm: f64,
}

impl Measure<'_> {
    /// A mask of `classes` classes against a reference, both in label values. One class: one row, for which everything
    /// above 0 is inside. Several: a row named after the stage with the mean over the classes that the case has (volumes
    /// are added up), then a row for each.
    pub fn rows(
        &self,
        case: &str,
        stage: &str,
        seconds: f64,
        mask: &Array3<u8>,
        reference: &Array3<u8>,
        classes: usize,
    ) -> Result<Vec<CaseRow>, TrainError> {
        let row = |class, metrics| CaseRow { case: case.into(), stage: stage.into(), class, metrics, seconds };
        let (mask, reference, tolerance) = (mask.view(), reference.view(), self.tolerance_mm);
        if classes == 1 {
            let metrics = CaseMetrics::evaluate(mask, reference, self.grid, tolerance)?;
            return Ok(vec![row(None, metrics)]);
        }
        let empty = EmptyPolicy::default();
        let found = CaseMetrics::evaluate_classes(mask, reference, self.labels, self.grid, tolerance, empty)?;
        let mut rows = vec![row(None, CaseMetrics::mean_over_classes(&found))];
        for (metrics, label) in found.into_iter().zip(self.labels) {
            rows.push(row(Some(*label), metrics));
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use medseg_metrics::Dhw;

    use super::*;

    #[test]
    fn several_classes_give_their_mean_and_a_row_each() {
        let mask = ndarray::array![[[0_u8, 7, 4, 4]]];
        let reference = ndarray::array![[[0_u8, 7, 7, 4]]];
        let measure =
            Measure { labels: &[7, 4], grid: VoxelGrid::from(Dhw::from([1.0, 1.0, 10.0])), tolerance_mm: 1.0 };
        let rows = measure.rows("a", "fine", 1.0, &mask, &reference, 2).unwrap();
        assert!(rows.iter().all(|r| r.stage == "fine"));
        assert_eq!(rows.iter().map(|r| r.class).collect::<Vec<_>>(), [None, Some(7), Some(4)]);
        assert!(rows.iter().all(|r| (r.metrics.dice - 2.0 / 3.0).abs() < 1e-12));
        assert_eq!(rows[0].metrics.volume_ml_reference, 0.03);
        let rows = measure.rows("a", "fine", 1.0, &mask, &reference, 1).unwrap();
        assert_eq!((rows.len(), rows[0].metrics.dice), (1, 1.0));
    }
}
