//! Spaces of coordinates in files.

/// The directions that coordinates grow in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Space {
    /// x to the patient's right, y to the front, z to the head: NIfTI's space.
    #[default]
    Ras,
    /// x to the patient's left, y to the back, z to the head: the space of DICOM, ITK and files of 3D Slicer.
    Lps,
}

impl Space {
    /// The coordinates of a place in RAS millimetres. Both spaces are right-handed, so triangles keep their direction.
    pub(crate) fn of_ras(self, [x, y, z]: [f64; 3]) -> [f32; 3] {
        // `0.0 -` instead of a sign, so that no coordinate is -0.
        let place = match self {
            Self::Ras => [x, y, z],
            Self::Lps => [0.0 - x, 0.0 - y, z],
        };
        place.map(|value| value as f32 + 0.0)
    }
}
