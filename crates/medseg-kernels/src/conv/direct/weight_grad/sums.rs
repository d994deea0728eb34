//! Sums in two precisions.

use crate::memory::Buffer;

/// Positions whose products are summed in f32.
pub(super) const IN_SINGLE: usize = 4096;

/// Sums in f32 that are added up in f64 now and then.
pub(super) struct Sums {
    /// In no particular state as long as no position was summed.
    single: Buffer,
    /// Empty as long as nothing was added up.
    double: Vec<f64>,
    /// Positions summed in f32.
    positions: usize,
}

impl Sums {
    pub fn new(len: usize) -> Self {
        Self { single: Buffer::new(len), double: Vec::new(), positions: 0 }
    }

    /// Sums for the products of so many further positions, and true if they are to be added to what is there.
    pub fn single(&mut self, positions: usize) -> (&mut [f32], bool) {
        if self.positions + positions > IN_SINGLE {
            self.add_up();
        }
        let add = self.positions > 0;
        self.positions += positions;
        (&mut self.single, add)
    }

    /// These sums and those of the next part.
    pub fn added(mut self, mut next: Self) -> Self {
        self.add_up();
        next.add_up();
        self.double.iter_mut().zip(&next.double).for_each(|(total, sum)| *total += sum);
        self
    }

    /// Writes sums `step` apart from `first`.
    pub fn write(&self, first: usize, step: usize, to: &mut [f32]) {
        let at = (first..).step_by(step).take(to.len());
        match (self.double.is_empty(), step) {
            (true, 1) => to.copy_from_slice(&self.single[first..][..to.len()]),
            (true, _) => to.iter_mut().zip(at).for_each(|(to, at)| *to = self.single[at]),
            (false, _) => {
                let single = |at: usize| if self.positions > 0 { f64::from(self.single[at]) } else { 0.0 };
                to.iter_mut().zip(at).for_each(|(to, at)| *to = (self.double[at] + single(at)) as f32);
            }
        }
    }

    fn add_up(&mut self) {
        self.double.resize(self.single.len(), 0.0);
        if self.positions > 0 {
            self.double.iter_mut().zip(&*self.single).for_each(|(total, sum)| *total += f64::from(*sum));
        }
        self.positions = 0;
    }
}
