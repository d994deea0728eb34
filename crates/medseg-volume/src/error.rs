//! Errors of volumes and their files.

use std::path::{Path, PathBuf};

use crate::Dhw;

/// An error of this crate; its message is one sentence that names the file, and leaves its cause to
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// The system could not open, read or write a file.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The action that failed.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is not sound.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The part that is wrong.
        kind: MalformedKind,
        /// The fault, for people.
        reason: String,
    },
    /// A file holds a value that cannot be read as asked.
    #[error(
        "{}: {value} {fault}, at voxel [{}, {}, {}] (depth, height, width)",
        path.display(),
        voxel.d,
        voxel.h,
        voxel.w
    )]
    Value {
        /// The file.
        path: PathBuf,
        /// The value, after scaling.
        value: f64,
        /// The first voxel that has such a value, counted from 0.
        voxel: Dhw<usize>,
        /// The fault.
        fault: ValueFault,
    },
    /// A file is sound but of a kind this crate does not read, or not as asked.
    #[error("{}: {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The property that is not read.
        kind: UnsupportedKind,
        /// The same with its value, for people.
        reason: String,
    },
    /// Reading would take more memory than allowed.
    #[error("{}: needs {needed} bytes, more than the {limit} allowed", path.display())]
    Limit {
        /// The file.
        path: PathBuf,
        /// Bytes of the result.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The system has no memory for a result within the limit.
    #[error("{}: no memory for {needed} bytes of voxels", path.display())]
    OutOfMemory {
        /// The file.
        path: PathBuf,
        /// Bytes of the result.
        needed: u64,
    },
    /// A DICOM series cannot be read.
    #[cfg(feature = "dicom")]
    #[error(transparent)]
    Series(Box<crate::dicom::DicomError>),
    /// An affine that maps no grid.
    #[error("geometry: {0}")]
    Geometry(GeometryFault),
    /// Letters that are no axis code.
    #[error("{0:?} is no axis code: it takes one letter of R/L, one of A/P and one of S/I, as in \"LPS\"")]
    AxisCode(String),
    /// A volume cannot be stored in the format, or not as asked.
    #[error("cannot write {}: {fault}", path.display())]
    Unstorable {
        /// The file.
        path: PathBuf,
        /// The obstacle.
        fault: UnstorableFault,
    },
}

/// Parts of a file that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MalformedKind {
    /// The file is not of its format at all.
    Format,
    /// A header that cannot be true.
    Header,
    /// A geometry that maps no grid.
    Geometry,
    /// The file ends too early.
    Truncated,
    /// Compressed content that cannot be unpacked, or whose checksum is another.
    Damaged,
    /// Voxels none of which is a finite number.
    Value,
}

/// Faults of a voxel's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ValueFault {
    /// A label map as u8 cannot hold it.
    #[error("is not a label (whole number from 0 to 255)")]
    NoU8,
    /// A label map as i32 cannot hold it.
    #[error("is not a label (whole number that i32 holds)")]
    NoI32,
    /// A label map cannot hold it, whatever its type.
    #[error("is not a label (whole number)")]
    NotWhole,
    /// f32 would alter it.
    #[error("has no f32 of its own; `read_stored` keeps it")]
    NoF32,
}

/// Properties of sound files that are not read, or not as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnsupportedKind {
    /// A format, or a variant of one.
    Format,
    /// A type of voxels: complex, colour, single bits, 128-bit, float pixels in DICOM.
    Datatype,
    /// A compression, or a transfer syntax.
    Compression,
    /// Values that a lookup table gives.
    LookupTable,
    /// Several channels, times or frames in the place of one volume.
    Channels,
    /// A request that does not fit the file: slices that are not there, memory of another shape.
    Request,
}

/// Faults of an affine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryFault {
    /// An entry is NaN or infinite.
    #[error("the affine has an entry that is not a number")]
    NotFinite,
    /// The last row is not 0 0 0 1.
    #[error("the affine's last row must be 0 0 0 1")]
    LastRow,
    /// Two axes are parallel, or one has no length.
    #[error("the affine is singular")]
    Singular,
}

/// Obstacles to storing a volume.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnstorableFault {
    /// The name's ending tells no format.
    #[error("the name must end in .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd")]
    Ending,
    /// The name of the voxels' file beside the header cannot be stated in it.
    #[error("a header cannot state such a name of the file with its voxels")]
    Name,
    /// There are no voxels.
    #[error("{0} voxels are none")]
    Empty(Dhw<usize>),
    /// An axis is longer than the version's dimensions can say.
    #[error("NIfTI-1 holds up to 32767 voxels along an axis, not {0}")]
    LongAxis(u64),
    /// gzip has no such level.
    #[error("gzip has levels 0 to 9, not {0}")]
    Level(u32),
    /// A DICOM element is too long for its length field; its tag.
    #[error("the element {0} is longer than its length field can say")]
    LongElement(String),
    /// An extension is too long for its length field.
    #[error("an extension has 2 GiB or more")]
    Extension,
    /// The header's numbers would not mean this geometry.
    #[error("its geometry does not fit into a header: {0}")]
    Geometry(GeometryFault),
}

#[cfg(feature = "dicom")]
impl From<crate::dicom::DicomError> for VolumeError {
    fn from(error: crate::dicom::DicomError) -> Self {
        match error {
            crate::dicom::DicomError::File(error) => error,
            error => Self::Series(Box::new(error)),
        }
    }
}

impl VolumeError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn malformed(path: &Path, kind: MalformedKind, reason: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_path_buf(), kind, reason: reason.into() }
    }

    pub(crate) fn unsupported(path: &Path, kind: UnsupportedKind, reason: impl Into<String>) -> Self {
        Self::Unsupported { path: path.to_path_buf(), kind, reason: reason.into() }
    }

    pub(crate) fn unstorable(path: &Path, fault: UnstorableFault) -> Self {
        Self::Unstorable { path: path.to_path_buf(), fault }
    }
}
