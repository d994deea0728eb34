//! The liver's neighbours: stomach, bowel, spleen, kidneys, pancreas, gall bladder and the great vessels.

use rand::{Rng, RngExt};

use super::canvas::{Canvas, Voxel};
use super::liver::HILUM;
use super::shape::{Ellipsoid, Point, Ripple, Shape, Tube, jittered, smooth_min};
use super::skeleton::SPINE_Y;
use super::trunk::Trunk;

/// A hollow organ: a wall, a content, and gas where the content ends.
#[derive(Debug)]
struct Hollow<S> {
    shape: S,
    wall: f32,
    wall_hu: f32,
    content_hu: f32,
    /// Anterior position (mm) above which gas collects: the patient lies on the back.
    fluid_level: f32,
}

impl<S: Shape> Hollow<S> {
    fn paint(&self, canvas: &mut Canvas, trunk: &Trunk) {
        canvas.fill(&self.shape, |p, depth, voxel| {
            let hu = match depth {
                d if d < self.wall => self.wall_hu,
                _ if p[1] > self.fluid_level => -900.0,
                _ => self.content_hu,
            };
            trunk.paint_inside(p, 3.0, hu, voxel);
        });
    }
}

/// Two bodies that flow into each other.
#[derive(Debug)]
struct Joined(Ellipsoid, Ellipsoid);

impl Shape for Joined {
    fn distance(&self, p: Point) -> f32 {
        smooth_min(self.0.distance(p), self.1.distance(p), 20.0)
    }

    fn bounds(&self) -> super::shape::Bounds {
        self.0.bounds().union(self.1.bounds()).grown(6.0)
    }
}

/// A kidney: cortex, medulla and the fat of the sinus, in a coat of fat.
#[derive(Debug)]
struct Kidney {
    outer: Ellipsoid,
    coat: Ellipsoid,
    sinus: Ellipsoid,
    cortex_hu: f32,
    medulla_hu: f32,
}

impl Kidney {
    fn draw(rng: &mut impl Rng, side: f32) -> Self {
        let centre = jittered(rng, [side * 63.0, -50.0, if side > 0.0 { -62.0 } else { -48.0 }], 5.0);
        let size: f32 = rng.random_range(0.9..1.1);
        let tilt = (side * rng.random_range(15.0..40.0), -side * rng.random_range(4.0..14.0));
        let ball = |radii: Point, at: Point| Ellipsoid::new(at, radii.map(|r| r * size)).tilted(tilt.0, tilt.1);
        let cortex_hu = rng.random_range(165.0..195.0);
        Self {
            outer: ball([25.0, 22.0, 50.0], centre),
            coat: ball([31.0, 28.0, 57.0], centre),
            sinus: ball([13.0, 8.0, 24.0], [centre[0] - side * 13.0, centre[1] + 5.0, centre[2]]),
            cortex_hu,
            medulla_hu: cortex_hu - rng.random_range(15.0..45.0),
        }
    }

    fn paint(&self, canvas: &mut Canvas, trunk: &Trunk) {
        let fat = trunk.fat_hu();
        canvas.fill(&self.coat, |p, _, voxel| trunk.paint_inside(p, 1.0, fat, voxel));
        canvas.fill(&self.outer, |p, depth, voxel| {
            let hu = match depth {
                _ if self.sinus.distance(p) < 0.0 => -60.0,
                d if d < 7.0 => self.cortex_hu,
                _ => self.medulla_hu,
            };
            trunk.paint_inside(p, 1.0, hu, voxel);
        });
    }
}

/// Organs painted before the liver, which lies over them.
#[derive(Debug)]
pub(super) struct Behind {
    stomach: Hollow<Joined>,
    antrum: Hollow<Tube>,
    loops: Vec<Hollow<Ellipsoid>>,
    colon: Hollow<Tube>,
    pancreas: Tube,
    pancreas_hu: f32,
    spleen: Ellipsoid,
    spleen_hu: f32,
    texture: Ripple,
}

