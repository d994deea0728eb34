//! Connected components of 26 neighbours, from runs of foreground along the width.

/// The components of a mask, without a label for each voxel: rows are cut into runs, and runs that touch are joined.
pub(crate) struct Components {
    width: usize,
    runs: Vec<Run>,
    /// Union-find forest over the runs; a root is its own parent.
    parents: Vec<u32>,
}

/// Foreground voxels `start..end` of row `row` = depth index · height + height index.
struct Run {
    row: usize,
    start: usize,
    end: usize,
}

impl Components {
    /// Of bytes 0 and 1 in C order.
    pub fn of(mask: &[u8], [_, height, width]: [usize; 3]) -> Self {
        let mut components = Self { width, runs: Vec::new(), parents: Vec::new() };
        if mask.is_empty() {
            return components;
        }
        // Where the runs of each row begin; one more entry than rows.
        let mut first_run = vec![0];
        for (row, voxels) in mask.chunks_exact(width).enumerate() {
            components.push_runs(row, voxels);
            first_run.push(components.runs.len());
            for earlier in earlier_rows(row, height) {
                components.join_rows(first_run[earlier]..first_run[earlier + 1], first_run[row]..first_run[row + 1]);
            }
        }
        components
    }

    /// Voxels of each component, and how many of them are set in `other`; in order of the components' first voxels.
    pub fn sizes_and_overlaps(mut self, other: &[u8]) -> Vec<(u64, u64)> {
        let mut components: Vec<(u64, u64)> = Vec::new();
        let mut number_of_root = vec![u32::MAX; self.runs.len()];
        for index in 0..self.runs.len() {
            let number = &mut number_of_root[self.root(index as u32) as usize];
            if *number == u32::MAX {
                *number = components.len() as u32;
                components.push((0, 0));
            }
            let run = &self.runs[index];
            let covered = &other[run.row * self.width..][run.start..run.end];
            let component = &mut components[*number as usize];
            component.0 += (run.end - run.start) as u64;
            component.1 += covered.iter().map(|&v| u64::from(v)).sum::<u64>();
        }
        components
    }

    fn push_runs(&mut self, row: usize, voxels: &[u8]) {
        let mut from = 0;
        while let Some(start) = voxels[from..].iter().position(|&v| v != 0).map(|at| from + at) {
            let end = voxels[start..].iter().position(|&v| v == 0).map_or(voxels.len(), |at| start + at);
            self.parents.push(self.runs.len() as u32);
            self.runs.push(Run { row, start, end });
            from = end;
        }
    }

    /// Joins the runs of two neighbouring rows that touch, corners included.
    fn join_rows(&mut self, mut above: std::ops::Range<usize>, mut below: std::ops::Range<usize>) {
        while !above.is_empty() && !below.is_empty() {
            let (a, b) = (&self.runs[above.start], &self.runs[below.start]);
            let (a_end, b_end) = (a.end, b.end);
            if a.start <= b.end && b.start <= a.end {
                self.join(above.start as u32, below.start as u32);
            }
            if a_end <= b_end {
                above.start += 1;
            } else {
                below.start += 1;
            }
        }
    }

    /// The smaller root wins, so that a component is named after its first run.
    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }

    /// The root of a run's tree; halves the path on the way.
    fn root(&mut self, mut run: u32) -> u32 {
        while self.parents[run as usize] != run {
            self.parents[run as usize] = self.parents[self.parents[run as usize] as usize];
            run = self.parents[run as usize];
        }
        run
    }
}

/// The rows before `row` that have a voxel next to one of its voxels.
fn earlier_rows(row: usize, height: usize) -> impl Iterator<Item = usize> {
    let (d, h) = (row / height, row % height);
    let same_plane = (h > 0).then(|| row - 1);
    let plane_before = (d > 0).then(|| {
        let middle = row - height;
        middle - usize::from(h > 0)..=middle + usize::from(h + 1 < height)
    });
    same_plane.into_iter().chain(plane_before.into_iter().flatten())
}
