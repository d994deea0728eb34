//! Division of the output into regions.

/// Whole rows of some planes of one sample.
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

    /// Its positions in rows of this width.
    pub fn positions(&self, width: usize) -> usize {
        self.size[0] * self.size[1] * width
    }

    /// The first voxel of the region's rows in each plane; they follow one another.
    pub fn planes(&self, [_, height, width]: [usize; 3]) -> impl Iterator<Item = usize> {
        let [z, y] = self.first;
        (z..z + self.size[0]).map(move |z| (z * height + y) * width)
    }

    /// True if all its voxels follow one another.
    pub fn consecutive(&self, [_, height, _]: [usize; 3]) -> bool {
        self.size[0] == 1 || self.size[1] == height
    }
}

/// Planes and rows of a region of up to `most` positions, at least one row, for windows that reach `reach` and step
/// `stride` input voxels along depth and height: those that cost the least for each position. If `joined`, vectors of so
/// many values reach over the ends of rows, and the last ones are partly empty.
pub(crate) fn region_size(
    [depth, height, width]: [usize; 3],
    most: usize,
    reach: [usize; 2],
    stride: [usize; 2],
    joined: Option<usize>,
) -> [usize; 2] {
    let mut best = (f64::INFINITY, [1, 1]);
    for planes in 1..=depth.min((most / width).max(1)) {
        let rows = (most / (planes * width)).clamp(1, height);
        // As even as the number of regions allows, so that none is much smaller than the others.
        let even = |size: usize, at_once: usize| size.div_ceil(size.div_ceil(at_once));
        let size = [even(depth, planes), even(height, rows)];
        let read = |axis: usize| (size[axis] * stride[axis] + reach[axis]) as f64 / (size[axis] * stride[axis]) as f64;
        let positions = size[0] * size[1] * width;
        // As shares of the products' time: storing what is read, loading the weights; then the vectors' empty values, or the
        // time to write short runs to many places.
        let cost = match joined {
            Some(lanes) => {
                let filled = positions.next_multiple_of(lanes) as f64 / positions as f64;
                read(0) * read(1) * filled * filled * (1.0 + 8.0 / positions as f64)
            }
            None => 0.2 * read(0) * read(1) + 16.0 / (size[1] * width) as f64 + 8.0 / positions as f64,
        };
        if cost < best.0 {
            best = (cost, size);
        }
    }
    best.1
}
