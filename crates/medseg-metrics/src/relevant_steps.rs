//! Steps between voxels that decide which of them are nearest, on a grid of any angles.

use crate::oblique_frame::ObliqueFrame;

/// Rounds of the reduction. Each shortens the steps; grids of scans take a few.
const ROUNDS: usize = 1000;

/// Products of steps below this share of their lengths count as 0.
const ROUNDING: f64 = 1e-12;

/// A step between voxels along depth, height and width.
pub(crate) type Step = [i64; 3];

/// The Voronoi-relevant vectors of a grid, 14 steps, some perhaps of no effect; `None` for a grid too flat to reduce.
///
/// Whatever the difference of two voxels, one of these steps brings the first nearer to the second. So the voxel of a
/// mask nearest to one outside has a neighbour, across one of these steps, that is not in the mask. On perpendicular axes
/// the faces' neighbours would do. Found by Selling's reduction (Conway and Sloane, 1992).
pub(crate) fn relevant_steps(frame: &ObliqueFrame) -> Option<[Step; 14]> {
    let product = |a: Step, b: Step| {
        let [a, b] = [a, b].map(|step| frame.millimetres(step.map(|n| n as f64)));
        let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        (dot(a, b), ROUNDING * (dot(a, a) * dot(b, b)).sqrt())
    };
    // Four steps that sum to 0; reduced once no two of them are at an acute angle.
    let mut steps: [Step; 4] = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]];
    for _ in 0..ROUNDS {
        let acute = |&(a, b): &(usize, usize)| {
            let (product, rounding) = product(steps[a], steps[b]);
            product > rounding
        };
        let Some((a, b)) = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)].into_iter().find(acute) else {
            let [a, b, c, d] = steps;
            let half = [a, b, c, d, sum(a, b), sum(a, c), sum(b, c)];
            return Some(std::array::from_fn(|i| if i < 7 { half[i] } else { half[i - 7].map(|n| -n) }));
        };
        let turned = steps[a];
        for other in (0..4).filter(|other| ![a, b].contains(other)) {
            steps[other] = sum(steps[other], turned);
        }
        steps[a] = turned.map(|n| -n);
    }
    None
}

fn sum(a: Step, b: Step) -> Step {
    std::array::from_fn(|axis| a[axis].saturating_add(b[axis]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_step_brings_any_two_voxels_nearer() {
        for vectors in [
            [[0.0, 1.4, 3.0], [0.0, 2.0, 0.0], [2.0, 0.0, 0.0]],
            [[0.0, 9.0, 1.0], [0.0, 0.7, 0.0], [0.7, 0.0, 0.0]],
            [[1.0, 2.0, -0.5], [-0.3, 1.1, 0.4], [2.0, 0.1, 1.9]],
            [[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]],
        ] {
            let frame = ObliqueFrame::new(vectors);
            let steps = relevant_steps(&frame).unwrap();
            let length = |step: Step| frame.millimetres(step.map(|n| n as f64)).iter().map(|x| x * x).sum::<f64>();
            for index in 0..21_i64.pow(3) {
                let apart = [index / 441 - 10, index / 21 % 21 - 10, index % 21 - 10];
                let nearer = steps.iter().any(|step| length(sum(apart, *step)) < length(apart) - 1e-9);
                assert!(nearer || apart == [0; 3], "{vectors:?}: {apart:?}");
            }
        }
    }
}
