//! Runs of equal voxels in the rows of a volume, and which of them touch.

use std::cmp::Ordering;

use ndarray::{Array3, ArrayView3, Axis, s};
use rayon::prelude::*;

use super::Connectivity;

/// A class for every label value, 0 for those that are left out; equal classes count as the same.
pub(super) type Classes = [u8; 256];

/// Everything but 0 is one class.
pub(super) fn foreground() -> Classes {
    std::array::from_fn(|value| u8::from(value != 0))
}

/// 0 is the only class.
pub(super) fn background() -> Classes {
    std::array::from_fn(|value| u8::from(value == 0))
}

/// Every value but 0 that is chosen is a class of its own.
pub(super) fn by_value(chosen: impl Fn(u8) -> bool) -> Classes {
    std::array::from_fn(|value| if value != 0 && chosen(value as u8) { value as u8 } else { 0 })
}

/// Voxels `start..end` of a row, of one class.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub start: u32,
    pub end: u32,
    pub class: u8,
}

/// The runs of all rows with their component's number.
pub(super) struct RunGraph {
    pub runs: Vec<Run>,
    /// First run of each row, and the number of runs at the end.
    rows: Vec<usize>,
    height: usize,
    /// Component of each run: they are numbered from 0 in C order of their first voxels.
    pub component: Vec<u32>,
    /// Voxels of each component.
    pub sizes: Vec<usize>,
}

impl RunGraph {
    pub fn new(labels: &ArrayView3<'_, u8>, classes: &Classes, connectivity: Connectivity) -> Self {
        let (depth, height, width) = labels.dim();
        assert!(u32::try_from(width).is_ok(), "a row of 2^32 voxels");
        let labels = labels.as_standard_layout();
        let of_plane = |plane: ndarray::ArrayView2<'_, u8>| {
            let (mut runs, mut ends) = (Vec::new(), Vec::with_capacity(height));
            for row in plane.outer_iter() {
                push_runs(row.as_slice().unwrap_or_default(), classes, &mut runs);
                ends.push(runs.len());
            }
            (runs, ends)
        };
        let planes: Vec<(Vec<Run>, Vec<usize>)> = labels.axis_iter(Axis(0)).into_par_iter().map(of_plane).collect();
        let count = planes.iter().map(|(runs, _)| runs.len()).sum();
        let (mut runs, mut rows) = (Vec::with_capacity(count), Vec::with_capacity(depth * height + 1));
        rows.push(0);
        for (plane, ends) in planes {
            let before = runs.len();
            rows.extend(ends.iter().map(|end| before + end));
            runs.extend(plane);
        }
        assert!(u32::try_from(runs.len()).is_ok(), "2^32 runs");
        let parents = Forest { runs: &runs, rows: &rows, height, most_steps: connectivity.most_steps() }.unite(depth);
        let (component, sizes) = number(&runs, &parents);
        Self { runs, rows, height, component, sizes }
    }

    /// The class of each component.
    pub fn classes(&self) -> Vec<u8> {
        let mut classes = vec![0; self.sizes.len()];
        self.runs.iter().zip(&self.component).for_each(|(run, component)| classes[*component as usize] = run.class);
        classes
    }

    /// The runs with their component, depth and height.
    pub fn placed(&self) -> impl Iterator<Item = (Run, u32, usize, usize)> {
        (0..self.rows.len() - 1).flat_map(move |row| {
            let runs = self.rows[row]..self.rows[row + 1];
            runs.map(move |n| (self.runs[n], self.component[n], row / self.height, row % self.height))
        })
    }

    /// Fills the runs whose component has a value with it.
    pub fn fill<T: Clone + Send + Sync>(&self, volume: &mut Array3<T>, value: impl Fn(u32) -> Option<T> + Sync) {
        volume.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(z, mut plane)| {
            for (y, mut row) in plane.outer_iter_mut().enumerate() {
                for n in self.rows[z * self.height + y]..self.rows[z * self.height + y + 1] {
                    if let Some(value) = value(self.component[n]) {
                        let run = self.runs[n];
                        row.slice_mut(s![run.start as usize..run.end as usize]).fill(value);
                    }
                }
            }
        });
    }
}

fn push_runs(row: &[u8], classes: &Classes, runs: &mut Vec<Run>) {
    let mut at = 0;
    let mut open: Option<Run> = None;
    while at < row.len() {
        let value = row[at];
        let end = end_of_equal(row, at);
        let class = classes[usize::from(value)];
        match &mut open {
            Some(run) if run.class == class => run.end = end as u32,
            _ => {
                runs.extend(open.take());
                open = (class != 0).then_some(Run { start: at as u32, end: end as u32, class });
            }
        }
        at = end;
    }
    runs.extend(open);
}

