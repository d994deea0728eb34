//! The trunk: skin, fat, muscle wall, cavity, diaphragm, lungs and heart.

use rand::{Rng, RngExt};

use super::canvas::{Canvas, Voxel};
use super::shape::{Ellipsoid, Point, Ripple, jittered, smooth_max};

/// Half-axes (mm) of the cavity in a patient of average size.
const CAVITY: (f32, f32) = (128.0, 90.0);

/// Outline of a patient of average size; the pose scales it to the patient.
#[derive(Debug)]
pub(super) struct Trunk {
    cavity: (f32, f32),
    /// Thickness (mm) of the layer of muscle and ribs.
    pub wall: f32,
    /// Mean thickness (mm) of the fat under the skin.
    fat: f32,
    /// Phase of the slow change of girth with height.
    waist: f32,
    /// Tops of the right and left domes of the diaphragm: right, anterior, height.
    domes: [Point; 2],
    heart: Ellipsoid,
    ripple: Ripple,
    hu: TrunkHu,
}

/// Intensities of the trunk's tissues.
#[derive(Debug)]
struct TrunkHu {
    fat: f32,
    muscle: f32,
    lung: f32,
    heart: f32,
}

impl Trunk {
    pub fn draw(rng: &mut impl Rng) -> Self {
        let right_dome = jittered(rng, [64.0, 4.0, 82.0], 7.0);
        let left_dome = jittered(rng, [-66.0, 0.0, 70.0], 7.0);
        Self {
            cavity: (CAVITY.0 * rng.random_range(0.96..1.04), CAVITY.1 * rng.random_range(0.95..1.05)),
            wall: rng.random_range(14.0..20.0),
            fat: rng.random_range(7.0..27.0),
            waist: rng.random_range(0.0..120.0),
            domes: [right_dome, left_dome],
            heart: Ellipsoid::new(jittered(rng, [-22.0, 28.0, 108.0], 6.0), [56.0, 42.0, 42.0]).tilted(-25.0, 15.0),
            ripple: Ripple::new(rng, 3, (90.0, 160.0)),
            hu: TrunkHu {
                fat: rng.random_range(-112.0..-92.0),
                muscle: rng.random_range(58.0..80.0),
                lung: rng.random_range(-880.0..-820.0),
                heart: rng.random_range(100.0..140.0),
            },
        }
    }

    /// Half-axes (mm) of the body's outline, skin included, at its widest.
    pub fn outline(&self) -> (f32, f32) {
        let layers = self.wall + self.fat;
        (self.cavity.0 * 1.03 + layers, self.cavity.1 * 1.03 + layers * 1.2)
    }

    /// Distance (mm) to the inner face of the wall: negative in the cavity, positive in the wall and beyond.
    pub fn cavity_distance(&self, p: Point) -> f32 {
        let girth = 1.0 + 0.03 * ((p[2] + self.waist) / 65.0).sin();
        let (u, v) = (p[0] / (self.cavity.0 * girth), p[1] / (self.cavity.1 * girth));
        let (u2, v2) = (u * u, v * v);
        // Between an ellipse and a rounded rectangle.
        let level = 0.5 * (u2 + v2).sqrt() + 0.5 * (u2 * u2 + v2 * v2).sqrt().sqrt();
        let radius = (p[0] * p[0] + p[1] * p[1]).sqrt();
        if level < 1e-3 { -self.cavity.1 } else { radius * (level - 1.0) / level }
    }

    /// Height (mm) above the diaphragm: negative in the abdomen.
    pub fn dome_distance(&self, p: Point) -> f32 {
        let [right, left] = self.domes.map(|[x, y, z]| {
            let (across, along) = ((p[0] - x) / 74.0, (p[1] - y) / 92.0);
            z - 46.0 * (across * across + along * along)
        });
        // The slope of the dome makes a height larger than the distance to it.
        0.8 * (p[2] - smooth_max(right, left, 24.0))
    }

    /// Paints everything from the skin to the lungs.
    pub fn paint(&self, canvas: &mut Canvas) {
        canvas.paint_all(|p, voxel| {
            let depth = self.cavity_distance(p);
            let radius = (p[0] * p[0] + p[1] * p[1]).sqrt().max(1.0);
            // More fat at the belly than at the back.
            let fat = self.fat * (1.0 + 0.3 * p[1] / radius);
            let outside = depth - self.wall - fat;
            if outside < 0.0 {
                voxel.hu = self.tissue(p, depth, outside);
            }
        });
        canvas.fill(&self.heart, |p, depth, voxel| {
            if self.dome_distance(p) > 1.0 && self.cavity_distance(p) < -3.0 {
                voxel.hu = if depth < 9.0 { 0.75 * self.hu.heart } else { self.hu.heart };
            }
        });
    }

    /// Intensity `depth` mm outside the cavity and `outside` mm outside the skin.
    fn tissue(&self, p: Point, depth: f32, outside: f32) -> f32 {
        let wave = self.ripple.at(p);
        if outside > -2.5 {
            return 10.0;
        }
        if depth > self.wall {
            return self.hu.fat + 6.0 * wave;
        }
        let above = self.dome_distance(p);
        if depth > 0.0 || above.abs() < 1.5 {
            return self.hu.muscle + 9.0 * wave;
        }
        if above > 0.0 && !self.in_mediastinum(p) {
            return self.hu.lung + 35.0 * wave;
        }
        self.hu.fat + 14.0 * wave
    }

    fn in_mediastinum(&self, p: Point) -> bool {
        p[0].abs() < 24.0 + 6.0 * self.ripple.at(p) && p[1] > -70.0
    }

    /// Paints the curved top of the scanner's table under the patient.
    pub fn paint_table(&self, canvas: &mut Canvas) {
        let back = -self.outline().1 - 3.0;
        canvas.paint_all(|p, voxel| {
            let below = back + p[0] * p[0] / 2200.0 - p[1];
            let reach = p[0].abs() < 210.0;
            if reach && voxel.hu < -900.0 && (0.0..30.0).contains(&below) {
                voxel.hu = if (4.0..26.0).contains(&below) { -930.0 } else { -150.0 };
            }
        });
    }

    /// Sets `hu` where the voxel lies inside the cavity and below the diaphragm by at least `gap` mm.
    pub fn paint_inside(&self, p: Point, gap: f32, hu: f32, voxel: &mut Voxel) {
        if self.cavity_distance(p) < -gap && self.dome_distance(p) < -gap {
            *voxel = Voxel { hu, label: 0 };
        }
    }

    pub fn muscle_hu(&self) -> f32 {
        self.hu.muscle
    }

    pub fn fat_hu(&self) -> f32 {
        self.hu.fat
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_cavity_lies_inside_the_wall_and_the_dome_above_the_abdomen() {
        let trunk = Trunk::draw(&mut ChaCha8Rng::seed_from_u64(1));
        assert!(trunk.cavity_distance([0.0; 3]) < 0.0);
        assert!(trunk.cavity_distance([160.0, 0.0, 0.0]) > 20.0);
        assert!(trunk.dome_distance([64.0, 0.0, 20.0]) < 0.0);
        assert!(trunk.dome_distance([64.0, 0.0, 120.0]) > 0.0);
        // The recess: beside the wall the lung reaches further down than at the dome's top.
        assert!(trunk.dome_distance([124.0, 0.0, 64.0]) > 0.0);
    }
}
