//! Values along the axes x, y and z.

use medseg_volume::Dhw;
use pyo3::prelude::*;

/// One value for all axes, or one for each of x, y and z.
#[derive(Clone, Copy, Debug, FromPyObject)]
pub enum OneOrThree<T> {
    One(T),
    Three((T, T, T)),
}

impl<T: Copy> OneOrThree<T> {
    /// The values along x, y and z.
    pub fn xyz(self) -> [T; 3] {
        match self {
            Self::One(value) => [value; 3],
            Self::Three((x, y, z)) => [x, y, z],
        }
    }

    /// The values along depth, height and width.
    pub fn dhw(self) -> Dhw<T> {
        let [x, y, z] = self.xyz();
        Dhw { d: z, h: y, w: x }
    }
}

/// Values along depth, height and width as Python has them.
pub fn three<T>(Dhw { d, h, w }: Dhw<T>) -> (T, T, T) {
    (w, h, d)
}
