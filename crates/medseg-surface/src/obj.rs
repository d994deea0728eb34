//! Wavefront OBJ.

use std::io::{BufWriter, Write};
use std::path::Path;

use medseg_files::AtomicFile;

use crate::{Space, Surface, SurfaceError};

impl Surface {
    /// Writes a Wavefront OBJ file: the vertices in single precision, and triangles that share them.
    ///
    /// # Errors
    /// [`SurfaceError::Io`]; the old file, if any, is left as it was.
    pub fn write_obj(&self, path: impl AsRef<Path>, space: Space) -> Result<(), SurfaceError> {
        let path = path.as_ref();
        let write = || -> std::io::Result<()> {
            let file = AtomicFile::create(path)?;
            let mut to = BufWriter::with_capacity(1 << 18, file.file());
            writeln!(to, "# medseg, millimetres")?;
            for vertex in &self.vertices {
                let [x, y, z] = space.of_ras(*vertex);
                writeln!(to, "v {x} {y} {z}")?;
            }
            for triangle in &self.triangles {
                // Counted from 1.
                let [a, b, c] = triangle.map(|vertex| u64::from(vertex) + 1);
                writeln!(to, "f {a} {b} {c}")?;
            }
            to.flush()?;
            drop(to);
            file.commit()
        };
        write().map_err(|source| SurfaceError::Io { path: path.to_path_buf(), source })
    }
}
