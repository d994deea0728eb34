//! The liver: its shape, its vessels and its tumours.

use rand::{Rng, RngExt};

use super::canvas::{Canvas, Voxel};
use super::shape::{Bounds, Ellipsoid, Point, Ripple, Shape, Tube, between, jittered, smooth_max, smooth_min};
use super::skeleton::Skeleton;
use super::trunk::Trunk;

/// Place in which the portal vein enters the liver.
pub(super) const HILUM: Point = [30.0, 6.0, 16.0];

/// The outline of the liver without its neighbours.
#[derive(Debug)]
pub(super) struct Liver {
    right: Ellipsoid,
    left: Ellipsoid,
    /// Height (mm) of the lower edge at the right, and its rise per millimetre towards the left.
    lower_edge: f32,
    rise: f32,
    ripple: Ripple,
    texture: Ripple,
    /// Fat in the fissure between the lobes, if it is open.
    fissure: Option<Ellipsoid>,
    vessels: Vec<Tube>,
    hu: f32,
    vessel_hu: f32,
}

impl Liver {
    pub fn draw(rng: &mut impl Rng) -> Self {
        let size: f32 = rng.random_range(0.91..1.05);
        let right_radii = [
            72.0 * size * rng.random_range(0.94..1.06),
            80.0 * size * rng.random_range(0.93..1.05),
            76.0 * size * rng.random_range(0.92..1.10),
        ];
        let left_radii = [rng.random_range(58.0..88.0), rng.random_range(30.0..42.0), rng.random_range(30.0..42.0)];
        let hu = rng.random_range(95.0..125.0);
        Self {
            right: Ellipsoid::new(jittered(rng, [64.0, -6.0, 14.0], 5.0), right_radii)
                .tilted(rng.random_range(-12.0..12.0), rng.random_range(-10.0..10.0)),
            left: Ellipsoid::new(jittered(rng, [-8.0, 44.0, 34.0], 6.0), left_radii)
                .tilted(rng.random_range(-6.0..14.0), rng.random_range(-22.0..-4.0)),
            lower_edge: rng.random_range(-72.0..-48.0),
            rise: rng.random_range(0.5..0.85),
            ripple: Ripple::new(rng, 6, (50.0, 130.0)),
            texture: Ripple::new(rng, 6, (18.0, 60.0)),
            fissure: rng.random_bool(0.7).then(|| {
                let centre = jittered(rng, [4.0, 62.0, 6.0], 6.0);
                Ellipsoid::new(centre, [4.5, 32.0, 24.0]).tilted(rng.random_range(-20.0..20.0), 0.0)
            }),
            vessels: vessels(rng),
            hu,
            vessel_hu: hu + rng.random_range(28.0..60.0),
        }
    }

    /// Mean intensity (HU) of the tissue between the vessels.
    pub fn hu(&self) -> f32 {
        self.hu
    }

    /// Approximate distance (mm) to the surface; negative inside.
    pub fn distance(&self, p: Point, trunk: &Trunk, skeleton: &Skeleton) -> f32 {
        let lobes = smooth_min(self.right.distance(p), self.left.distance(p), 24.0);
        let lobes = lobes + 5.0 * self.ripple.at(p);
        if lobes > 30.0 {
            return lobes;
        }
        // The lower face rises from the right tip towards the left lobe.
        let face = self.lower_edge + self.rise * (88.0 - p[0]).max(0.0) - 0.25 * (p[1] + 20.0).abs();
        let inside = smooth_max(lobes, 0.75 * (face - p[2]), 14.0);
        let inside = smooth_max(inside, trunk.cavity_distance(p) + 2.0, 6.0);
        let inside = smooth_max(inside, trunk.dome_distance(p) + 2.0, 6.0);
        smooth_max(inside, 12.0 - skeleton.spine_distance(p), 10.0)
    }

    fn bounds(&self) -> Bounds {
        self.right.bounds().union(self.left.bounds()).grown(10.0)
    }

    pub fn paint(&self, canvas: &mut Canvas, trunk: &Trunk, skeleton: &Skeleton) {
        canvas.paint(self.bounds(), |p, voxel| {
            let open = self.fissure.as_ref().is_some_and(|fat| fat.distance(p) < 0.0);
            let depth = -self.distance(p, trunk, skeleton);
            if depth > 0.0 && !open {
                *voxel = Voxel { hu: self.hu + 5.0 * self.texture.at(p), label: 1 };
            }
        });
        for vessel in &self.vessels {
            canvas.fill(vessel, |_, _, voxel| {
                if voxel.label == 1 {
                    voxel.hu = self.vessel_hu;
                }
            });
        }
    }

