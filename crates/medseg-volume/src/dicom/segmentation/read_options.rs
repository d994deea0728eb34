//! Choices of reading a segmentation.

use crate::dicom::SourceSeries;
use crate::segments::{Overlap, SegmentChoice};
use crate::{Dhw, Geometry};

/// The segments, the grid and the limits of reading.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The grid of the result; by default the object's own, from its first frame to its last.
    pub grid: Option<(Dhw<usize>, Geometry)>,
    /// With a grid on which the frames do not lie, each of its voxels takes the label of the nearest voxel of the object,
    /// and what lies beyond the grid is left out. By default that is an error.
    pub nearest: bool,
    /// The segments that are read.
    pub segments: SegmentChoice,
    /// The label value of voxels that several segments claim.
    pub overlap: Overlap,
    /// The part of the largest value from which a voxel of a FRACTIONAL segmentation belongs to its segment; 0.5 by
    /// default.
    pub fraction: f64,
    /// Largest result, and largest PixelData, in bytes; 16 GiB by default.
    pub max_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            grid: None,
            nearest: false,
            segments: SegmentChoice::All,
            overlap: Overlap::Refuse,
            fraction: 0.5,
            max_bytes: 16 << 30,
        }
    }
}

impl ReadOptions {
    /// Places the frames on a grid, that of an image for example; slices without a frame are background.
    #[must_use]
    pub fn with_grid(mut self, shape: Dhw<usize>, geometry: Geometry) -> Self {
        self.grid = Some((shape, geometry));
        self
    }

    /// Places the frames on the grid of a series.
    #[must_use]
    pub fn with_grid_of(self, source: &SourceSeries) -> Self {
        self.with_grid(source.shape(), source.geometry().clone())
    }

    /// Takes the nearest voxel where the frames do not lie on the grid, or not.
    #[must_use]
    pub fn with_nearest(mut self, nearest: bool) -> Self {
        self.nearest = nearest;
        self
    }

    /// Chooses segments.
    #[must_use]
    pub fn with_segments(mut self, segments: SegmentChoice) -> Self {
        self.segments = segments;
        self
    }

    /// Sets the label value of voxels that several segments claim.
    #[must_use]
    pub fn with_overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Sets the part of the largest value from which a voxel belongs to its segment, above 0 and up to 1.
    #[must_use]
    pub fn with_fraction(mut self, fraction: f64) -> Self {
        self.fraction = fraction;
        self
    }

    /// Sets the largest result in bytes.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}
