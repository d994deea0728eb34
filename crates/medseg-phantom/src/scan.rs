//! The scanner: voxel grid, patient's place in it, blur and noise.

use medseg_volume::Orientation;
use ndarray::{Array3, Axis, Slice, Zip};
use rand::{Rng, RngExt};

use super::canvas::Affine;

/// A voxel grid around a patient.
#[derive(Debug)]
pub(super) struct Scan {
    /// Voxels along k, j, i.
    pub shape: [usize; 3],
    /// Voxel (i, j, k) to world millimetres (RAS+).
    pub to_world: Affine,
    /// Voxel (i, j, k) to the space that the anatomy is drawn in.
    pub to_patient: Affine,
    /// Width (voxels) of the blur.
    blur: f32,
    /// Standard deviation (HU) of the noise.
    noise: f32,
}

/// Numbers of voxels that a scan at scale 1 may have along right, anterior, superior.
const MATRIX: [(f64, f64); 3] = [(88.0, 112.0), (72.0, 96.0), (56.0, 80.0)];

impl Scan {
    /// A grid for a patient with this outline (half-axes in mm), `scale` times as fine as usual.
    pub fn draw(rng: &mut impl Rng, outline: (f32, f32), orientation: Orientation, scale: f64) -> Self {
        let build: f64 = rng.random_range(0.93..1.07);
        let size: [f64; 3] = [
            build * rng.random_range(0.95..1.05),
            build * rng.random_range(0.95..1.05),
            build * rng.random_range(0.94..1.06),
        ];
        let above: f64 = size[2] * rng.random_range(105.0..150.0);
        let below: f64 = size[2] * rng.random_range(110.0..175.0);
        let margin = rng.random_range(1.03..1.18);
        let extent = [
            2.0 * f64::from(outline.0) * size[0] * margin,
            2.0 * f64::from(outline.1) * size[1] * margin + 8.0,
            above + below,
        ];
        let in_plane = fitted(rng.random_range(3.1..4.2), extent[0], MATRIX[0]).max(extent[1] / MATRIX[1].1);
        let between_slices = fitted(rng.random_range(3.5..6.0), extent[2], MATRIX[2]);
        let spacing = [in_plane, in_plane, between_slices].map(|mm| rounded(mm / scale));
        let count: [usize; 3] = std::array::from_fn(|axis| {
            let (low, high) = MATRIX[axis];
            let wanted = (extent[axis] / (spacing[axis] * scale)).ceil().clamp(low, high);
            (wanted * scale).round().max(8.0) as usize
        });
        let pose = pose(rng, size);
        let middle = pose.apply([0.0, 0.0, 0.5 * (above - below) / size[2]]);
        let centre = middle.map(|mm| mm + rng.random_range(-7.0..7.0));
        let gantry = if rng.random_bool(0.2) { rng.random_range(-9.0f64..9.0) } else { 0.0 };
        let (sin, cos) = gantry.to_radians().sin_cos();
        let directions = [[1.0, 0.0, 0.0], [0.0, cos, sin], [0.0, -sin, cos]];
        let to_world = grid(orientation, directions, spacing, count, centre);
        Self {
            shape: std::array::from_fn(|array_axis| count[directions_of(orientation)[2 - array_axis].0]),
            to_patient: pose.inverse().after(&to_world),
            to_world,
            blur: rng.random_range(0.45..0.7),
            noise: rng.random_range(12.0..25.0),
        }
    }

    /// The intensities as the scanner stores them: blurred, noisy, whole Hounsfield units from -1024 to 3071.
    pub fn acquire(&self, mut hu: Array3<f32>, rng: &mut impl Rng) -> Array3<i16> {
        for axis in 0..3 {
            blur_along(&mut hu, Axis(axis), self.blur);
        }
        let mut noise = Gaussian::default();
        hu.map(|value| (value + self.noise * noise.draw(rng)).round().clamp(-1024.0, 3071.0) as i16)
    }
}

/// The spacing (mm) nearest to `wanted` that covers `extent` (mm) with an allowed number of voxels.
fn fitted(wanted: f64, extent: f64, voxels: (f64, f64)) -> f64 {
    wanted.clamp(extent / voxels.1, extent / voxels.0)
}

/// A spacing as scanners write it: micrometres.
fn rounded(mm: f64) -> f64 {
    (mm * 1000.0).round() / 1000.0
}

/// From the average patient to the world: scaled, rotated a little, and moved to where the table stood.
fn pose(rng: &mut impl Rng, size: [f64; 3]) -> Affine {
    let (roll_sin, roll_cos) = rng.random_range(-5.0f64..5.0).to_radians().sin_cos();
    let (lean_sin, lean_cos) = rng.random_range(-4.0f64..4.0).to_radians().sin_cos();
    let roll = Affine([
        [roll_cos, -roll_sin, 0.0, rng.random_range(-20.0..20.0)],
        [roll_sin, roll_cos, 0.0, rng.random_range(-180.0..20.0)],
        [0.0, 0.0, 1.0, rng.random_range(-900.0..900.0)],
    ]);
    let lean = Affine([
        [lean_cos * size[0], 0.0, -lean_sin * size[2], 0.0],
        [0.0, size[1], 0.0, 0.0],
        [lean_sin * size[0], 0.0, lean_cos * size[2], 0.0],
    ]);
    roll.after(&lean)
}

