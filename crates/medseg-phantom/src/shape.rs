//! Smooth shapes in patient space, each given by an approximate signed distance.

use rand::{Rng, RngExt};

/// A point in patient space: millimetres towards right, anterior, superior.
pub(super) type Point = [f32; 3];

/// `a` moved by a random offset of at most `mm` along each axis.
pub(super) fn jittered(rng: &mut impl Rng, a: Point, mm: f32) -> Point {
    a.map(|value| value + rng.random_range(-mm..=mm))
}

/// Point at `t` between `a` (0) and `b` (1).
pub(super) fn between(a: Point, b: Point, t: f32) -> Point {
    std::array::from_fn(|axis| a[axis] + t * (b[axis] - a[axis]))
}

/// Minimum of two distances, rounded over a width of `k` millimetres.
pub(super) fn smooth_min(a: f32, b: f32, k: f32) -> f32 {
    let h = (k - (a - b).abs()).max(0.0) / k;
    a.min(b) - h * h * k * 0.25
}

/// Maximum of two distances, rounded over a width of `k` millimetres.
pub(super) fn smooth_max(a: f32, b: f32, k: f32) -> f32 {
    -smooth_min(-a, -b, k)
}

/// Axis-aligned box in patient space that a shape does not leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub low: Point,
    pub high: Point,
}

impl Bounds {
    /// Box around a centre that reaches `radii` to both sides.
    pub fn around(centre: Point, radii: Point) -> Self {
        Self {
            low: std::array::from_fn(|axis| centre[axis] - radii[axis]),
            high: std::array::from_fn(|axis| centre[axis] + radii[axis]),
        }
    }

    /// Smallest box that holds both.
    pub fn union(self, other: Self) -> Self {
        Self {
            low: std::array::from_fn(|axis| self.low[axis].min(other.low[axis])),
            high: std::array::from_fn(|axis| self.high[axis].max(other.high[axis])),
        }
    }

    /// Box larger by `mm` on every side.
    pub fn grown(self, mm: f32) -> Self {
        Self { low: self.low.map(|v| v - mm), high: self.high.map(|v| v + mm) }
    }
}

/// A solid: negative distance inside, positive outside.
pub(super) trait Shape {
    /// Approximate signed distance to the surface in millimetres.
    fn distance(&self, p: Point) -> f32;
    /// A box that holds the whole solid.
    fn bounds(&self) -> Bounds;
}

/// An ellipsoid rotated about the superior axis and leaned in the right-superior plane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ellipsoid {
    centre: Point,
    radii: Point,
    /// Cosine and sine of the turn about the superior axis.
    turn: (f32, f32),
    /// Cosine and sine of the lean about the anterior axis.
    lean: (f32, f32),
}

impl Ellipsoid {
    pub fn new(centre: Point, radii: Point) -> Self {
        Self { centre, radii, turn: (1.0, 0.0), lean: (1.0, 0.0) }
    }

    /// The same ellipsoid rotated and leaned by angles in degrees.
    pub fn tilted(mut self, turn: f32, lean: f32) -> Self {
        let (sin, cos) = turn.to_radians().sin_cos();
        self.turn = (cos, sin);
        let (sin, cos) = lean.to_radians().sin_cos();
        self.lean = (cos, sin);
        self
    }

    /// The point in the ellipsoid's own axes, from its centre.
    fn local(&self, p: Point) -> Point {
        let [x, y, z]: Point = std::array::from_fn(|axis| p[axis] - self.centre[axis]);
        let (x, y) = (self.turn.0 * x + self.turn.1 * y, self.turn.0 * y - self.turn.1 * x);
        let (x, z) = (self.lean.0 * x + self.lean.1 * z, self.lean.0 * z - self.lean.1 * x);
        [x, y, z]
    }
}

impl Shape for Ellipsoid {
    fn distance(&self, p: Point) -> f32 {
        let q = self.local(p);
        let scaled = [q[0] / self.radii[0], q[1] / self.radii[1], q[2] / self.radii[2]];
        let level = norm(scaled);
        let slope = norm(std::array::from_fn(|axis| scaled[axis] / self.radii[axis]));
        if slope < 1e-6 {
            return -self.radii[0].min(self.radii[1]).min(self.radii[2]);
        }
        level * (level - 1.0) / slope
    }

    fn bounds(&self) -> Bounds {
        let reach = self.radii[0].max(self.radii[1]).max(self.radii[2]);
        Bounds::around(self.centre, [reach; 3])
    }
}

/// A chain of straight pieces with a radius at each point: vessels, bowel, pancreas.
#[derive(Clone, Debug)]
pub(super) struct Tube {
    points: Vec<(Point, f32)>,
}

impl Tube {
    /// A tube through `points`, each with its radius in millimetres.
    pub fn new(points: Vec<(Point, f32)>) -> Self {
        Self { points }
    }
}

