//! Division of the output into regions.

/// Whole rows of planes of one sample, consecutive in memory: some rows of one plane, or all rows of some planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub sample: usize,
    /// First plane and row.
    pub first: [usize; 2],
    /// Planes and rows.
    pub size: [usize; 2],
}

impl Region {
    /// All regions of a batch of volumes, in order; each of this size, or what is left.
    pub fn all(batch: usize, [depth, height, _]: [usize; 3], [planes, rows]: [usize; 2]) -> Vec<Self> {
        let mut regions = Vec::new();
        for sample in 0..batch {
            for z in (0..depth).step_by(planes) {
                for y in (0..height).step_by(rows) {
                    let size = [planes.min(depth - z), rows.min(height - y)];
                    regions.push(Self { sample, first: [z, y], size });
                }
            }
        }
        regions
    }

    /// Positions, and the first one's place in the volume.
    pub fn positions(&self, [_, height, width]: [usize; 3]) -> (usize, usize) {
        let [planes, rows] = self.size;
        (planes * rows * width, (self.first[0] * height + self.first[1]) * width)
    }
}

/// Planes and rows of a region with up to `most` positions, at least one row; of those from half of that on the one that
/// leaves the fewest vectors of `lanes` values partly empty.
pub(crate) fn region_size([depth, height, width]: [usize; 3], most: usize, lanes: usize) -> [usize; 2] {
    // `count` units of `unit` positions, up to `fitting` of them to a region.
    let best = |unit: usize, count: usize, fitting: usize| {
        let vectors = |at_once: usize| {
            let of = |units: usize| (units * unit).div_ceil(lanes);
            count / at_once * of(at_once) + of(count % at_once)
        };
        // As even as the number of regions allows, so that none is much smaller than the others.
        let even = |at_once: usize| count.div_ceil(count.div_ceil(at_once));
        (fitting.div_ceil(2)..=fitting).rev().map(even).min_by_key(|at_once| vectors(*at_once)).unwrap_or(1)
    };
    let rows = (most / width).clamp(1, height);
    if rows < height {
        return [1, best(width, height, rows)];
    }
    let planes = (most / (height * width)).clamp(1, depth);
    [best(height * width, depth, planes), height]
}
