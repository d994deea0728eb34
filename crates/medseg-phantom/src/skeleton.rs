//! Spine, ribs and the muscles along the spine.

use rand::{Rng, RngExt};

use super::canvas::{Canvas, Voxel};
use super::shape::{Bounds, Ellipsoid, Point};
use super::trunk::Trunk;

/// Anterior position (mm) of the middle of the vertebral bodies.
pub(super) const SPINE_Y: f32 = -56.0;

/// Bones of the trunk, and the muscles that hold the spine.
#[derive(Debug)]
pub(super) struct Skeleton {
    /// Half-axes (mm) of a vertebral body: right, anterior.
    body: (f32, f32),
    /// Height (mm) of a vertebra with its disc, and where the series starts.
    pitch: f32,
    phase: f32,
    /// Distance (mm) from rib to rib, and where the series starts.
    rib_pitch: f32,
    rib_phase: f32,
    cancellous: f32,
    cortical: f32,
}

impl Skeleton {
    pub fn draw(rng: &mut impl Rng) -> Self {
        let pitch = rng.random_range(30.0..36.0);
        let rib_pitch = rng.random_range(25.0..30.0);
        Self {
            body: (rng.random_range(20.0..24.0), rng.random_range(15.0..18.5)),
            pitch,
            phase: rng.random_range(0.0..pitch),
            rib_pitch,
            rib_phase: rng.random_range(0.0..rib_pitch),
            cancellous: rng.random_range(170.0..260.0),
            cortical: rng.random_range(480.0..700.0),
        }
    }

    /// Paints the muscles beside the spine: those of the back, and the psoas below.
    pub fn paint_muscles(&self, canvas: &mut Canvas, trunk: &Trunk) {
        let hu = trunk.muscle_hu();
        for side in [-1.0, 1.0] {
            let back = Bounds { low: [side * 36.0 - 34.0, -120.0, -1e4], high: [side * 36.0 + 34.0, -50.0, 1e4] };
            canvas.paint(back, |p, voxel| {
                let (u, v) = ((p[0] - side * 36.0) / 33.0, (p[1] - SPINE_Y + 38.0) / 22.0);
                if u * u + v * v < 1.0 && voxel.hu > -300.0 {
                    voxel.hu = hu;
                }
            });
            let psoas =
                Ellipsoid::new([side * 42.0, SPINE_Y + 4.0, -125.0], [20.0, 20.0, 95.0]).tilted(0.0, -8.0 * side);
            canvas.fill(&psoas, |p, _, voxel| trunk.paint_inside(p, -2.0, hu + 3.0, voxel));
        }
    }

    /// Distance (mm) to the column of vertebral bodies.
    pub fn spine_distance(&self, p: Point) -> f32 {
        let (u, v) = (p[0] / self.body.0, (p[1] - SPINE_Y) / self.body.1);
        ((u * u + v * v).sqrt() - 1.0) * self.body.1
    }

    pub fn paint(&self, canvas: &mut Canvas, trunk: &Trunk) {
        let column = Bounds { low: [-50.0, SPINE_Y - 62.0, -1e4], high: [50.0, SPINE_Y + 24.0, 1e4] };
        canvas.paint(column, |p, voxel| {
            if let Some(hu) = self.vertebra(p) {
                *voxel = Voxel { hu, label: 0 };
            }
        });
        canvas.paint_all(|p, voxel| {
            let depth = trunk.cavity_distance(p);
            if (0.0..trunk.wall).contains(&depth)
                && let Some(hu) = self.rib(p, depth - 0.45 * trunk.wall)
            {
                voxel.hu = hu;
            }
        });
    }

    /// Intensity of the vertebral column at `p`, if it is there.
    fn vertebra(&self, p: Point) -> Option<f32> {
        let [x, y] = [p[0].abs(), p[1] - SPINE_Y];
        let level = (p[2] + self.phase).rem_euclid(self.pitch) / self.pitch;
        let disc = level > 0.78;
        let depth = -self.spine_distance(p);
        if depth > 0.0 {
            let end_plate = !(0.08..=0.70).contains(&level);
            return Some(match (disc, depth < 2.5 || end_plate) {
                (true, _) => 85.0,
                (false, true) => self.cortical,
                (false, false) => self.cancellous,
            });
        }
        let canal = (x / 12.0).powi(2) + ((y + self.body.1 + 9.0) / 9.0).powi(2);
        if canal < 1.0 {
            return Some(if canal < 0.35 { 38.0 } else { 12.0 });
        }
        let arch = canal < 1.9 && !disc;
        let spinous = x < 4.5 && (-54.0..-22.0).contains(&y) && level < 0.6;
        let transverse = x < 44.0 && (y + self.body.1 + 8.0).abs() < 5.5 && (0.2..0.55).contains(&level);
        let facet = (x - 17.0).abs() < 7.0 && (y + self.body.1 + 14.0).abs() < 8.0;
        (arch || spinous || transverse || facet).then_some(0.6 * self.cortical)
    }

    /// Intensity of the ribs and their cartilage `off` mm outside the middle of the rib cage.
    fn rib(&self, p: Point, off: f32) -> Option<f32> {
        let from_back = p[1] + 100.0;
        let sternum = p[0].abs() < 17.0 && p[1] > 0.0 && p[2] > 62.0;
        if sternum && off.abs() < 5.0 {
            return Some(self.cancellous);
        }
        // Below the costal arch there is muscle only; ribs sink towards the front.
        if p[2] < -84.0 + 0.62 * from_back + 0.0022 * from_back * from_back {
            return None;
        }
        let height = p[2] + 0.5 * from_back + 0.3 * p[0].abs() + self.rib_phase;
        let above = height.rem_euclid(self.rib_pitch) - 0.5 * self.rib_pitch;
        let radius = ((0.85 * above).powi(2) + (1.2 * off).powi(2)).sqrt();
        let cartilage = p[1] > 62.0;
        match radius {
            r if r > 6.2 => None,
            _ if cartilage => Some(105.0),
            r if r > 3.0 => Some(self.cortical),
            _ => Some(self.cancellous),
        }
    }
}
