//! The nearest of many voxels on a grid of any angles.

use crate::oblique_frame::ObliqueFrame;

/// Voxels of a leaf, at most.
const LEAF: usize = 8;

/// Halves with more voxels than this are built by two threads.
const PARALLEL: usize = 4096;

/// A box may be this share nearer than it seems, by the rounding of places far from the first voxel.
const ROUNDING: f64 = 1.0 - 1e-9;

/// A k-d tree over voxels (Bentley, 1975), halved along the longest edge of their box in mm.
///
/// Every node has the box of its voxels; a search skips the boxes that lie farther than the nearest voxel so far. The
/// distances are exact, up to rounding in `f64`, and depend on no order. Takes 36 bytes a voxel or less.
pub(crate) struct KdTree {
    frame: ObliqueFrame,
    /// In the order of the leaves.
    voxels: Vec<[u32; 3]>,
    /// A node, the nodes of its first half, those of its second half.
    boxes: Vec<Bounds>,
    levels: u32,
}

/// A box in mm in the frame's coordinates.
#[derive(Clone, Copy)]
struct Bounds {
    low: [f64; 3],
    high: [f64; 3],
}

impl KdTree {
    /// A tree over voxels `[d, h, w]`, at least one.
    pub fn new(mut voxels: Vec<[u32; 3]>, frame: ObliqueFrame) -> Self {
        let levels = voxels.len().div_ceil(LEAF).next_power_of_two().trailing_zeros();
        let mut boxes = vec![Bounds::NOTHING; (2 << levels) - 1];
        build(&mut voxels, &mut boxes, &frame);
        Self { frame, voxels, boxes, levels }
    }

    /// Squared distances in mm² from voxels to the nearest one of the tree; quickest if each lies near the one before.
    pub fn squared_distances(&self, from: impl Iterator<Item = [u32; 3]>) -> impl Iterator<Item = f64> {
        let mut nearest = self.voxels[0];
        from.map(move |voxel| {
            let place = self.frame.millimetres(voxel.map(f64::from));
            let squared = self.frame.squared_distance(voxel, nearest);
            let mut search = Search { tree: self, voxel, place, nearest, squared };
            search.visit(0, self.levels, &self.voxels);
            nearest = search.nearest;
            search.squared
        })
    }
}

/// Sorts `voxels` into the leaves of a subtree and fills its boxes.
fn build(voxels: &mut [[u32; 3]], boxes: &mut [Bounds], frame: &ObliqueFrame) {
    let place = |voxel: &[u32; 3]| frame.millimetres(voxel.map(f64::from));
    let bounds = voxels.iter().fold(Bounds::NOTHING, |bounds, voxel| bounds.with(place(voxel)));
    let Some((own, below)) = boxes.split_first_mut() else { return };
    *own = bounds;
    if below.is_empty() || voxels.is_empty() {
        return;
    }
    let axis = bounds.longest_axis();
    let middle = voxels.len() / 2;
    voxels.select_nth_unstable_by(middle, |a, b| place(a)[axis].total_cmp(&place(b)[axis]));
    let (first, second) = voxels.split_at_mut(middle);
    let (first_boxes, second_boxes) = below.split_at_mut(below.len() / 2);
    if second.len() > PARALLEL {
        rayon::join(|| build(first, first_boxes, frame), || build(second, second_boxes, frame));
    } else {
        build(first, first_boxes, frame);
        build(second, second_boxes, frame);
    }
}

impl Bounds {
    const NOTHING: Self = Self { low: [f64::INFINITY; 3], high: [f64::NEG_INFINITY; 3] };

    fn with(self, place: [f64; 3]) -> Self {
        Self {
            low: std::array::from_fn(|i| self.low[i].min(place[i])),
            high: std::array::from_fn(|i| self.high[i].max(place[i])),
        }
    }

    fn longest_axis(&self) -> usize {
        let edge = |axis: &usize| self.high[*axis] - self.low[*axis];
        (0..3).max_by(|a, b| edge(a).total_cmp(&edge(b))).unwrap_or(0)
    }

    /// The square of the distance from a place to the box, 0 inside.
    fn squared_distance(&self, place: [f64; 3]) -> f64 {
        let outside = |axis: usize| (self.low[axis] - place[axis]).max(place[axis] - self.high[axis]).max(0.0);
        (0..3).map(|axis| outside(axis).powi(2)).sum()
    }
}

/// A voxel, and the nearest of the tree so far.
struct Search<'a> {
    tree: &'a KdTree,
    voxel: [u32; 3],
    place: [f64; 3],
    nearest: [u32; 3],
    squared: f64,
}

impl Search<'_> {
    /// Looks through the subtree at `node` with so many `levels` below it.
    fn visit(&mut self, node: usize, levels: u32, voxels: &[[u32; 3]]) {
        if levels == 0 {
            for &voxel in voxels {
                let squared = self.tree.frame.squared_distance(self.voxel, voxel);
                if squared < self.squared {
                    (self.nearest, self.squared) = (voxel, squared);
                }
            }
            return;
        }
        let (first, second) = voxels.split_at(voxels.len() / 2);
        let halves = [(node + 1, first), (node + (1 << levels), second)];
        let [near, far] = halves.map(|(node, voxels)| (self.lower_bound(node), node, voxels));
        let (near, far) = if far.0 < near.0 { (far, near) } else { (near, far) };
        for (bound, node, voxels) in [near, far] {
            if bound < self.squared {
                self.visit(node, levels - 1, voxels);
            }
        }
    }

    fn lower_bound(&self, node: usize) -> f64 {
        self.tree.boxes[node].squared_distance(self.place) * ROUNDING
    }
}
