//! Smoothing that does not shrink.

use crate::Surface;
use crate::measure::{difference, six_volumes};

/// A piece that smoothing leaves less than this part of its volume is too small to be smoothed.
const SMALLEST_PART: f64 = 0.5;

/// Taubin's smoothing ("A signal processing approach to fair surface design", SIGGRAPH 1995).
///
/// An iteration moves every vertex by `forward` of the way to the mean of its neighbours, then by more of it backwards. Waves
/// of frequencies above `pass_band` fade, and longer ones grow a little; in the end every piece is scaled about the mean of
/// its vertices, so that it has its volume of before. Pieces of few voxels, which would lose half of their volume, are left
/// as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Smoothing {
    /// Number of iterations; 0 changes nothing.
    pub iterations: usize,
    /// Part of the way to the neighbours' mean, above 0 and below 1.
    pub forward: f64,
    /// Frequency that neither grows nor fades, above 0 and at most 1.
    pub pass_band: f64,
}

impl Default for Smoothing {
    /// 20 iterations, half of the way, a pass band of 0.1, which takes the steps of voxels away.
    fn default() -> Self {
        Self { iterations: 20, forward: 0.5, pass_band: 0.1 }
    }
}

impl Smoothing {
    /// Sets the number of iterations.
    #[must_use]
    pub fn with_iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets the part of the way to the neighbours' mean, limited to 0.01 to 0.99.
    #[must_use]
    pub fn with_forward(mut self, forward: f64) -> Self {
        self.forward = forward.clamp(0.01, 0.99);
        self
    }

    /// Sets the frequency that neither grows nor fades, limited to 0.001 to 1.
    #[must_use]
    pub fn with_pass_band(mut self, pass_band: f64) -> Self {
        self.pass_band = pass_band.clamp(0.001, 1.0);
        self
    }

    /// The part of the way backwards, negative: a wave of the pass band's frequency is left as it is.
    fn backward(&self) -> f64 {
        1.0 / (self.pass_band - 1.0 / self.forward)
    }
}

impl Surface {
    /// The surface with its vertices smoothed; the triangles are the same, and so is the volume of every piece.
    ///
    /// ```
    /// use medseg_surface::{Smoothing, Surface};
    /// use medseg_volume::{Dhw, Geometry, Volume, ndarray::Array3};
    /// let geometry = Geometry::from_spacing(Dhw::splat(1.0))?;
    /// let ball = Array3::from_shape_fn((25, 25, 25), |(d, h, w)| {
    ///     [d, h, w].into_iter().map(|at| (at as f64 - 12.0).powi(2)).sum::<f64>() <= 100.0
    /// });
    /// let surface = Surface::of_label(&Volume::new(ball, geometry), &true)?;
    /// let smooth = surface.smoothed(&Smoothing::default());
    /// assert!(smooth.area_mm2() < 0.97 * surface.area_mm2());
    /// assert!((smooth.volume_mm3() / surface.volume_mm3() - 1.0).abs() < 1e-9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn smoothed(&self, smoothing: &Smoothing) -> Self {
        let neighbours = Neighbours::of(self);
        let mut vertices = self.vertices.clone();
        let mut moved = vertices.clone();
        for _ in 0..smoothing.iterations {
            for part in [smoothing.forward, smoothing.backward()] {
                for (vertex, to) in moved.iter_mut().enumerate() {
                    let (from, mean) = (vertices[vertex], neighbours.mean(vertex, &vertices));
                    *to = std::array::from_fn(|axis| from[axis] + part * (mean[axis] - from[axis]));
                }
                std::mem::swap(&mut vertices, &mut moved);
            }
        }
        let mut smooth = Self { vertices, triangles: self.triangles.clone() };
        if smoothing.iterations > 0 {
            smooth.restore_volumes(self, &neighbours.pieces());
        }
        smooth
    }

    /// Scales every piece about the mean of its vertices to its volume before smoothing, or undoes its smoothing.
    fn restore_volumes(&mut self, before: &Self, pieces: &[usize]) {
        let count = pieces.iter().max().map_or(0, |last| last + 1);
        let (mut volumes, mut sums) = (vec![[0.0; 2]; count], vec![([0.0; 3], 0.0); count]);
        for (vertex, piece) in self.vertices.iter().zip(pieces) {
            let (sum, vertices) = &mut sums[*piece];
            sum.iter_mut().zip(vertex).for_each(|(sum, value)| *sum += value);
            *vertices += 1.0;
        }
        let means: Vec<[f64; 3]> = sums.into_iter().map(|(sum, vertices)| sum.map(|value| value / vertices)).collect();
        for triangle in &self.triangles {
            let piece = pieces[triangle[0] as usize];
            for (volume, surface) in volumes[piece].iter_mut().zip([before, &*self]) {
                *volume += six_volumes(surface.corners(triangle).map(|corner| difference(corner, means[piece])));
            }
        }
        for ((vertex, before), piece) in self.vertices.iter_mut().zip(&before.vertices).zip(pieces) {
            let [wanted, smooth] = volumes[*piece];
            if smooth / wanted >= SMALLEST_PART {
                let (scale, mean) = ((wanted / smooth).cbrt(), means[*piece]);
                *vertex = std::array::from_fn(|axis| mean[axis] + scale * (vertex[axis] - mean[axis]));
            } else {
                *vertex = *before;
            }
        }
    }
}