/// For each voxel axis i, j, k: the patient axis (0 right, 1 anterior, 2 superior) and the direction along it.
fn directions_of(orientation: Orientation) -> [(usize, f64); 3] {
    let code = orientation.to_string();
    let mut letters = code.chars().map(|letter| match letter {
        'R' => (0, 1.0),
        'L' => (0, -1.0),
        'A' => (1, 1.0),
        'P' => (1, -1.0),
        'S' => (2, 1.0),
        _ => (2, -1.0),
    });
    std::array::from_fn(|axis| letters.next().unwrap_or((axis, 1.0)))
}

/// The map from voxels to the world for a grid with `centre` (mm) in its middle.
///
/// `directions`, `spacing` and `count` belong to the patient axes right, anterior, superior. Every number is one that
/// a file's 32-bit header fields hold exactly.
fn grid(
    orientation: Orientation,
    directions: [[f64; 3]; 3],
    spacing: [f64; 3],
    count: [usize; 3],
    centre: [f64; 3],
) -> Affine {
    let exact = |value: f64| f64::from(value as f32);
    let mut rows = [[0.0; 4]; 3];
    for (row, line) in rows.iter_mut().enumerate() {
        let mut origin = centre[row];
        for (column, &(axis, sign)) in directions_of(orientation).iter().enumerate() {
            line[column] = exact(sign * directions[axis][row] * spacing[axis]) + 0.0;
            origin -= line[column] * 0.5 * (count[axis] as f64 - 1.0);
        }
        line[3] = exact(origin);
    }
    Affine(rows)
}

/// Replaces each voxel by a mean of it and its two neighbours along `axis` with weights of a Gaussian of width `sigma`
/// (voxels); beyond the border the outermost voxel goes on.
fn blur_along(volume: &mut Array3<f32>, axis: Axis, sigma: f32) {
    let side = (-0.5 / (sigma * sigma)).exp();
    let (centre, side) = (1.0 / (1.0 + 2.0 * side), side / (1.0 + 2.0 * side));
    let source = volume.clone();
    let last = volume.len_of(axis) as isize - 1;
    volume.map_inplace(|value| *value *= centre);
    let mut add = |to: Slice, from: Slice| {
        let neighbours = source.slice_axis(axis, from);
        Zip::from(volume.slice_axis_mut(axis, to)).and(neighbours).for_each(|a, &b| *a += side * b);
    };
    add(Slice::from(1..), Slice::from(..last));
    add(Slice::from(..last), Slice::from(1..));
    add(Slice::from(..1), Slice::from(..1));
    add(Slice::from(last..), Slice::from(last..));
}

/// Normal deviates by the polar form of Box and Muller, which gives two at a time.
#[derive(Debug, Default)]
struct Gaussian {
    spare: Option<f32>,
}

impl Gaussian {
    fn draw(&mut self, rng: &mut impl Rng) -> f32 {
        if let Some(value) = self.spare.take() {
            return value;
        }
        loop {
            let (u, v) = (rng.random_range(-1.0f32..1.0), rng.random_range(-1.0f32..1.0));
            let square = u * u + v * v;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(v * factor);
                return u * factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn blurring_keeps_constants_and_the_sum_of_an_inner_point() {
        let mut flat = Array3::from_elem((3, 4, 5), 7.0f32);
        let mut point = Array3::zeros((5, 5, 5));
        point[[2, 2, 2]] = 1.0f32;
        for axis in 0..3 {
            blur_along(&mut flat, Axis(axis), 0.6);
            blur_along(&mut point, Axis(axis), 0.6);
        }
        assert!(flat.iter().all(|v| (v - 7.0).abs() < 1e-5));
        assert!((point.sum() - 1.0).abs() < 1e-5);
        assert!((point[[2, 2, 1]] - point[[1, 2, 2]]).abs() < 1e-7);
    }

    #[test]
    fn noise_has_mean_zero_and_the_stated_width() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut noise = Gaussian::default();
        let draws: Vec<f64> = (0..100_000).map(|_| f64::from(noise.draw(&mut rng))).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((variance - 1.0).abs() < 0.03, "{variance}");
    }

    #[test]
    fn the_grid_holds_the_patient_and_its_axes_point_as_the_code_says() {
        for (seed, code) in ["LPS", "RAS", "PIR", "SLA"].iter().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(seed as u64);
            let scan = Scan::draw(&mut rng, (165.0, 125.0), code.parse().unwrap(), 1.0);
            let [k, j, i] = scan.shape.map(|n| n as f64);
            let middle = scan.to_patient.apply([0.5 * (i - 1.0), 0.5 * (j - 1.0), 0.5 * (k - 1.0)]);
            assert!(middle[0].abs() < 20.0 && middle[1].abs() < 20.0, "{middle:?}");
            let first = scan.to_world.apply([0.0; 3]);
            let along_i = scan.to_world.apply([1.0, 0.0, 0.0]);
            let (axis, sign) = directions_of(code.parse().unwrap())[0];
            assert!((along_i[axis] - first[axis]) * sign > 2.0, "{code}");
        }
    }
}