impl Behind {
    /// `liver_hu` ties the spleen's intensity to the liver's: contrast fills both.
    pub fn draw(rng: &mut impl Rng, liver_hu: f32) -> Self {
        // A third of the patients drank contrast medium.
        let content_hu =
            if rng.random_bool(0.35) { rng.random_range(70.0..130.0) } else { rng.random_range(5.0..55.0) };
        let fluid_level = rng.random_range(20.0..60.0);
        let wall_hu = rng.random_range(70.0..100.0);
        let fundus = Ellipsoid::new(jittered(rng, [-60.0, -2.0, 44.0], 6.0), [36.0, 38.0, 34.0]);
        let corpus = Ellipsoid::new(jittered(rng, [-52.0, 38.0, 2.0], 6.0), [30.0, 26.0, 44.0]);
        let antrum = vec![
            (jittered(rng, [-46.0, 44.0, -24.0], 4.0), 20.0),
            (jittered(rng, [-10.0, 50.0, -32.0], 4.0), 17.0),
            (jittered(rng, [20.0, 40.0, -22.0], 4.0), 13.0),
            (jittered(rng, [34.0, 14.0, -30.0], 4.0), 12.0),
        ];
        let pancreas = vec![
            (jittered(rng, [26.0, 6.0, -28.0], 4.0), 12.0),
            (jittered(rng, [2.0, 14.0, -12.0], 4.0), 9.0),
            (jittered(rng, [-40.0, 0.0, 2.0], 5.0), 9.0),
            (jittered(rng, [-80.0, -20.0, 14.0], 5.0), 7.0),
        ];
        Self {
            stomach: Hollow { shape: Joined(fundus, corpus), wall: 5.0, wall_hu, content_hu, fluid_level },
            antrum: Hollow { shape: Tube::new(antrum), wall: 5.0, wall_hu, content_hu, fluid_level },
            loops: bowel_loops(rng),
            colon: colon(rng),
            pancreas: Tube::new(pancreas),
            pancreas_hu: rng.random_range(82.0..112.0),
            spleen: Ellipsoid::new(
                jittered(rng, [-98.0, -36.0, 24.0], 5.0),
                [rng.random_range(22.0..30.0), rng.random_range(38.0..50.0), rng.random_range(44.0..62.0)],
            )
            .tilted(rng.random_range(20.0..45.0), rng.random_range(-12.0..6.0)),
            spleen_hu: (liver_hu + rng.random_range(-4.0..14.0)).clamp(110.0, 130.0),
            texture: Ripple::new(rng, 5, (15.0, 50.0)),
        }
    }

    pub fn paint(&self, canvas: &mut Canvas, trunk: &Trunk) {
        for part in &self.loops {
            part.paint(canvas, trunk);
        }
        self.colon.paint(canvas, trunk);
        self.antrum.paint(canvas, trunk);
        self.stomach.paint(canvas, trunk);
        canvas.fill(&self.pancreas, |p, _, voxel| {
            trunk.paint_inside(p, 3.0, self.pancreas_hu + 9.0 * self.texture.at(p), voxel);
        });
        canvas.fill(&self.spleen, |p, depth, voxel| {
            if depth > 3.0 * self.texture.at(p) {
                trunk.paint_inside(p, 2.0, self.spleen_hu + 4.0 * self.texture.at(p), voxel);
            }
        });
    }
}

/// Loops of the small bowel in the lower abdomen, some with gas.
fn bowel_loops(rng: &mut impl Rng) -> Vec<Hollow<Ellipsoid>> {
    let draw = |_| {
        let centre = [rng.random_range(-88.0..88.0), rng.random_range(-22.0..62.0), rng.random_range(-190.0..-52.0)];
        let radii = std::array::from_fn(|_| rng.random_range(12.0..26.0));
        let gas = rng.random_bool(0.2);
        Hollow {
            shape: Ellipsoid::new(centre, radii).tilted(rng.random_range(-90.0..90.0), rng.random_range(-90.0..90.0)),
            wall: 4.5,
            wall_hu: rng.random_range(85.0..125.0),
            content_hu: rng.random_range(20.0..135.0),
            fluid_level: if gas { centre[1] + 4.0 } else { f32::MAX },
        }
    };
    (0..52).map(draw).collect()
}