    /// Up to `count` tumours, well inside the liver and apart from each other.
    pub fn draw_tumours(&self, rng: &mut impl Rng, count: usize, trunk: &Trunk, skeleton: &Skeleton) -> Vec<Tumour> {
        let Bounds { low, high } = self.bounds();
        let mut tumours: Vec<Tumour> = Vec::new();
        // A place is found after a few tries; the limit keeps an odd liver from looping for ever.
        for _ in 0..400 {
            if tumours.len() == count {
                break;
            }
            let radius = 8.0 + 19.0 * rng.random_range(0.0f32..1.0).powi(2);
            let centre: Point = std::array::from_fn(|axis| rng.random_range(low[axis]..high[axis]));
            let deep = self.distance(centre, trunk, skeleton) < -(0.6 * radius + 4.0);
            let apart = tumours.iter().all(|other| other.is_apart(centre, radius));
            if deep && apart {
                tumours.push(Tumour::draw(rng, centre, radius, self.hu));
            }
        }
        tumours
    }
}

/// Branches of the portal vein and the hepatic veins inside the liver.
fn vessels(rng: &mut impl Rng) -> Vec<Tube> {
    let mut tubes = Vec::new();
    let confluence = [20.0, -22.0, 58.0];
    let trees = [
        (HILUM, [66.0, 0.0, 20.0], 6.0),
        (HILUM, [-6.0, 38.0, 34.0], 5.0),
        (confluence, [92.0, -18.0, 36.0], 5.0),
        (confluence, [52.0, 38.0, 28.0], 5.0),
        (confluence, [-16.0, 44.0, 42.0], 4.5),
    ];
    for (root, target, radius) in trees {
        let tip = jittered(rng, target, 8.0);
        let bend = jittered(rng, between(root, tip, 0.5), 6.0);
        tubes.push(Tube::new(vec![(root, radius), (bend, 0.85 * radius), (tip, 0.65 * radius)]));
        for _ in 0..4 {
            let from = between(bend, tip, rng.random_range(0.0..1.0));
            let to = jittered(rng, between(root, from, 1.4), 34.0);
            tubes.push(Tube::new(vec![(from, 0.55 * radius), (to, 0.3 * radius)]));
        }
    }
    tubes
}

/// A dark, uneven ball in the liver.
#[derive(Debug)]
pub(super) struct Tumour {
    centre: Point,
    radius: f32,
    body: Ellipsoid,
    ripple: Ripple,
    hu: f32,
    /// Darkness (HU) of the middle, less that of the rim.
    core: f32,
}

impl Tumour {
    fn draw(rng: &mut impl Rng, centre: Point, radius: f32, liver_hu: f32) -> Self {
        let radii = std::array::from_fn(|_| radius * rng.random_range(0.8..1.2));
        Self {
            centre,
            radius,
            body: Ellipsoid::new(centre, radii).tilted(rng.random_range(-90.0..90.0), rng.random_range(-90.0..90.0)),
            ripple: Ripple::new(rng, 4, (1.5 * radius, 4.0 * radius)),
            hu: liver_hu - rng.random_range(25.0..60.0),
            core: if rng.random_bool(0.4) { rng.random_range(5.0..25.0) } else { 0.0 },
        }
    }

    fn is_apart(&self, centre: Point, radius: f32) -> bool {
        let square: f32 = (0..3).map(|axis| (centre[axis] - self.centre[axis]).powi(2)).sum();
        square.sqrt() > 1.2 * (self.radius + radius)
    }

    pub fn paint(&self, canvas: &mut Canvas) {
        let bounds = Bounds::around(self.centre, [1.5 * self.radius; 3]);
        canvas.paint(bounds, |p, voxel| {
            let depth = -self.body.distance(p) - 0.14 * self.radius * self.ripple.at(p);
            if depth > 0.0 && voxel.label == 1 {
                let core = (depth / self.radius).min(1.0);
                *voxel = Voxel { hu: self.hu - self.core * core, label: 2 };
            }
        });
    }
}
