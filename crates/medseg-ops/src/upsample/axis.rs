//! Where the voxels of a doubled axis lie between those of the original one.

/// A voxel of the doubled axis: `(1 - weight) * input[low] + weight * input[high]`, `high` being `low + 1` or, at the
/// end of the axis, `low` itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Source {
    pub(crate) low: usize,
    pub(crate) high: usize,
    pub(crate) weight: f32,
}

/// The sources of the `2 side` voxels of a doubled axis.
pub(crate) fn sources(side: usize, align_corners: bool) -> Vec<Source> {
    assert!(side > 0, "upsample_trilinear2x: a side is 0");
    (0..2 * side)
        .map(|output| {
            let position = if align_corners {
                (output * (side - 1)) as f64 / (2 * side - 1) as f64
            } else {
                ((output as f64 + 0.5) / 2.0 - 0.5).max(0.0)
            };
            let low = (position as usize).min(side - 1);
            Source { low, high: (low + 1).min(side - 1), weight: (position - low as f64) as f32 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_coincide_when_aligned() {
        for side in 1..20 {
            let axis = sources(side, true);
            assert_eq!(axis[0], Source { low: 0, high: 1.min(side - 1), weight: 0.0 });
            let last = axis[2 * side - 1];
            assert_eq!(last.low, side - 1);
            assert_eq!(last.weight, 0.0);
        }
    }

    #[test]
    fn quarters_when_not_aligned() {
        let axis = sources(3, false);
        let weights: Vec<f32> = axis.iter().map(|s| s.weight).collect();
        let lows: Vec<usize> = axis.iter().map(|s| s.low).collect();
        assert_eq!(weights, [0.0, 0.25, 0.75, 0.25, 0.75, 0.25]);
        assert_eq!(lows, [0, 0, 0, 1, 1, 2]);
    }
}
