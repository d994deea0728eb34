//! Connected components of masks.

use ndarray::{Array3, ArrayView3, Axis, parallel::prelude::*};
use serde::{Deserialize, Serialize};

/// Which voxels touch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connectivity {
    /// A common face: 6 neighbours.
    Face,
    /// A common edge: 18 neighbours.
    Edge,
    /// A common corner: 26 neighbours, MONAI's default.
    #[default]
    Vertex,
}

impl Connectivity {
    /// Number of axes along which neighbours may differ.
    fn most_steps(self) -> usize {
        match self {
            Self::Face => 1,
            Self::Edge => 2,
            Self::Vertex => 3,
        }
    }
}

/// The components of a mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    /// 0 for background, else the component's number from 1 in C order of first voxels.
    pub labels: Array3<u32>,
    /// Voxels of component n at index n - 1.
    pub sizes: Vec<usize>,
}

/// A run of foreground voxels in one row.
#[derive(Clone, Copy)]
struct Run {
    start: u32,
    end: u32,
}

/// The runs of all rows with their union-find forest.
struct RunGraph {
    runs: Vec<Run>,
    /// First run of each row, and the number of runs at the end.
    rows: Vec<usize>,
    parent: Vec<u32>,
}

/// Numbers the components of the voxels that are not 0. Works on runs of a row, so that a solid organ costs little.
#[must_use]
pub fn label_components(mask: &ArrayView3<'_, u8>, connectivity: Connectivity) -> Components {
    let (d, h, w) = mask.dim();
    let mut graph = RunGraph::new(mask);
    graph.unite(d, h, connectivity);
    let (numbers, sizes) = graph.number();
    let mut labels = Array3::zeros((d, h, w));
    labels.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(z, mut plane)| {
        for (y, mut row) in plane.outer_iter_mut().enumerate() {
            let row_runs = graph.rows[z * h + y]..graph.rows[z * h + y + 1];
            for (run, number) in graph.runs[row_runs.clone()].iter().zip(&numbers[row_runs]) {
                row.slice_mut(ndarray::s![run.start as usize..run.end as usize]).fill(*number);
            }
        }
    });
    Components { labels, sizes }
}

impl RunGraph {
    fn new(mask: &ArrayView3<'_, u8>) -> Self {
        let of_plane = |plane: ndarray::ArrayView2<'_, u8>| {
            plane.outer_iter().map(|row| row_runs(row.iter().copied())).collect::<Vec<_>>()
        };
        let planes: Vec<Vec<Vec<Run>>> = mask.axis_iter(Axis(0)).into_par_iter().map(of_plane).collect();
        let (mut runs, mut rows) = (Vec::new(), vec![0]);
        for row in planes.into_iter().flatten() {
            runs.extend(row);
            rows.push(runs.len());
        }
        let parent = (0..runs.len() as u32).collect();
        Self { runs, rows, parent }
    }

    /// Joins the runs of neighbouring rows that touch.
    fn unite(&mut self, d: usize, h: usize, connectivity: Connectivity) {
        let most = connectivity.most_steps();
        for (z, y) in (0..d).flat_map(|z| (0..h).map(move |y| (z, y))) {
            // The rows before this one in C order; the others will find this one.
            for (dz, dy) in [(0, -1), (-1, -1), (-1, 0), (-1, 1)] {
                let steps = usize::from(dz != 0) + usize::from(dy != 0);
                let (Some(nz), Some(ny)) = (z.checked_add_signed(dz), y.checked_add_signed(dy)) else { continue };
                if steps <= most && ny < h {
                    // One more step along the row is allowed if the connectivity has it left.
                    self.unite_rows(z * h + y, nz * h + ny, u32::from(steps < most));
                }
            }
        }
    }

    fn unite_rows(&mut self, a: usize, b: usize, reach: u32) {
        let (mut i, mut j) = (self.rows[a], self.rows[b]);
        while i < self.rows[a + 1] && j < self.rows[b + 1] {
            let (p, q) = (self.runs[i], self.runs[j]);
            if p.start < q.end + reach && q.start < p.end + reach {
                self.join(i as u32, j as u32);
            }
            if p.end < q.end { i += 1 } else { j += 1 }
        }
    }

    fn root(&mut self, mut n: u32) -> u32 {
        while self.parent[n as usize] != n {
            let above = self.parent[self.parent[n as usize] as usize];
            self.parent[n as usize] = above;
            n = above;
        }
        n
    }

    /// The smaller root becomes the common one, so that a component's root is its first run.
    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b) as usize] = a.min(b);
    }

    /// Every run's component number, and the components' sizes.
    fn number(&mut self) -> (Vec<u32>, Vec<usize>) {
        let mut numbers = vec![0u32; self.runs.len()];
        let mut sizes = Vec::new();
        for n in 0..self.runs.len() {
            let root = self.root(n as u32) as usize;
            if root == n {
                sizes.push(0);
                numbers[n] = sizes.len() as u32;
            }
            numbers[n] = numbers[root];
            sizes[numbers[n] as usize - 1] += (self.runs[n].end - self.runs[n].start) as usize;
        }
        (numbers, sizes)
    }
}

fn row_runs(row: impl Iterator<Item = u8>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut inside = false;
    for (x, value) in row.enumerate() {
        let x = x as u32;
        match (value != 0, inside) {
            (true, false) => runs.push(Run { start: x, end: x + 1 }),
            (true, true) => {
                if let Some(run) = runs.last_mut() {
                    run.end = x + 1;
                }
            }
            _ => {}
        }
        inside = value != 0;
    }
    runs
}

/// Sets every voxel outside the largest component to 0. Of equal ones the last in C order stays, as in MONAI's
/// `KeepLargestConnectedComponent`.
pub fn keep_largest(mask: &mut Array3<u8>, connectivity: Connectivity) {
    let components = label_components(&mask.view(), connectivity);
    let largest = components.sizes.iter().enumerate().max_by_key(|(_, size)| **size).map_or(0, |(n, _)| n as u32 + 1);
    keep_where(mask, &components.labels, |number| number == largest);
}

/// Sets the components of fewer than `least` voxels to 0.
pub fn remove_small_objects(mask: &mut Array3<u8>, least: usize, connectivity: Connectivity) {
    let components = label_components(&mask.view(), connectivity);
    keep_where(mask, &components.labels, |number| components.sizes[number as usize - 1] >= least);
}

fn keep_where(mask: &mut Array3<u8>, labels: &Array3<u32>, keep: impl Fn(u32) -> bool + Sync + Send) {
    ndarray::Zip::from(mask).and(labels).par_for_each(|value, &number| {
        if number != 0 && !keep(number) {
            *value = 0;
        }
    });
}

/// Sets background that is enclosed on all sides to 1: every background component, by the connectivity of the
/// background, that does not touch the volume's border.
pub fn fill_holes(mask: &mut Array3<u8>, connectivity: Connectivity) {
    let background = mask.mapv(|v| u8::from(v == 0));
    let components = label_components(&background.view(), connectivity);
    let mut open = vec![false; components.sizes.len() + 1];
    for axis in 0..3 {
        let last = components.labels.len_of(Axis(axis)).saturating_sub(1);
        if components.labels.is_empty() {
            return;
        }
        for side in [0, last] {
            components.labels.index_axis(Axis(axis), side).iter().for_each(|n| open[*n as usize] = true);
        }
    }
    ndarray::Zip::from(mask).and(&components.labels).par_for_each(|value, &number| {
        if number != 0 && !open[number as usize] {
            *value = 1;
        }
    });
}
