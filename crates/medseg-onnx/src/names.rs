//! Names of a model's tensors.

use std::collections::BTreeSet;

/// Names that are taken.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    /// Takes a name, or the name with the first free number behind it.
    pub fn take(&mut self, wish: &str) -> String {
        let mut name = wish.to_owned();
        let mut number = 1;
        while !self.0.insert(name.clone()) {
            number += 1;
            name = format!("{wish}_{number}");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn a_taken_name_gets_a_number() {
        let mut names = Names::default();
        let taken = ["a", "a", "a_2", "b", "a"].map(|wish| names.take(wish));
        assert_eq!(taken, ["a", "a_2", "a_2_2", "b", "a_3"]);
    }
}
