//! A file whose header was read, and its voxels on request.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::{Array3, Array4, Axis};

use super::chunks::{CHUNK, Parts, Stop, for_each};
use super::header::{Header, VolumeInfo};
use super::source::{Source, partner};
use super::voxel::{Decoder, Stored, Voxel};
use super::{Datatype, StoredVoxels};
use crate::{Dhw, Geometry, Volume, VolumeError};

/// Buffer that headers are read with.
const HEADER_BUFFER: usize = 1 << 13;

/// Limits and parts of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// Largest result in bytes; a header that promises more is refused before memory is taken.
    pub max_bytes: u64,
    /// Read only these slices along the depth axis (k). The others of an uncompressed file are not read at all; those of
    /// a gzipped one are unpacked and dropped.
    pub slices: Option<Range<usize>>,
    /// Refuse what f32 would alter, unscaled whole numbers beyond 2²⁴ that it rounds and finite numbers that it makes
    /// infinite; otherwise they become the nearest f32. [`NiftiFile::stored`] and labels are always exact.
    pub exact: bool,
}

impl Default for ReadOptions {
    /// 16 GiB, all slices, the nearest f32.
    fn default() -> Self {
        Self { max_bytes: 16 << 30, slices: None, exact: false }
    }
}

/// A NIfTI file whose header was read and found sound; its voxels are read on request.
///
/// ```
/// use medseg_volume::{Dhw, Geometry, NiftiFile, ReadOptions, Volume, write_image};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ct.nii");
/// # let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 })?;
/// # write_image(&path, &Volume::new(ndarray::Array3::from_elem((30, 4, 5), -1000.0), geometry))?;
/// let file = NiftiFile::open(&path)?;
/// println!("{} voxels of {}", file.info().shape, file.info().datatype);
/// let middle = file.image(&ReadOptions { slices: Some(10..12), ..ReadOptions::default() })?;
/// assert_eq!(middle.shape(), Dhw { d: 2, h: 4, w: 5 });
/// assert_eq!(middle.geometry.voxel_to_world(Dhw::splat(0.0)), [0.0, 0.0, 50.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct NiftiFile {
    header: Header,
    /// Where the voxels are.
    voxels: Source,
}

