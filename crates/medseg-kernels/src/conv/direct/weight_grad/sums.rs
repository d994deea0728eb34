//! Sums in two precisions.

/// Positions whose products are summed in f32.
pub(super) const IN_SINGLE: usize = 4096;

/// Sums in f32 that are added up in f64 now and then.
pub(super) struct Sums {
    single: Vec<f32>,
    /// Empty as long as nothing was added up.
    double: Vec<f64>,
    /// Positions summed in f32.
    positions: usize,
}

impl Sums {
    pub fn new(len: usize) -> Self {
        Self { single: vec![0.0; len], double: Vec::new(), positions: 0 }
    }

    /// Sums to which the products of so many further positions may be added.
    pub fn single(&mut self, positions: usize) -> &mut [f32] {
        if self.positions + positions > IN_SINGLE {
            self.add_up();
        }
        self.positions += positions;
        &mut self.single
    }

    /// These sums and those of the next part.
    pub fn added(mut self, mut next: Self) -> Self {
        self.add_up();
        next.add_up();
        self.double.iter_mut().zip(&next.double).for_each(|(total, sum)| *total += sum);
        self
    }

    /// One of the sums.
    pub fn get(&self, at: usize) -> f32 {
        let total = self.double.get(at).copied().unwrap_or(0.0);
        (total + f64::from(self.single[at])) as f32
    }

    fn add_up(&mut self) {
        self.double.resize(self.single.len(), 0.0);
        self.double.iter_mut().zip(&mut self.single).for_each(|(total, sum)| *total += f64::from(std::mem::take(sum)));
        self.positions = 0;
    }
}
