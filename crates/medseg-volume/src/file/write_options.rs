//! Choices of writing.

use crate::{Extension, NiftiVersion};

/// Compression, version and further content of a file to be written.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct WriteOptions {
    /// gzip level 0 to 9; by default 2 for labels, smaller and quicker than other tools' fastest level, and 4 for images.
    pub level: Option<u32>,
    /// The format's version; by default that of the geometry's own header, or NIfTI-1, and NIfTI-2 where an axis has more
    /// than 32767 voxels.
    pub version: Option<NiftiVersion>,
    /// Marks the values as labels: sets the intent and the range shown.
    pub labels: bool,
    /// Extensions to put between header and voxels.
    pub extensions: Vec<Extension>,
    /// Slope and intercept that the header states, so that readers see `stored × slope + intercept`; NIfTI only.
    pub scaling: Option<(f32, f32)>,
}

impl WriteOptions {
    /// Sets the gzip level, 0 to 9, or `None` for the usual one.
    #[must_use]
    pub fn with_level(mut self, level: impl Into<Option<u32>>) -> Self {
        self.level = level.into();
        self
    }

    /// Sets the format's version.
    #[must_use]
    pub fn with_version(mut self, version: NiftiVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Marks the values as labels, or not.
    #[must_use]
    pub fn with_labels(mut self, labels: bool) -> Self {
        self.labels = labels;
        self
    }

    /// Puts extensions between header and voxels.
    #[must_use]
    pub fn with_extensions(mut self, extensions: Vec<Extension>) -> Self {
        self.extensions = extensions;
        self
    }

    /// States a slope and an intercept in the header: readers see `stored × slope + intercept`. Only NIfTI can.
    #[must_use]
    pub fn with_scaling(mut self, slope: f32, intercept: f32) -> Self {
        self.scaling = Some((slope, intercept));
        self
    }
}