/// The colon from the right lower abdomen over the transverse part to the left.
fn colon(rng: &mut impl Rng) -> Hollow<Tube> {
    let course = [
        [98.0, -18.0, -200.0],
        [98.0, -12.0, -104.0],
        [72.0, 48.0, -84.0],
        [0.0, 66.0, -92.0],
        [-72.0, 56.0, -56.0],
        [-104.0, 4.0, -26.0],
        [-106.0, -26.0, -110.0],
        [-104.0, -20.0, -200.0],
    ];
    let points = course.map(|at| (jittered(rng, at, 6.0), rng.random_range(14.0..21.0)));
    Hollow {
        shape: Tube::new(points.to_vec()),
        wall: 4.0,
        wall_hu: 85.0,
        content_hu: rng.random_range(-60.0..50.0),
        fluid_level: rng.random_range(30.0..70.0),
    }
}

/// Organs painted after the liver, into which they press.
#[derive(Debug)]
pub(super) struct InFront {
    kidneys: [Kidney; 2],
    gall_bladder: Option<Hollow<Ellipsoid>>,
    aorta: Tube,
    aorta_hu: f32,
    cava: Tube,
    cava_hu: f32,
    portal: [Tube; 2],
    portal_hu: f32,
}

impl InFront {
    pub fn draw(rng: &mut impl Rng) -> Self {
        let portal_hu = rng.random_range(150.0..180.0);
        let confluence = jittered(rng, [10.0, 0.0, -12.0], 3.0);
        let at_spine = |x: f32, off: f32, z: f32| [x, SPINE_Y + off, z];
        let cava_top = [20.0, -20.0, 78.0];
        Self {
            kidneys: [Kidney::draw(rng, 1.0), Kidney::draw(rng, -1.0)],
            gall_bladder: rng.random_bool(0.8).then(|| Hollow {
                shape: Ellipsoid::new(jittered(rng, [48.0, 40.0, -26.0], 6.0), [13.0, 17.0, 28.0]).tilted(0.0, 15.0),
                wall: 2.0,
                wall_hu: 55.0,
                content_hu: rng.random_range(2.0..18.0),
                fluid_level: f32::MAX,
            }),
            aorta: Tube::new(vec![
                (at_spine(-8.0, 28.0, -260.0), 8.0),
                (at_spine(-8.0, 29.0, -40.0), 10.0),
                (at_spine(-14.0, 26.0, 60.0), 11.5),
                (at_spine(-22.0, 18.0, 260.0), 12.5),
            ]),
            aorta_hu: rng.random_range(155.0..190.0),
            cava: Tube::new(vec![
                (at_spine(19.0, 27.0, -260.0), 10.0),
                (at_spine(20.0, 29.0, 0.0), 11.5),
                (cava_top, 12.5),
                ([10.0, 4.0, 104.0], 12.0),
            ]),
            cava_hu: rng.random_range(125.0..165.0),
            portal: [
                Tube::new(vec![(at_spine(8.0, 44.0, -150.0), 5.0), (confluence, 7.0), (HILUM, 7.5)]),
                Tube::new(vec![(confluence, 5.5), ([-44.0, -8.0, 8.0], 4.5), ([-80.0, -28.0, 20.0], 3.5)]),
            ],
            portal_hu,
        }
    }

    pub fn paint(&self, canvas: &mut Canvas, trunk: &Trunk) {
        for kidney in &self.kidneys {
            kidney.paint(canvas, trunk);
        }
        if let Some(bladder) = &self.gall_bladder {
            bladder.paint(canvas, trunk);
        }
        for vein in &self.portal {
            // Inside the liver the vein belongs to the liver.
            canvas.fill(vein, |_, _, voxel| {
                if voxel.label != 2 {
                    voxel.hu = self.portal_hu;
                }
            });
        }
        for (vessel, hu) in [(&self.aorta, self.aorta_hu), (&self.cava, self.cava_hu)] {
            canvas.fill(vessel, |_, _, voxel| *voxel = Voxel { hu, label: 0 });
        }
    }
}
