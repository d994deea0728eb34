//! Nearest features among the columns around a voxel.

use crate::depth_steps::{DepthSteps, NO_FEATURE};

/// About how many columns around a voxel are known by their distance.
const COLUMNS: f64 = 2048.0;

/// The columns (along the depth axis) around a voxel, nearest first.
pub(crate) struct NearColumns {
    /// Steps in height and width, and their squared length in mm².
    offsets: Vec<(isize, isize, f64)>,
    /// Every column up to here, in mm², is among them.
    reach: f64,
    depth_spacing: f64,
}

impl NearColumns {
    pub fn new([depth_spacing, height_spacing, width_spacing]: [f64; 3]) -> Self {
        let reach = COLUMNS * height_spacing * width_spacing / std::f64::consts::PI;
        // A very flat grid has that many columns along one axis alone.
        let steps = |spacing: f64| (reach.sqrt() / spacing).min(COLUMNS) as isize;
        let [height, width] = [steps(height_spacing), steps(width_spacing)];
        let reach = reach
            .min((height as f64 + 0.5).powi(2) * height_spacing.powi(2))
            .min((width as f64 + 0.5).powi(2) * width_spacing.powi(2));
        let mut offsets: Vec<(isize, isize, f64)> = (-height..=height)
            .flat_map(|h| (-width..=width).map(move |w| (h, w)))
            .map(|(h, w)| (h, w, (h as f64 * height_spacing).powi(2) + (w as f64 * width_spacing).powi(2)))
            .filter(|offset| offset.2 <= reach)
            .collect();
        offsets.sort_by(|a, b| a.2.total_cmp(&b.2));
        Self { offsets, reach, depth_spacing }
    }

    /// Squared distance in mm² from a voxel `[d, h, w]` to the nearest feature; `None` if it is not certain to lie within
    /// the columns, or if `budget`, the number of columns left to look at, runs out.
    pub fn squared_distance(&self, columns: &DepthSteps, [d, h, w]: [usize; 3], budget: &mut usize) -> Option<f64> {
        let [_, height, width] = columns.dims;
        let mut nearest = f64::INFINITY;
        for (looks, &(dh, dw, squared)) in self.offsets.iter().enumerate() {
            if squared >= nearest {
                *budget = budget.saturating_sub(looks);
                return Some(nearest);
            }
            if looks >= *budget {
                *budget = 0;
                return None;
            }
            let (row, column) = (h.wrapping_add_signed(dh), w.wrapping_add_signed(dw));
            if row >= height || column >= width {
                continue;
            }
            let steps = columns.row(d, row)[column];
            if steps != NO_FEATURE {
                nearest = nearest.min((f64::from(steps) * self.depth_spacing).powi(2) + squared);
            }
        }
        *budget = budget.saturating_sub(self.offsets.len());
        (nearest <= self.reach).then_some(nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_in_order_and_none_within_reach_is_missing() {
        for spacing in [[2.5, 0.8, 0.8], [1.0, 3.0, 0.1], [1.0, 1e-3, 40.0]] {
            let near = NearColumns::new(spacing);
            assert!(near.offsets.is_sorted_by(|a, b| a.2 <= b.2));
            assert_eq!((near.offsets[0].0, near.offsets[0].1), (0, 0));
            let side = |axis: usize| (near.reach.sqrt() / spacing[axis]).floor() as isize;
            let expected: usize = (-side(1)..=side(1))
                .map(|h| {
                    let left = near.reach - (h as f64 * spacing[1]).powi(2);
                    2 * (left.max(0.0).sqrt() / spacing[2]).floor() as usize + 1
                })
                .sum();
            assert!(near.offsets.len().abs_diff(expected) <= 4, "{spacing:?}: {} of {expected}", near.offsets.len());
            assert!(near.offsets.len() < 3 * COLUMNS as usize);
        }
    }

    #[test]
    fn a_feature_that_may_be_beaten_from_beyond_the_reach_is_not_taken() {
        // The only feature of the voxel's own column is far away, others could be nearer.
        let mut features = vec![0; 200];
        features[199] = 1;
        let columns = DepthSteps::new(&features, [200, 1, 1]);
        let near = NearColumns::new([10.0, 1.0, 1.0]);
        assert_eq!(near.squared_distance(&columns, [0, 0, 0], &mut 10_000), None);
        assert_eq!(near.squared_distance(&columns, [198, 0, 0], &mut 10_000), Some(100.0));
        let mut budget = 0;
        assert_eq!(near.squared_distance(&columns, [199, 0, 0], &mut budget), None);
    }
}
