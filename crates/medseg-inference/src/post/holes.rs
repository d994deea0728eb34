//! Background that labels enclose.

use std::collections::BTreeMap;

use medseg_transforms::Connectivity;
use ndarray::Array3;

use super::is_concerned;
use super::runs::{LabelRuns, Run};

/// Gives the holes that labels of `labels` (none: all) enclose the label that most of their faces touch.
pub(super) fn fill_holes(mask: &mut Array3<u8>, labels: &[u8]) {
    let background = LabelRuns::of_background(mask, Connectivity::Face);
    let mut open = vec![false; background.components().len()];
    for (place, run, number) in background.iter() {
        open[number] |= at_border(place, run, mask.dim());
    }
    let mut touched: BTreeMap<usize, BTreeMap<u8, usize>> = BTreeMap::new();
    for (place, run, number) in background.iter().filter(|(.., number)| !open[*number]) {
        let faces = touched.entry(number).or_default();
        for_each_neighbour(mask, place, run, |label| *faces.entry(label).or_default() += 1);
    }
    let mut new = vec![None; open.len()];
    for (number, faces) in touched {
        // The first of the labels with the most faces.
        let most = faces.iter().rev().max_by_key(|(_, count)| **count).map(|(label, _)| *label);
        new[number] = most.filter(|label| is_concerned(labels, *label));
    }
    background.relabel(mask, &new);
}

fn at_border((z, y): (usize, usize), run: Run, (d, h, w): (usize, usize, usize)) -> bool {
    let last = |index: usize, length: usize| index == 0 || index + 1 == length;
    last(z, d) || last(y, h) || run.start == 0 || run.end as usize == w
}

/// The labels at the faces of a run that does not lie at the border; the background among them is the hole's own.
fn for_each_neighbour(mask: &Array3<u8>, (z, y): (usize, usize), run: Run, mut found: impl FnMut(u8)) {
    let (start, end) = (run.start as usize, run.end as usize);
    let mut labelled = |label: u8| {
        if label != 0 {
            found(label);
        }
    };
    labelled(mask[[z, y, start - 1]]);
    labelled(mask[[z, y, end]]);
    for (z, y) in [(z - 1, y), (z + 1, y), (z, y - 1), (z, y + 1)] {
        (start..end).for_each(|x| labelled(mask[[z, y, x]]));
    }
}
