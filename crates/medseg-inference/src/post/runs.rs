//! The components of a label map, all labels at once, as runs of equal voxels along the rows.

use std::ops::Range;

use medseg_transforms::Connectivity;
use ndarray::{Array3, Axis, parallel::prelude::*};

/// Equal voxels of one row: `start..end`, of this label.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub start: u32,
    pub end: u32,
    pub label: u8,
}

/// A connected component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub label: u8,
    /// Voxels.
    pub size: usize,
}

/// The runs of a map's rows and the component that each belongs to; components are numbered in C order of their first voxels.
pub(super) struct LabelRuns {
    shape: (usize, usize, usize),
    runs: Vec<Run>,
    /// First run of each row, and the number of runs at the end.
    rows: Vec<usize>,
    /// Of every run.
    numbers: Vec<u32>,
    components: Vec<Component>,
}

impl LabelRuns {
    /// The runs of every label other than 0.
    pub fn of(mask: &Array3<u8>, connectivity: Connectivity) -> Self {
        Self::build(mask, connectivity, |label| label != 0)
    }

    /// The runs of 0.
    pub fn of_background(mask: &Array3<u8>, connectivity: Connectivity) -> Self {
        Self::build(mask, connectivity, |label| label == 0)
    }

    fn build(mask: &Array3<u8>, connectivity: Connectivity, wanted: impl Fn(u8) -> bool + Sync) -> Self {
        let of_plane = |plane: ndarray::ArrayView2<'_, u8>| {
            let (mut runs, mut ends) = (Vec::new(), Vec::with_capacity(plane.nrows()));
            for row in plane.outer_iter() {
                match row.as_slice() {
                    Some(row) => push_runs(row, &wanted, &mut runs),
                    None => push_runs(&row.to_vec(), &wanted, &mut runs),
                }
                ends.push(runs.len());
            }
            (runs, ends)
        };
        let planes: Vec<_> = mask.axis_iter(Axis(0)).into_par_iter().map(of_plane).collect();
        let (mut runs, mut rows) = (Vec::with_capacity(planes.iter().map(|p| p.0.len()).sum()), vec![0]);
        for (plane, ends) in planes {
            rows.extend(ends.into_iter().map(|end| runs.len() + end));
            runs.extend(plane);
        }
        let mut forest = Forest { parent: (0..runs.len() as u32).collect() };
        let (d, h, _) = mask.dim();
        forest.unite(&runs, &rows, (d, h), connectivity);
        let (numbers, components) = forest.number(&runs);
        Self { shape: mask.dim(), runs, rows, numbers, components }
    }

    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// Every run with its place (depth, height) and its component's number.
    pub fn iter(&self) -> impl Iterator<Item = ((usize, usize), Run, usize)> + '_ {
        let height = self.shape.1;
        let row_runs = move |row: usize| self.rows[row]..self.rows[row + 1];
        (0..self.rows.len() - 1).flat_map(move |row| {
            let place = (row / height, row % height);
            row_runs(row).map(move |n| (place, self.runs[n], self.numbers[n] as usize))
        })
    }

    /// Sets the components of which `unwanted` is true to 0.
    pub fn remove(&self, mask: &mut Array3<u8>, unwanted: &dyn Fn(Component) -> bool) {
        let removed: Vec<bool> = self.components.iter().map(|component| unwanted(*component)).collect();
        self.remove_numbered(mask, &removed);
    }

    /// Sets the components whose number is `removed` to 0.
    pub fn remove_numbered(&self, mask: &mut Array3<u8>, removed: &[bool]) {
        self.relabel(mask, &removed.iter().map(|removed| removed.then_some(0)).collect::<Vec<_>>());
    }

    /// Gives every component for which there is one its new label.
    pub fn relabel(&self, mask: &mut Array3<u8>, new: &[Option<u8>]) {
        if new.iter().all(Option::is_none) {
            return;
        }
        let height = self.shape.1;
        mask.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(z, mut plane)| {
            for (y, mut row) in plane.outer_iter_mut().enumerate() {
                for n in self.row(z * height + y) {
                    if let Some(label) = new[self.numbers[n] as usize] {
                        let run = self.runs[n];
                        row.slice_mut(ndarray::s![run.start as usize..run.end as usize]).fill(label);
                    }
                }
            }
        });
    }

    fn row(&self, row: usize) -> Range<usize> {
        self.rows[row]..self.rows[row + 1]
    }
}

