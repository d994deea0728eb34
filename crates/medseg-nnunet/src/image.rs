//! Reading a case's channels as nnU-Net's reader classes do.

use std::path::{Path, PathBuf};

use medseg_volume::{Axes, Dhw, Geometry, Orientation, ReadOptions, Volume, VolumeError, VolumeFile};
use ndarray::{Array3, Array4, Axis, concatenate, s};

use crate::ResampleError;
use crate::resample::memory;

/// A reader class of the plans' `image_reader_writer`, for volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageReader {
    /// `SimpleITKIO`: voxels in file order, spacing as ITK has it.
    SimpleItk,
    /// `SimpleITKIOWithReorient`: axes that point to RAS.
    SimpleItkReorient,
    /// `NibabelIO`: voxels in file order, spacing of the header as f32.
    Nibabel,
    /// `NibabelIOWithReorient`: axes that point to RAS.
    NibabelReorient,
}

impl ImageReader {
    /// The reader of a class name, or `None` for a class that reads no volumes.
    ///
    /// ```
    /// use medseg_nnunet::ImageReader;
    /// assert_eq!(ImageReader::from_class("SimpleITKIO"), Some(ImageReader::SimpleItk));
    /// assert_eq!(ImageReader::from_class("NaturalImage2DIO"), None);
    /// ```
    #[must_use]
    pub fn from_class(name: &str) -> Option<Self> {
        match name {
            "SimpleITKIO" => Some(Self::SimpleItk),
            "SimpleITKIOWithReorient" => Some(Self::SimpleItkReorient),
            "NibabelIO" => Some(Self::Nibabel),
            "NibabelIOWithReorient" => Some(Self::NibabelReorient),
            _ => None,
        }
    }

    /// The change of axes that this reader makes of a file's.
    fn axes(self, geometry: &Geometry) -> Axes {
        match self {
            Self::SimpleItk | Self::Nibabel => Axes::IDENTITY,
            Self::SimpleItkReorient => Axes::between(itk_orientation(geometry), Orientation::RAS),
            Self::NibabelReorient => Axes::between(geometry.orientation(), Orientation::RAS),
        }
    }

    /// The spacing in mm along the file's axes.
    ///
    /// Of a NIfTI file that is `pixdim`, even where an sform has other lengths. ITK widens it to f64, converts units and
    /// makes 0 a 1. nibabel converts no units, and takes the affine's lengths, rounded to f32, where it reorients.
    fn spacing(self, geometry: &Geometry, axes: &Axes) -> Dhw<f64> {
        /// NIfTI's codes of metres and micrometres.
        const SCALES: [(i32, f64); 2] = [(1, 1e3), (3, 1e-3)];
        let Some(fields) = geometry.nifti_fields() else { return geometry.spacing() };
        let unit = SCALES.into_iter().find(|(code, _)| fields.xyzt_units & 7 == *code);
        let scale = unit.map_or(1.0, |(_, scale)| scale);
        let [_, i, j, k, ..] = fields.pixdim.map(|length| if length == 0.0 { 1.0 } else { length.abs() });
        let stored = Dhw { d: k, h: j, w: i };
        match self {
            Self::SimpleItk | Self::SimpleItkReorient => stored.map(|length| length * scale),
            Self::NibabelReorient if !axes.is_identity() => {
                geometry.spacing().map(|length| f64::from((length / scale) as f32))
            }
            Self::Nibabel | Self::NibabelReorient => stored.map(|length| f64::from(length as f32)),
        }
    }
}

