//! Errors of surfaces.

use std::path::PathBuf;

/// An error of making or writing a surface.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurfaceError {
    /// No voxel has the label.
    #[error("no voxel has the label, so there is no surface")]
    Empty,
    /// The surface has more vertices or triangles than 32 bits can number.
    #[error("the surface has more vertices or triangles than a file can number (4,294,967,295)")]
    Large,
    /// The system could not write a file.
    #[error("cannot write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