/// Appends the wanted runs of a row.
fn push_runs(row: &[u8], wanted: impl Fn(u8) -> bool, runs: &mut Vec<Run>) {
    let mut start = 0;
    while let Some(&label) = row.get(start) {
        let end = start + equal_at_start(&row[start..], label);
        if wanted(label) {
            runs.push(Run { start: start as u32, end: end as u32, label });
        }
        start = end;
    }
}

/// How many voxels from the first one on have this label: sixteen at a time, then one by one.
fn equal_at_start(row: &[u8], label: u8) -> usize {
    const WIDE: usize = 16;
    let wide = row.chunks_exact(WIDE).take_while(|chunk| **chunk == [label; WIDE]).count() * WIDE;
    wide + row[wide..].iter().take_while(|voxel| **voxel == label).count()
}

/// Which runs are connected, by union and find.
struct Forest {
    parent: Vec<u32>,
}

impl Forest {
    /// Joins the runs of neighbouring rows that touch and have the same label.
    fn unite(&mut self, runs: &[Run], rows: &[usize], (d, h): (usize, usize), connectivity: Connectivity) {
        let most = match connectivity {
            Connectivity::Face => 1,
            Connectivity::Edge => 2,
            Connectivity::Vertex => 3,
        };
        for (z, y) in (0..d).flat_map(|z| (0..h).map(move |y| (z, y))) {
            let row = rows[z * h + y]..rows[z * h + y + 1];
            if row.is_empty() {
                continue;
            }
            // The rows before this one in C order; the others will find this one.
            for (dz, dy) in [(0, -1), (-1, -1), (-1, 0), (-1, 1)] {
                let steps = usize::from(dz != 0) + usize::from(dy != 0);
                let (Some(nz), Some(ny)) = (z.checked_add_signed(dz), y.checked_add_signed(dy)) else { continue };
                if steps <= most && ny < h {
                    let neighbour = rows[nz * h + ny]..rows[nz * h + ny + 1];
                    // One more step along the row is allowed if the connectivity has it left.
                    self.unite_rows(runs, row.clone(), neighbour, u32::from(steps < most));
                }
            }
        }
    }

    fn unite_rows(&mut self, runs: &[Run], mut a: Range<usize>, mut b: Range<usize>, reach: u32) {
        while !a.is_empty() && !b.is_empty() {
            let (p, q) = (runs[a.start], runs[b.start]);
            self.join_if_touching(runs, a.start, b.start, reach);
            if p.end < q.end {
                a.start += 1;
            } else if q.end < p.end {
                b.start += 1;
            } else {
                // Both may touch the other row's next run at a corner.
                if b.len() > 1 {
                    self.join_if_touching(runs, a.start, b.start + 1, reach);
                }
                if a.len() > 1 {
                    self.join_if_touching(runs, a.start + 1, b.start, reach);
                }
                a.start += 1;
                b.start += 1;
            }
        }
    }

    fn join_if_touching(&mut self, runs: &[Run], a: usize, b: usize, reach: u32) {
        let (p, q) = (runs[a], runs[b]);
        if p.label == q.label && p.start < q.end + reach && q.start < p.end + reach {
            // The smaller root becomes the common one, so that a component's root is its first run.
            let (a, b) = (self.root(a as u32), self.root(b as u32));
            self.parent[a.max(b) as usize] = a.min(b);
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

    /// Every run's component, and the components.
    fn number(&mut self, runs: &[Run]) -> (Vec<u32>, Vec<Component>) {
        let mut numbers = vec![0_u32; runs.len()];
        let mut components: Vec<Component> = Vec::new();
        for (n, run) in runs.iter().enumerate() {
            let root = self.root(n as u32) as usize;
            if root == n {
                numbers[n] = components.len() as u32;
                components.push(Component { label: run.label, size: 0 });
            } else {
                numbers[n] = numbers[root];
            }
            components[numbers[n] as usize].size += (run.end - run.start) as usize;
        }
        (numbers, components)
    }
}