impl NiftiFile {
    /// Reads the header of a `.nii`, or of a `.hdr`/`.img` pair by either name; each gzipped or not, told by content.
    ///
    /// # Errors
    /// A file that is missing, too short or no NIfTI file, a header that cannot be true, a kind that is not read
    /// (complex, colour, 128-bit), or a geometry that is singular or not finite.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, VolumeError> {
        let path = path.as_ref();
        // A name in .img stands for its header, if there is one.
        if let Some(header) = partner(path, "img", "hdr").filter(|header| header.exists()) {
            let file = Self::read_header(Source::Path(header.clone()))?;
            if file.header.single {
                return Err(VolumeError::malformed(&header, "its magic number is not that of a .hdr/.img pair"));
            }
            return Ok(Self { voxels: Source::Path(path.to_path_buf()), ..file });
        }
        let mut file = Self::read_header(Source::Path(path.to_path_buf()))?;
        if !file.header.single {
            let voxels: PathBuf = partner(path, "hdr", "img").ok_or_else(|| {
                VolumeError::unsupported(path, "the header of a .hdr/.img pair, but its name does not end in .hdr")
            })?;
            file.voxels = Source::Path(voxels);
        }
        Ok(file)
    }

    /// Reads the header of a file that is in memory, gzipped or not.
    ///
    /// # Errors
    /// As [`NiftiFile::open`]; and the header of a `.hdr`/`.img` pair.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self, VolumeError> {
        let file = Self::read_header(Source::Memory(bytes.into()))?;
        if !file.header.single {
            return Err(VolumeError::unsupported(file.voxels.name(), "the header of a .hdr/.img pair without voxels"));
        }
        Ok(file)
    }

    fn read_header(source: Source) -> Result<Self, VolumeError> {
        let mut input = source.open(HEADER_BUFFER)?;
        let header = Header::read(&mut input.content, source.name())?;
        Ok(Self { header, voxels: source })
    }

    /// What the header says.
    #[must_use]
    pub fn info(&self) -> &VolumeInfo {
        &self.header.info
    }

    /// The same, for keeps.
    #[must_use]
    pub fn into_info(self) -> VolumeInfo {
        self.header.info
    }

    /// The voxels of a 3D file as f32, scaled by the file's slope and intercept in f64.
    ///
    /// # Errors
    /// A file that is truncated or damaged, more than one channel, a result over the limit, slices that are not there, or
    /// a value that f32 would alter if that is to be [exact](ReadOptions::exact).
    pub fn image(&self, options: &ReadOptions) -> Result<Volume<f32>, VolumeError> {
        self.volume(options)
    }

    /// The voxels of a 3D label map: whole numbers from 0 to 255, whatever the stored type.
    ///
    /// # Errors
    /// As [`NiftiFile::image`], and a value that is no whole number from 0 to 255 after scaling.
    pub fn label(&self, options: &ReadOptions) -> Result<Volume<u8>, VolumeError> {
        self.volume(options)
    }

    /// The voxels of any number of dimensions as f32 `[channel, depth, height, width]`; the axes after the third are the
    /// channels, the last slowest.
    ///
    /// # Errors
    /// As [`NiftiFile::image`], channels excepted.
    pub fn channels(&self, options: &ReadOptions) -> Result<(Array4<f32>, Geometry), VolumeError> {
        let slices = self.slices(options)?;
        Ok((self.voxels(options, &slices)?, self.geometry(&slices)))
    }

    /// The voxels of any number of dimensions in the stored type, not scaled.
    ///
    /// # Errors
    /// As [`NiftiFile::channels`]; every value is kept.
    pub fn stored(&self, options: &ReadOptions) -> Result<(StoredVoxels, Geometry), VolumeError> {
        let slices = self.slices(options)?;
        macro_rules! read_as {
            ($($variant:ident),*) => {
                match self.header.info.datatype {
                    $(Datatype::$variant => StoredVoxels::$variant(self.numbers(options, &slices)?),)*
                }
            };
        }
        let voxels = read_as!(U8, I8, U16, I16, U32, I32, U64, I64, F32, F64);
        Ok((voxels, self.geometry(&slices)))
    }

    fn volume<V: Voxel>(&self, options: &ReadOptions) -> Result<Volume<V>, VolumeError> {
        let VolumeInfo { shape, channels, .. } = self.header.info;
        if channels != 1 {
            let reason = format!("{shape} with {channels} channels or times is not a 3D volume");
            return Err(VolumeError::unsupported(self.voxels.name(), reason));
        }
        let slices = self.slices(options)?;
        let data: Array3<V> = self.voxels(options, &slices)?.index_axis_move(Axis(0), 0);
        Ok(Volume::new(data, self.geometry(&slices)))
    }

    /// The slices to read.
    fn slices(&self, options: &ReadOptions) -> Result<Range<usize>, VolumeError> {
        let all = 0..self.header.info.shape.d;
        let wanted = options.slices.clone().unwrap_or_else(|| all.clone());
        if wanted.is_empty() || wanted.end > all.end {
            let reason = format!("slices {wanted:?} of {} cannot be read", all.end);
            return Err(VolumeError::unsupported(self.voxels.name(), reason));
        }
        Ok(wanted)
    }

    fn geometry(&self, slices: &Range<usize>) -> Geometry {
        self.header.info.geometry.cropped(Dhw { d: slices.start as isize, h: 0, w: 0 })
    }

    fn voxels<V: Voxel>(&self, options: &ReadOptions, slices: &Range<usize>) -> Result<Array4<V>, VolumeError> {
        let decoder = self.decoder(options);
        self.read(options, slices, |bytes, out| decoder.decode(bytes, out))
    }

    fn numbers<S: Stored>(&self, options: &ReadOptions, slices: &Range<usize>) -> Result<Array4<S>, VolumeError> {
        let decoder = self.decoder(options);
        self.read(options, slices, |bytes, out| {
            decoder.decode_stored(bytes, out);
            Ok(())
        })
    }

    fn decoder(&self, options: &ReadOptions) -> Decoder {
        let VolumeInfo { datatype, big_endian, scaling, .. } = self.header.info;
        Decoder { datatype, big_endian, scaling, exact: options.exact }
    }

    /// Reads slices of all channels; `append` converts bytes into numbers.
    fn read<V: Send>(
        &self,
        options: &ReadOptions,
        slices: &Range<usize>,
        append: impl Fn(&mut [u8], &mut Vec<V>) -> Result<(), String>,
    ) -> Result<Array4<V>, VolumeError> {
        let path = self.voxels.name();
        let input = self.voxels.open(CHUNK)?;
        let header = &self.header;
        if header.offset.saturating_add(header.stored_bytes) > input.available {
            return Err(VolumeError::malformed(path, "too short for the dimensions in its header"));
        }
        let shape = Dhw { d: slices.len(), ..header.info.shape };
        let dim = (header.info.channels, shape.d, shape.h, shape.w);
        // The product of all sides fits into u64, as the header's check found.
        let count = (dim.0 as u64) * (dim.1 as u64) * (dim.2 as u64) * (dim.3 as u64);
        let mut data: Vec<V> = self.reserve(count, options)?;
        match for_each(input, self.parts(slices), |bytes| append(bytes, &mut data)) {
            Ok(()) => {}
            Err(Stop::Convert(reason)) => return Err(VolumeError::malformed(path, reason)),
            Err(Stop::Read(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(VolumeError::malformed(path, "it ends before its last voxel"));
            }
            Err(Stop::Read(e)) => {
                return Err(VolumeError::malformed(path, format!("it cannot be read to the end: {e}")));
            }
        }
        Array4::from_shape_vec(dim, data).map_err(|e| VolumeError::malformed(path, e.to_string()))
    }

    /// Room for a number of voxels, unless that is over the limit.
    fn reserve<V>(&self, count: u64, options: &ReadOptions) -> Result<Vec<V>, VolumeError> {
        let path = self.voxels.name();
        let needed = count.saturating_mul(size_of::<V>() as u64);
        if needed > options.max_bytes {
            return Err(VolumeError::Limit { path: path.to_path_buf(), needed, limit: options.max_bytes });
        }
        let out_of_memory = || VolumeError::malformed(path, format!("no memory for {needed} bytes of voxels"));
        let mut data = Vec::new();
        data.try_reserve_exact(usize::try_from(count).map_err(|_| out_of_memory())?).map_err(|_| out_of_memory())?;
        Ok(data)
    }

    /// Where the slices' bytes are.
    fn parts(&self, slices: &Range<usize>) -> Parts {
        let info = &self.header.info;
        let slice = (info.shape.h * info.shape.w * info.datatype.bytes()) as u64;
        let (start, length) = (slices.start as u64 * slice, slices.len() as u64 * slice);
        Parts {
            first: self.header.offset + start,
            runs: info.channels as u64,
            length,
            between: info.shape.d as u64 * slice - length,
        }
    }
}