impl Shape for Tube {
    fn distance(&self, p: Point) -> f32 {
        let pieces = self.points.windows(2).map(|ends| {
            let ((a, radius_a), (b, radius_b)) = (ends[0], ends[1]);
            let along: Point = std::array::from_fn(|axis| b[axis] - a[axis]);
            let from_a: Point = std::array::from_fn(|axis| p[axis] - a[axis]);
            let length = dot(along, along).max(1e-6);
            let t = (dot(from_a, along) / length).clamp(0.0, 1.0);
            let off: Point = std::array::from_fn(|axis| from_a[axis] - t * along[axis]);
            norm(off) - (radius_a + t * (radius_b - radius_a))
        });
        pieces.fold(f32::INFINITY, f32::min)
    }

    fn bounds(&self) -> Bounds {
        let boxes = self.points.iter().map(|&(p, r)| Bounds::around(p, [r; 3]));
        boxes.reduce(Bounds::union).unwrap_or(Bounds::around([0.0; 3], [0.0; 3]))
    }
}

/// A smooth random function of space: a sum of a few waves, about -1 to 1.
#[derive(Clone, Debug)]
pub(super) struct Ripple {
    /// Wave vector (radians per millimetre) and phase.
    waves: Vec<(Point, f32)>,
    gain: f32,
}

impl Ripple {
    /// `count` waves of wavelengths (mm) drawn from the given range, in random directions.
    pub fn new(rng: &mut impl Rng, count: usize, wavelength: (f32, f32)) -> Self {
        let wave = |_| {
            let direction = unit_vector(rng);
            let number = std::f32::consts::TAU / rng.random_range(wavelength.0..=wavelength.1);
            (direction.map(|v| v * number), rng.random_range(0.0..std::f32::consts::TAU))
        };
        let waves: Vec<_> = (0..count).map(wave).collect();
        Self { gain: (2.0 / count as f32).sqrt() * 0.7, waves }
    }

    pub fn at(&self, p: Point) -> f32 {
        self.gain * self.waves.iter().map(|&(k, phase)| (dot(k, p) + phase).sin()).sum::<f32>()
    }
}

/// A direction drawn evenly from the sphere.
pub(super) fn unit_vector(rng: &mut impl Rng) -> Point {
    let z: f32 = rng.random_range(-1.0..=1.0);
    let (sin, cos) = rng.random_range(0.0..std::f32::consts::TAU).sin_cos();
    let ring = (1.0 - z * z).sqrt();
    [ring * cos, ring * sin, z]
}

fn dot(a: Point, b: Point) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn norm(a: Point) -> f32 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn distances_are_zero_on_the_surface_and_negative_inside() {
        let ball = Ellipsoid::new([1.0, 2.0, 3.0], [10.0; 3]);
        assert!((ball.distance([11.0, 2.0, 3.0])).abs() < 1e-4);
        assert!((ball.distance([1.0, 2.0, 18.0]) - 5.0).abs() < 1e-4);
        assert!((ball.distance([1.0, 2.0, 3.0]) + 10.0).abs() < 1e-4);
        let tube = Tube::new(vec![([0.0; 3], 2.0), ([10.0, 0.0, 0.0], 4.0)]);
        assert!((tube.distance([5.0, 3.0, 0.0])).abs() < 1e-5);
        assert!((tube.distance([12.0, 0.0, 0.0]) + 2.0).abs() < 1e-5);
    }

    #[test]
    fn a_rotated_ellipsoid_points_its_long_axis_elsewhere() {
        let long = Ellipsoid::new([0.0; 3], [30.0, 10.0, 10.0]).tilted(90.0, 0.0);
        assert!(long.distance([0.0, 25.0, 0.0]) < 0.0);
        assert!(long.distance([25.0, 0.0, 0.0]) > 0.0);
        let leaned = Ellipsoid::new([0.0; 3], [30.0, 10.0, 10.0]).tilted(0.0, 90.0);
        assert!(leaned.distance([0.0, 0.0, 25.0]) < 0.0);
    }

    #[test]
    fn bounds_hold_every_inside_point() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let shape = Ellipsoid::new([3.0, -4.0, 5.0], [8.0, 12.0, 20.0]).tilted(33.0, -50.0);
        let bounds = shape.bounds();
        for _ in 0..20_000 {
            let p = jittered(&mut rng, [3.0, -4.0, 5.0], 40.0);
            let held = (0..3).all(|axis| (bounds.low[axis]..=bounds.high[axis]).contains(&p[axis]));
            assert!(held || shape.distance(p) >= 0.0, "{p:?}");
        }
    }

    #[test]
    fn smooth_minimum_agrees_with_the_minimum_far_from_the_seam() {
        assert_eq!(smooth_min(1.0, 30.0, 10.0), 1.0);
        assert!(smooth_min(5.0, 5.0, 10.0) < 5.0);
        assert_eq!(smooth_max(-1.0, 30.0, 10.0), 30.0);
    }
}
