//! Volume, area and shape of surfaces.

use std::collections::BTreeSet;

use crate::Surface;

impl Surface {
    /// The enclosed volume in cubic millimetres, by the divergence theorem.
    #[must_use]
    pub fn volume_mm3(&self) -> f64 {
        // From a vertex instead of the origin, which may be far away.
        let Some(&origin) = self.vertices.first() else { return 0.0 };
        let six = self
            .triangles
            .iter()
            .map(|triangle| six_volumes(self.corners(triangle).map(|corner| difference(corner, origin))));
        six.sum::<f64>() / 6.0
    }

    /// The area in square millimetres.
    #[must_use]
    pub fn area_mm2(&self) -> f64 {
        let two = self.triangles.iter().map(|triangle| {
            let normal = self.normal(triangle);
            dot(normal, normal).sqrt()
        });
        two.sum::<f64>() / 2.0
    }

    /// Vertices minus edges plus triangles: 2 for each piece and for each void in it, minus 2 for each tunnel.
    #[must_use]
    pub fn euler_characteristic(&self) -> i64 {
        // Each edge belongs to two triangles.
        self.vertices.len() as i64 - self.triangles.len() as i64 * 3 / 2 + self.triangles.len() as i64
    }

    /// True if every edge belongs to exactly two triangles, which pass it in opposite directions.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let mut edges = BTreeSet::new();
        let directed = || self.triangles.iter().flat_map(|&[a, b, c]| [(a, b), (b, c), (c, a)]);
        directed().all(|edge| edges.insert(edge)) && directed().all(|(a, b)| edges.contains(&(b, a)))
    }

    /// Twice a triangle's area along its normal, which points outwards.
    pub(crate) fn normal(&self, triangle: &[u32; 3]) -> [f64; 3] {
        let [a, b, c] = self.corners(triangle);
        cross(difference(b, a), difference(c, a))
    }
}

/// Six times the volume of a tetrahedron between the origin and a triangle, positive if this looks away.
pub(crate) fn six_volumes([a, b, c]: [[f64; 3]; 3]) -> f64 {
    dot(a, cross(b, c))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn difference(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