/// The orientation that ITK sees. Of a NIfTI file's two forms it takes the sform only if that is of the scanner, or if there
/// is no qform; without both it has LPS.
fn itk_orientation(geometry: &Geometry) -> Orientation {
    /// NIfTI's code of a scanner's coordinates.
    const SCANNER: i32 = 1;
    /// ITK's axes point to the left, back and top.
    const LPS: [[f64; 4]; 3] = [[-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
    let Some(fields) = geometry.nifti_fields() else { return geometry.orientation() };
    let [x, y, z] = match (fields.qform_code, fields.sform_code) {
        (..=0, ..=0) => LPS,
        (_, SCANNER) | (..=0, _) => fields.srow,
        _ => fields.qform(),
    };
    let seen = Geometry::from_affine([x, y, z, [0.0, 0.0, 0.0, 1.0]]);
    seen.map_or_else(|_| geometry.orientation(), |seen| seen.orientation())
}

/// An image as nnU-Net's readers return it.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseImage {
    /// Voxels `[channel, depth, height, width]`.
    pub data: Array4<f32>,
    /// Spacing in mm along `[depth, height, width]`.
    pub spacing: [f64; 3],
    /// The first file's geometry, before any change of axes: that of the mask to write.
    pub geometry: Geometry,
    /// The change from the file's axes to those of `data`; its inverse leads a mask back.
    pub axes: Axes,
}

impl CaseImage {
    /// The image of one channel that was read by other means, such as a DICOM series; otherwise as [`new`](Self::new).
    #[must_use]
    pub fn from_volume(volume: Volume<f32>, reader: ImageReader) -> Self {
        Self::new(volume.data.insert_axis(Axis(0)), volume.geometry, reader)
    }

    /// The image `[channel, depth, height, width]` that was read by other means. Spacing is that of the geometry; where this
    /// is that of a NIfTI file, the reader's, so that the image is what [`read_case`] makes of the file.
    #[must_use]
    pub fn new(data: Array4<f32>, geometry: Geometry, reader: ImageReader) -> Self {
        let axes = reader.axes(&geometry);
        let spacing = axes.permuted(reader.spacing(&geometry, &axes)).to_array();
        if axes.is_identity() {
            return Self { data, spacing, geometry, axes };
        }
        let turned: Vec<_> = data.outer_iter().map(|channel| axes.apply(&channel).insert_axis(Axis(0))).collect();
        let views: Vec<_> = turned.iter().map(|channel| channel.view()).collect();
        // All channels have one shape.
        let data = concatenate(Axis(0), &views).unwrap_or(data);
        Self { data, spacing, geometry, axes }
    }
}

/// A case that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// No file at all.
    #[error("an image needs at least one file")]
    NoFiles,
    /// A file that cannot be read.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// Two channels of different shapes.
    #[error("{} has shape {shape:?}, {} has {other_shape:?}: the channels of a case must agree", path.display(), other.display())]
    Shapes {
        /// The first file.
        path: PathBuf,
        /// Its shape `[depth, height, width]`.
        shape: [usize; 3],
        /// The file that differs.
        other: PathBuf,
        /// Its shape.
        other_shape: [usize; 3],
    },
    /// Two channels of different spacings.
    #[error("{} has spacing {spacing:?} mm, {} has {other_spacing:?} mm: the channels of a case must agree", path.display(), other.display())]
    Spacings {
        /// The first file.
        path: PathBuf,
        /// Its spacing in mm along `[depth, height, width]`.
        spacing: [f64; 3],
        /// The file that differs.
        other: PathBuf,
        /// Its spacing.
        other_spacing: [f64; 3],
    },
    /// A mask with a value that is no label.
    #[error("{}: {value} is no label from -32768 to 32767", path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// The value.
        value: i32,
    },
    /// Channels that take more memory than allowed.
    #[error("{}: the channels of this case take {needed} bytes, over the limit of {limit}", path.display())]
    Limit {
        /// The first file.
        path: PathBuf,
        /// Bytes of all channels.
        needed: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Channels that a machine has no memory for.
    #[error(transparent)]
    Memory(#[from] ResampleError),
}

/// Reads the channels of a case, in the order of the files: `case_0000.nii.gz`, `case_0001.nii.gz` and so on. The further
/// axes of a file are channels too. A two-dimensional file is one slice, whose thickness changes nothing.
///
/// # Errors
/// No file, a file that cannot be read, channels of different shapes or spacings, more than 16 GiB.
///
/// ```
/// use medseg_nnunet::{ImageReader, read_case};
/// use medseg_volume::{Dhw, Geometry, Volume, write_image};
/// use ndarray::Array3;
///
/// let folder = tempfile::tempdir()?;
/// let paths = ["t1_0000.nii.gz", "t1_0001.nii.gz"].map(|name| folder.path().join(name));
/// let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.5, w: 0.75 })?;
/// for (path, value) in paths.iter().zip([1.0, 2.0]) {
///     write_image(path, &Volume::new(Array3::from_elem((2, 3, 4), value), geometry.clone()))?;
/// }
/// let image = read_case(&paths, ImageReader::SimpleItk)?;
/// assert_eq!(image.data.dim(), (2, 2, 3, 4));
/// assert_eq!(image.spacing, [5.0, 0.5, 0.75]);
/// assert_eq!(image.data[[1, 0, 0, 0]], 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_case<P: AsRef<Path>>(paths: &[P], reader: ImageReader) -> Result<CaseImage, ImageError> {
    let Some(path) = paths.first().map(AsRef::as_ref) else { return Err(ImageError::NoFiles) };
    let files: Vec<VolumeFile> = paths.iter().map(VolumeFile::open).collect::<Result<_, _>>()?;
    let channels: usize = files.iter().map(|file| file.info().channels).fold(0, usize::saturating_add);
    let first = files[0].info();
    let grid = |file: &VolumeFile| {
        let info = file.info();
        let axes = reader.axes(&info.geometry);
        let spacing = axes.permuted(reader.spacing(&info.geometry, &axes));
        (axes, axes.permuted(info.shape).to_array(), spacing.to_array())
    };
    let (axes, shape, spacing) = grid(&files[0]);
    for (file, other) in files.iter().zip(paths).skip(1) {
        let (_, other_shape, other_spacing) = grid(file);
        let (path, other) = (path.to_path_buf(), other.as_ref().to_path_buf());
        if shape != other_shape {
            return Err(ImageError::Shapes { path, shape, other, other_shape });
        }
        if !spacing.iter().zip(other_spacing).all(|(a, b)| (a - b).abs() <= 1e-8 + 1e-5 * a.abs()) {
            return Err(ImageError::Spacings { path, spacing, other, other_spacing });
        }
    }
    let options = ReadOptions::default();
    let [d, h, w] = shape;
    let needed = [channels, d, h, w, 4].into_iter().fold(1, |bytes: u64, n| bytes.saturating_mul(n as u64));
    if needed > options.max_bytes {
        return Err(ImageError::Limit { path: path.to_path_buf(), needed, limit: options.max_bytes });
    }
    let geometry = first.geometry.clone();
    if files.len() == 1 && axes.is_identity() {
        return Ok(CaseImage { data: files[0].channels(&options)?.0, spacing, geometry, axes });
    }
    let mut data = memory::zeros((channels, d, h, w))?;
    let mut at = 0;
    for file in &files {
        let (count, axes) = (file.info().channels, reader.axes(&file.info().geometry));
        let mut out = data.slice_mut(s![at..at + count, .., .., ..]);
        if count == 1 && axes.is_identity() {
            file.image_into(&options, &mut out.index_axis_mut(Axis(0), 0))?;
        } else {
            let (voxels, _) = file.channels(&options)?;
            for (mut out, channel) in out.axis_iter_mut(Axis(0)).zip(voxels.axis_iter(Axis(0))) {
                out.assign(&axes.view(channel));
            }
        }
        at += count;
    }
    Ok(CaseImage { data, spacing, geometry, axes })
}

/// Reads a mask of whole numbers `[depth, height, width]`, with the reader's axes: that of a cascade's stage before.
///
/// # Errors
/// A file that cannot be read or has more than one channel, a value that is no whole number of i16.
pub fn read_case_mask(path: impl AsRef<Path>, reader: ImageReader) -> Result<Array3<i16>, ImageError> {
    let path = path.as_ref();
    let labels = VolumeFile::open(path)?.label_values(&ReadOptions::default())?;
    let axes = reader.axes(&labels.geometry);
    if let Some(value) = labels.data.iter().copied().find(|value| i16::try_from(*value).is_err()) {
        return Err(ImageError::Label { path: path.to_path_buf(), value });
    }
    let labels = labels.data.mapv(|value| i16::try_from(value).unwrap_or_default());
    Ok(if axes.is_identity() { labels } else { axes.apply(&labels.view()) })
}
