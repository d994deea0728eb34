//! Numbers for three axes.

use crate::BundleProblem;
use crate::config::{Component, Value, whole};

/// Three numbers in the opposite order: x, y, z to depth, height, width.
pub(crate) fn reversed<T>([x, y, z]: [T; 3]) -> [T; 3] {
    [z, y, x]
}

/// Arguments with a number or one for each axis.
pub(super) trait Triples {
    /// `3` or `[3, 3, 1]`, as `[depth, height, width]`.
    fn triple(&self, name: &str, value: &Value<'_>) -> Result<[usize; 3], BundleProblem>;

    /// A list of such numbers that must be there.
    fn triples(&mut self, name: &str, most: usize) -> Result<Vec<[usize; 3]>, BundleProblem>;

    /// One such number.
    fn triple_or(&mut self, name: &str, default: usize) -> Result<[usize; 3], BundleProblem>;
}

/// Largest kernel or stride.
const LARGEST: usize = 63;

impl Triples for Component<'_> {
    fn triple(&self, name: &str, value: &Value<'_>) -> Result<[usize; 3], BundleProblem> {
        let triple = match value {
            Value::List(values) if values.len() == 3 => {
                let numbers: Option<Vec<usize>> = values.iter().map(|value| whole(value, 1, LARGEST)).collect();
                numbers.map(|n| reversed([n[0], n[1], n[2]]))
            }
            value => whole(value, 1, LARGEST).map(|number| [number; 3]),
        };
        let expected = format!("a whole number from 1 to {LARGEST}, or one for each of three axes");
        triple.ok_or_else(|| BundleProblem::value(self.argument(name), expected))
    }

    fn triples(&mut self, name: &str, most: usize) -> Result<Vec<[usize; 3]>, BundleProblem> {
        match self.required(name)? {
            Value::List(values) if values.len() <= most => {
                values.iter().map(|value| self.triple(name, value)).collect()
            }
            _ => Err(BundleProblem::value(self.argument(name), format!("a list of up to {most} numbers or triples"))),
        }
    }

    fn triple_or(&mut self, name: &str, default: usize) -> Result<[usize; 3], BundleProblem> {
        match self.take(name)? {
            Some(value) => self.triple(name, &value),
            None => Ok([default; 3]),
        }
    }
}
