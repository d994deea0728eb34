//! New values of a file's label values.

use std::collections::BTreeMap;

use crate::{LabelChoice, ValueFault};

/// The voxel of every number that a label may be.
pub(crate) struct LabelTable {
    /// Of 0 to 255.
    inside: [Option<u8>; 256],
    /// Of other whole numbers.
    outside: BTreeMap<i32, u8>,
    /// Of whole numbers below 0 and above 255 that `outside` lacks.
    below: Option<u8>,
    above: Option<u8>,
}

impl LabelTable {
    pub fn new(choice: &LabelChoice) -> Self {
        let every = |value: fn(u8) -> Option<u8>| std::array::from_fn(|n| value(n as u8));
        match choice {
            LabelChoice::All => Self { inside: every(Some), outside: BTreeMap::new(), below: None, above: None },
            LabelChoice::Foreground => Self {
                inside: every(|n| Some(u8::from(n > 0))),
                outside: BTreeMap::new(),
                below: Some(0),
                above: Some(1),
            },
            LabelChoice::Mapped(to) => {
                let (mut inside, mut outside) = ([Some(0); 256], BTreeMap::new());
                for (old, new) in to {
                    match u8::try_from(*old) {
                        Ok(old) => inside[usize::from(old)] = Some(*new),
                        Err(_) => {
                            outside.insert(*old, *new);
                        }
                    }
                }
                Self { inside, outside, below: Some(0), above: Some(0) }
            }
        }
    }

    /// The voxel of a number; none for one that is not whole, or that this choice cannot take.
    pub fn of(&self, value: f64) -> Option<u8> {
        if (0.0..=255.0).contains(&value) {
            // Numbers in this range survive the way to u8 and back exactly if they are whole.
            let near = value as u8;
            return if f64::from(near) == value { self.inside[usize::from(near)] } else { None };
        }
        // Of infinity the fraction is NaN.
        if value.fract() != 0.0 {
            return None;
        }
        let known = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value);
        let named = if known { self.outside.get(&(value as i32)).copied() } else { None };
        named.or(if value < 0.0 { self.below } else { self.above })
    }

    /// The fault of a number without a voxel.
    pub fn fault(&self) -> ValueFault {
        if self.above.is_none() { ValueFault::NoU8 } else { ValueFault::NotWhole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_the_voxel_of_its_choice() {
        let mapped = LabelChoice::Mapped(BTreeMap::from([(1, 1), (2035, 7), (-1, 9)]));
        let voxels = |value: f64| {
            [&LabelChoice::All, &LabelChoice::Foreground, &mapped].map(|choice| LabelTable::new(choice).of(value))
        };
        for (value, want) in [
            (0.0, [Some(0), Some(0), Some(0)]),
            (-0.0, [Some(0), Some(0), Some(0)]),
            (1.0, [Some(1), Some(1), Some(1)]),
            (255.0, [Some(255), Some(1), Some(0)]),
            // 257 is 1 in eight bits, 2035 is 243.
            (257.0, [None, Some(1), Some(0)]),
            (2035.0, [None, Some(1), Some(7)]),
            (-1.0, [None, Some(0), Some(9)]),
            (-2.0, [None, Some(0), Some(0)]),
            (1e30, [None, Some(1), Some(0)]),
            (-1e30, [None, Some(0), Some(0)]),
            (0.5, [None; 3]),
            (255.5, [None; 3]),
            (-0.5, [None; 3]),
            (f64::NAN, [None; 3]),
            (f64::INFINITY, [None; 3]),
            (f64::NEG_INFINITY, [None; 3]),
        ] {
            assert_eq!(voxels(value), want, "{value}");
        }
    }
}