/// The vertices that share an edge with each vertex.
struct Neighbours {
    /// The end of each vertex's neighbours in `vertices`.
    ends: Vec<usize>,
    vertices: Vec<u32>,
}

impl Neighbours {
    /// In the order of triangles. In a closed surface every neighbour follows a vertex in exactly one triangle.
    fn of(surface: &Surface) -> Self {
        let mut ends = vec![0; surface.vertices.len()];
        for vertex in surface.triangles.iter().flatten() {
            ends[*vertex as usize] += 1;
        }
        let mut sum = 0;
        let mut places: Vec<usize> = ends
            .iter_mut()
            .map(|end| {
                let start = sum;
                sum += *end;
                *end = sum;
                start
            })
            .collect();
        let mut vertices = vec![0; sum];
        for &[a, b, c] in &surface.triangles {
            for (vertex, next) in [(a, b), (b, c), (c, a)] {
                let place = &mut places[vertex as usize];
                vertices[*place] = next;
                *place += 1;
            }
        }
        Self { ends, vertices }
    }

    /// The neighbours of a vertex.
    fn at(&self, vertex: usize) -> &[u32] {
        let start = if vertex == 0 { 0 } else { self.ends[vertex - 1] };
        &self.vertices[start..self.ends[vertex]]
    }

    /// The piece of the surface that each vertex belongs to, numbered by their first vertices.
    fn pieces(&self) -> Vec<usize> {
        let mut pieces = vec![usize::MAX; self.ends.len()];
        let (mut count, mut open) = (0, Vec::new());
        for start in 0..pieces.len() {
            if pieces[start] == usize::MAX {
                pieces[start] = count;
                open.push(start);
                while let Some(vertex) = open.pop() {
                    for neighbour in self.at(vertex).iter().map(|neighbour| *neighbour as usize) {
                        if pieces[neighbour] == usize::MAX {
                            pieces[neighbour] = count;
                            open.push(neighbour);
                        }
                    }
                }
                count += 1;
            }
        }
        pieces
    }

    fn mean(&self, vertex: usize, places: &[[f64; 3]]) -> [f64; 3] {
        let neighbours = self.at(vertex);
        let mut sum = [0.0; 3];
        for neighbour in neighbours {
            let place = places[*neighbour as usize];
            sum.iter_mut().zip(place).for_each(|(sum, value)| *sum += value);
        }
        sum.map(|value| value / neighbours.len() as f64)
    }
}
