//! Polygons in a plane of pixels.

/// A place in a plane, in pixels; the centre of pixel `[row, column]` lies at whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanePoint {
    /// Along the plane's first axis.
    pub row: f64,
    /// Along the plane's second axis.
    pub column: f64,
}

/// A closed polygon: the last point is connected to the first one, which is not repeated.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Polygon {
    /// The vertices in order.
    pub points: Vec<PlanePoint>,
}

impl Polygon {
    /// The enclosed area in pixels, by the shoelace formula: positive if the polygon runs clockwise with columns to the
    /// right and rows downwards. A hole that a keyhole connects is not part of it.
    ///
    /// ```
    /// use medseg_volume::contours::{Holes, trace_contours};
    /// let plane = medseg_volume::ndarray::array![[true]];
    /// let outline = trace_contours(&plane.view(), &true, Holes::Keyhole);
    /// assert_eq!(outline[0].area(), 0.75 * 0.75);
    /// ```
    #[must_use]
    pub fn area(&self) -> f64 {
        let next = self.points.iter().cycle().skip(1);
        let cross = |(a, b): (&PlanePoint, &PlanePoint)| a.column * b.row - b.column * a.row;
        0.5 * self.points.iter().zip(next).map(cross).sum::<f64>()
    }
}
