//! One patient: every organ, drawn from a generator and painted in an order that lets neighbours overlap.

use rand::{Rng, RngExt};

use super::abdomen::{Behind, InFront};
use super::canvas::Canvas;
use super::liver::{Liver, Tumour};
use super::skeleton::Skeleton;
use super::trunk::Trunk;

/// A patient of average size; [`Scan`](super::scan::Scan) scales and places it.
#[derive(Debug)]
pub(super) struct Anatomy {
    trunk: Trunk,
    skeleton: Skeleton,
    behind: Behind,
    liver: Liver,
    tumours: Vec<Tumour>,
    in_front: InFront,
    table: bool,
}

/// Share of patients with 0, 1, 2, 3 and 4 tumours, in twentieths.
const TUMOUR_COUNTS: [usize; 20] = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4];

impl Anatomy {
    pub fn draw(rng: &mut impl Rng) -> Self {
        let trunk = Trunk::draw(rng);
        let skeleton = Skeleton::draw(rng);
        let liver = Liver::draw(rng);
        let count = TUMOUR_COUNTS[rng.random_range(0..TUMOUR_COUNTS.len())];
        let tumours = liver.draw_tumours(rng, count, &trunk, &skeleton);
        Self {
            behind: Behind::draw(rng, liver.hu()),
            in_front: InFront::draw(rng),
            table: rng.random_bool(0.6),
            trunk,
            skeleton,
            liver,
            tumours,
        }
    }

    /// Half-axes (mm) of the body's outline.
    pub fn outline(&self) -> (f32, f32) {
        self.trunk.outline()
    }

    pub fn paint(&self, canvas: &mut Canvas) {
        self.trunk.paint(canvas);
        self.skeleton.paint_muscles(canvas, &self.trunk);
        self.behind.paint(canvas, &self.trunk);
        self.liver.paint(canvas, &self.trunk, &self.skeleton);
        for tumour in &self.tumours {
            tumour.paint(canvas);
        }
        self.in_front.paint(canvas, &self.trunk);
        self.skeleton.paint(canvas, &self.trunk);
        if self.table {
            self.trunk.paint_table(canvas);
        }
    }
}
