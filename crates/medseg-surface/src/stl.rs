//! Binary STL.

use std::io::{BufWriter, Write};
use std::path::Path;

use medseg_files::AtomicFile;

use crate::{Space, Surface, SurfaceError};

/// The start of a file; readers take files that begin with `solid` for text.
const HEADER: &[u8; 80] = b"binary STL by medseg, millimetres                                               ";

impl Surface {
    /// Writes a binary STL file: each triangle with its normal and corners, in single precision.
    ///
    /// # Errors
    /// [`SurfaceError::Io`]; the old file, if any, is left as it was.
    pub fn write_stl(&self, path: impl AsRef<Path>, space: Space) -> Result<(), SurfaceError> {
        let path = path.as_ref();
        let count = u32::try_from(self.triangles.len()).map_err(|_| SurfaceError::Large)?;
        let write = || -> std::io::Result<()> {
            let file = AtomicFile::create(path)?;
            let mut to = BufWriter::with_capacity(1 << 18, file.file());
            to.write_all(HEADER)?;
            to.write_all(&count.to_le_bytes())?;
            for triangle in &self.triangles {
                let normal = self.normal(triangle);
                let length = normal.iter().map(|value| value * value).sum::<f64>().sqrt();
                // A triangle without area has no normal, which readers then compute, or not.
                let normal = if length > 0.0 { normal.map(|value| value / length) } else { [0.0; 3] };
                for place in [normal].iter().chain(&self.corners(triangle)) {
                    for value in space.of_ras(*place) {
                        to.write_all(&value.to_le_bytes())?;
                    }
                }
                to.write_all(&[0; 2])?;
            }
            to.flush()?;
            drop(to);
            file.commit()
        };
        write().map_err(|source| SurfaceError::Io { path: path.to_path_buf(), source })
    }
}