/// One past the last voxel that has the value of the one at `at` without another in between; eight voxels at a time.
fn end_of_equal(row: &[u8], at: usize) -> usize {
    let value = row[at];
    let (eights, _) = row[at..].as_chunks::<8>();
    let same = eights.iter().take_while(|eight| **eight == [value; 8]).count();
    let from = at + 8 * same;
    row[from..].iter().position(|v| *v != value).map_or(row.len(), |n| from + n)
}

/// Runs and what is needed to join those that touch.
struct Forest<'a> {
    runs: &'a [Run],
    rows: &'a [usize],
    height: usize,
    most_steps: usize,
}

/// Planes that one thread joins at a time. The result is the same for any number: the first run of a component is its root.
const SLAB: usize = 16;

impl Forest<'_> {
    /// Parents of runs: first within slabs on all threads, then across their borders.
    fn unite(&self, depth: usize) -> Vec<u32> {
        let mut parents: Vec<u32> = (0..self.runs.len() as u32).collect();
        let mut slabs = Vec::new();
        let mut rest = parents.as_mut_slice();
        for from in (0..depth).step_by(SLAB) {
            let to = (from + SLAB).min(depth);
            let first = self.rows[from * self.height];
            let (slab, after) = rest.split_at_mut(self.rows[to * self.height] - first);
            slabs.push((from..to, first, slab));
            rest = after;
        }
        slabs.into_par_iter().for_each(|(planes, first, parents)| {
            let mut tree = Tree { first, parents };
            for z in planes.clone() {
                self.unite_plane(&mut tree, z, z > planes.start, true);
            }
        });
        let mut tree = Tree { first: 0, parents: &mut parents };
        (SLAB..depth).step_by(SLAB).for_each(|z| self.unite_plane(&mut tree, z, true, false));
        parents
    }

    /// Joins the runs of a plane with those of the plane before, and with each other.
    fn unite_plane(&self, tree: &mut Tree<'_>, z: usize, before: bool, within: bool) {
        for y in 0..self.height {
            // The rows before this one in C order; the others will find this one.
            for (dz, dy) in [(0, -1), (-1, -1), (-1, 0), (-1, 1)] {
                let steps = usize::from(dz != 0) + usize::from(dy != 0);
                let wanted = if dz == 0 { within } else { before };
                let (Some(nz), Some(ny)) = (z.checked_add_signed(dz), y.checked_add_signed(dy)) else { continue };
                if wanted && steps <= self.most_steps && ny < self.height {
                    // One more step along the row is allowed if the connectivity has it left.
                    let reach = u32::from(steps < self.most_steps);
                    self.unite_rows(tree, z * self.height + y, nz * self.height + ny, reach);
                }
            }
        }
    }

    fn unite_rows(&self, tree: &mut Tree<'_>, a: usize, b: usize, reach: u32) {
        let (mut i, mut j) = (self.rows[a], self.rows[b]);
        let (last_a, last_b) = (self.rows[a + 1], self.rows[b + 1]);
        let mut touch = |i: usize, j: usize| {
            let (p, q) = (self.runs[i], self.runs[j]);
            if p.class == q.class && p.start < q.end + reach && q.start < p.end + reach {
                tree.join(i, j);
            }
        };
        while i < last_a && j < last_b {
            touch(i, j);
            match self.runs[i].end.cmp(&self.runs[j].end) {
                Ordering::Less => i += 1,
                Ordering::Greater => j += 1,
                // Runs of other classes may follow at once, and touch across: (i, j + 1) comes next, (i + 1, j) would not.
                Ordering::Equal => {
                    if i + 1 < last_a {
                        touch(i + 1, j);
                    }
                    j += 1;
                }
            }
        }
    }
}

/// Union-find over the runs from `first` on; a root is its own parent.
struct Tree<'a> {
    first: usize,
    parents: &'a mut [u32],
}

impl Tree<'_> {
    fn root(&mut self, run: usize) -> usize {
        let mut n = run - self.first;
        while self.parents[n] as usize != n + self.first {
            let above = self.parents[self.parents[n] as usize - self.first];
            self.parents[n] = above;
            n = above as usize - self.first;
        }
        n + self.first
    }

    /// The smaller root becomes the common one.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b) - self.first] = a.min(b) as u32;
    }
}

/// Every run's component, and the components' sizes.
fn number(runs: &[Run], parents: &[u32]) -> (Vec<u32>, Vec<usize>) {
    let mut component = vec![0u32; runs.len()];
    let mut sizes = Vec::new();
    for (n, run) in runs.iter().enumerate() {
        // Parents come before their children, so the parent's number is known.
        component[n] = match parents[n] as usize {
            parent if parent == n => {
                sizes.push(0);
                sizes.len() as u32 - 1
            }
            parent => component[parent],
        };
        sizes[component[n] as usize] += (run.end - run.start) as usize;
    }
    (component, sizes)
}
