//! A part of a cohort, for one of several workers.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::CohortError;

/// Part `part` of `parts`, counted from 1.
///
/// A case belongs to a part by a hash of its id alone ([XXH3](https://xxhash.com), 64 bits, modulo the number of parts).
/// So it stays in its part when cases are added or removed, and no worker needs to know the others' cases. Parts of n
/// cases differ by about the square root of n. The series of one DICOM folder are in one part.
///
/// ```
/// use medseg_cohort::Part;
/// let parts: Vec<Part> = (1..=3).map(|part| Part::new(part, 3)).collect::<Result<_, _>>()?;
/// assert_eq!(parts.iter().filter(|part| part.holds("patient_7/ct")).count(), 1);
/// # Ok::<(), medseg_cohort::CohortError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    part: u32,
    parts: u32,
}

impl Part {
    /// Checks and makes a part.
    ///
    /// # Errors
    /// [`CohortError::Part`] unless `1 <= part <= parts`.
    pub fn new(part: u32, parts: u32) -> Result<Self, CohortError> {
        if part == 0 || part > parts {
            return Err(CohortError::Part { part, parts });
        }
        Ok(Self { part, parts })
    }

    /// True if the case of this id, or the DICOM folder of this id, belongs to the part.
    #[must_use]
    pub fn holds(self, id: &str) -> bool {
        xxh3_64(id.as_bytes()) % u64::from(self.parts) == u64::from(self.part - 1)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "part {} of {}", self.part, self.parts)
    }
}
