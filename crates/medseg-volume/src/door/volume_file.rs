//! A file whose header was read, and its voxels on request.

use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use medseg_kernels::memory::prefer_large_pages;
use ndarray::{Array3, Array4, ArrayViewMut3, Axis};

use super::format::{Format, READ_ENDINGS};
use crate::file::{
    CHUNK, Decoder, Header, Input, LabelTable, Packing, Parts, Refused, Source, Stop, Voxel, read_parts,
};
use crate::{
    Datatype, Dhw, Geometry, LabelChoice, MalformedKind, Stored, StoredVoxels, UnsupportedKind, Volume, VolumeError,
    VolumeInfo, c_order, metaimage, nifti, nrrd,
};

/// Limits and parts of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Largest result in bytes; a header that promises more is refused before memory is taken.
    pub max_bytes: u64,
    /// Read only these slices along the depth axis (k). The others of an uncompressed file are not read at all; those of
    /// a gzipped one are unpacked and dropped.
    pub slices: Option<Range<usize>>,
    /// Refuse what f32 would alter, unscaled whole numbers beyond 2²⁴ that it rounds and finite numbers that it makes
    /// infinite; otherwise they become the nearest f32. [`VolumeFile::stored`] and labels are always exact.
    pub exact: bool,
}

impl Default for ReadOptions {
    /// 16 GiB, all slices, the nearest f32.
    fn default() -> Self {
        Self { max_bytes: 16 << 30, slices: None, exact: false }
    }
}

impl ReadOptions {
    /// Sets the largest result in bytes.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Reads only these slices along the depth axis, or all for `None`.
    #[must_use]
    pub fn with_slices(mut self, slices: impl Into<Option<Range<usize>>>) -> Self {
        self.slices = slices.into();
        self
    }

    /// Refuses what f32 would alter.
    #[must_use]
    pub fn with_exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }
}

/// The first bytes of a file, as they stand.
fn start_of(source: &Source) -> Result<Vec<u8>, VolumeError> {
    let mut start = Vec::new();
    let input = source.from(0, Packing::None).open(64)?;
    input.content.take(16).read_to_end(&mut start).map_err(VolumeError::io("read", source.name()))?;
    Ok(start)
}

/// A file whose header was read and found sound; its voxels are read on request.
///
/// ```
/// use medseg_volume::{Dhw, Geometry, VolumeFile, ReadOptions, Volume, write_image};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ct.nii");
/// # let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 })?;
/// # write_image(&path, &Volume::new(ndarray::Array3::from_elem((30, 4, 5), -1000.0), geometry))?;
/// let file = VolumeFile::open(&path)?;
/// println!("{} voxels of {}", file.info().shape, file.info().datatype);
/// let middle = file.image(&ReadOptions::default().with_slices(10..12))?;
/// assert_eq!(middle.shape(), Dhw { d: 2, h: 4, w: 5 });
/// assert_eq!(middle.geometry.voxel_to_world(Dhw::splat(0.0)), [0.0, 0.0, 50.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct VolumeFile {
    header: Header,
    /// The voxels' bytes.
    voxels: Source,
}

impl VolumeFile {
    /// Reads the header of a NIfTI, NRRD or MetaImage file, which the ending of its name tells, or else its first bytes.
    ///
    /// NIfTI: a `.nii`, or a `.hdr`/`.img` pair by either name, each gzipped or not by its content. NRRD: `.nrrd`, or a
    /// `.nhdr` with its data file. MetaImage: `.mha`, or a `.mhd` with its data file.
    ///
    /// # Errors
    /// A file that is missing, too short or of no known format, a header that cannot be true, a kind that is not read
    /// (complex, colour, 128-bit), or a geometry that is singular or not finite.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, VolumeError> {
        let path = path.as_ref();
        let by_name = Format::of_name(path);
        let source = Source::path(path);
        let format = match by_name {
            Some(format) => format,
            None => Format::of_content(&start_of(&source)?),
        };
        let opened = match format {
            Format::Nifti => nifti::open(path),
            Format::Nrrd => nrrd::from_source(source),
            Format::MetaImage => metaimage::from_source(source),
        };
        let (header, voxels) = opened.map_err(|error| match error {
            VolumeError::Malformed { kind: MalformedKind::Format, .. } if by_name.is_none() => {
                let dicom = if cfg!(feature = "dicom") { ", and DICOM files and folders" } else { "" };
                let reason = format!("of no known format; the endings {READ_ENDINGS} are read{dicom}");
                VolumeError::unsupported(path, UnsupportedKind::Format, reason)
            }
            error => error,
        })?;
        Ok(Self { header, voxels })
    }

    /// Reads the header of a file that is in memory, of any format that [`VolumeFile::open`] reads, by its content.
    ///
    /// # Errors
    /// As [`VolumeFile::open`]; and a header whose voxels are in another file.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self, VolumeError> {
        let source = Source::memory(bytes);
        let (header, voxels) = match Format::of_content(&start_of(&source)?) {
            Format::Nifti => nifti::from_source(source),
            Format::Nrrd => nrrd::from_source(source),
            Format::MetaImage => metaimage::from_source(source),
        }?;
        Ok(Self { header, voxels })
    }

    /// From a checked header and the source of its voxels.
    #[cfg(feature = "nifti")]
    pub(crate) fn from_header(header: Header, voxels: Source) -> Self {
        Self { header, voxels }
    }

    /// The header's content.
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

    /// [`VolumeFile::image`] into memory that the caller has, such as that of the volume before: a large result costs more
    /// time where its memory is new. Returns the geometry.
    ///
    /// # Errors
    /// As [`VolumeFile::image`], and an array of another shape than the slices to read or not in C order. After an error
    /// some of the voxels may be written.
    ///
    /// ```
    /// # use medseg_volume::{Dhw, Geometry, VolumeFile, ReadOptions, Volume, write_image};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("ct.nii");
    /// # let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 })?;
    /// # write_image(&path, &Volume::new(ndarray::Array3::from_elem((30, 4, 5), -1000.0), geometry))?;
    /// let file = VolumeFile::open(&path)?;
    /// let mut voxels = ndarray::Array3::zeros((30, 4, 5));
    /// file.image_into(&ReadOptions::default(), &mut voxels.view_mut())?;
    /// assert_eq!(voxels[[29, 3, 4]], -1000.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn image_into(&self, options: &ReadOptions, out: &mut ArrayViewMut3<'_, f32>) -> Result<Geometry, VolumeError> {
        self.require_one_channel()?;
        let slices = self.slices(options)?;
        let shape = Dhw { d: slices.len(), ..self.header.info.shape };
        let given = Dhw::from(out.dim());
        let refused = |reason: String| VolumeError::unsupported(self.voxels.name(), UnsupportedKind::Request, reason);
        if given != shape {
            return Err(refused(format!("{shape} voxels cannot be read into an array of {given}")));
        }
        let out = out.as_slice_mut().ok_or_else(|| refused("an array that is not in C order".into()))?;
        let decoder = self.decoder(options);
        self.fill(self.open_voxels()?, &slices, out, |first, bytes, out| decoder.decode(first, bytes, out))?;
        Ok(self.geometry(&slices))
    }

    /// The voxels of a 3D label map: whole numbers from 0 to 255, whatever the stored type.
    ///
    /// # Errors
    /// As [`VolumeFile::image`], and a value that is no whole number from 0 to 255 after scaling.
    pub fn label(&self, options: &ReadOptions) -> Result<Volume<u8>, VolumeError> {
        self.volume(options)
    }

    /// The voxels of a 3D label map of which only some values matter: the others become 0.
    ///
    /// # Errors
    /// As [`VolumeFile::image`], and a value that [`LabelChoice`] refuses, named with its voxel.
    pub fn label_of(&self, labels: &LabelChoice, options: &ReadOptions) -> Result<Volume<u8>, VolumeError> {
        if *labels == LabelChoice::All {
            return self.label(options);
        }
        self.require_one_channel()?;
        let slices = self.slices(options)?;
        let (decoder, table) = (self.decoder(options), LabelTable::new(labels));
        let data = self.read(options, &slices, |first, bytes, out| decoder.decode_labels(first, bytes, out, &table))?;
        Ok(Volume::new(data.index_axis_move(Axis(0), 0), self.geometry(&slices)))
    }

    /// The voxels of a 3D label map with any whole numbers, such as the values above 1000 of FreeSurfer.
    ///
    /// # Errors
    /// As [`VolumeFile::image`], and a value that is no whole number of i32 after scaling.
    pub fn label_values(&self, options: &ReadOptions) -> Result<Volume<i32>, VolumeError> {
        self.volume(options)
    }

    /// The voxels of any number of dimensions as f32 `[channel, depth, height, width]`; the axes after the third are the
    /// channels, the last slowest.
    ///
    /// # Errors
    /// As [`VolumeFile::image`], channels excepted.
    pub fn channels(&self, options: &ReadOptions) -> Result<(Array4<f32>, Geometry), VolumeError> {
        let slices = self.slices(options)?;
        Ok((self.voxels(options, &slices)?, self.geometry(&slices)))
    }

    /// The voxels of any number of dimensions in the stored type, not scaled.
    ///
    /// # Errors
    /// As [`VolumeFile::channels`]; every value is kept.
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

    /// The file that holds the voxels: the one that was opened, or the one that its header names.
    #[must_use]
    pub fn voxels_path(&self) -> &Path {
        self.voxels.name()
    }

    fn volume<V: Voxel>(&self, options: &ReadOptions) -> Result<Volume<V>, VolumeError> {
        self.require_one_channel()?;
        let slices = self.slices(options)?;
        let data: Array3<V> = self.voxels(options, &slices)?.index_axis_move(Axis(0), 0);
        Ok(Volume::new(data, self.geometry(&slices)))
    }

    fn require_one_channel(&self) -> Result<(), VolumeError> {
        let VolumeInfo { shape, channels, .. } = self.header.info;
        if channels == 1 {
            return Ok(());
        }
        let reason = format!("{shape} with {channels} channels or times is not a 3D volume");
        Err(VolumeError::unsupported(self.voxels.name(), UnsupportedKind::Channels, reason))
    }

    /// The slices to read.
    fn slices(&self, options: &ReadOptions) -> Result<Range<usize>, VolumeError> {
        let all = 0..self.header.info.shape.d;
        let wanted = options.slices.clone().unwrap_or_else(|| all.clone());
        if wanted.is_empty() || wanted.end > all.end {
            let reason = format!("slices {wanted:?} of {} cannot be read", all.end);
            return Err(VolumeError::unsupported(self.voxels.name(), UnsupportedKind::Request, reason));
        }
        Ok(wanted)
    }

    fn geometry(&self, slices: &Range<usize>) -> Geometry {
        self.header.info.geometry.cropped(Dhw { d: slices.start as isize, h: 0, w: 0 })
    }

    fn voxels<V: Voxel>(&self, options: &ReadOptions, slices: &Range<usize>) -> Result<Array4<V>, VolumeError> {
        let decoder = self.decoder(options);
        self.read(options, slices, |first, bytes, out| decoder.decode(first, bytes, out))
    }

    fn numbers<S: Stored>(&self, options: &ReadOptions, slices: &Range<usize>) -> Result<Array4<S>, VolumeError> {
        let decoder = self.decoder(options);
        self.read(options, slices, |_, bytes, out| {
            decoder.decode_stored(bytes, out);
            Ok(())
        })
    }

    fn decoder(&self, options: &ReadOptions) -> Decoder {
        let VolumeInfo { datatype, big_endian, scaling, .. } = self.header.info;
        Decoder { datatype, big_endian, scaling, exact: options.exact }
    }

    /// Reads slices of all channels; `convert` makes numbers of bytes.
    fn read<V: Copy + Default + Send>(
        &self,
        options: &ReadOptions,
        slices: &Range<usize>,
        convert: impl Fn(usize, &mut [u8], &mut [V]) -> Result<(), Refused> + Sync,
    ) -> Result<Array4<V>, VolumeError> {
        let path = self.voxels.name();
        let input = self.open_voxels()?;
        let info = &self.header.info;
        let (channels, h, w) = (info.channels, info.shape.h, info.shape.w);
        // The product of all sides fits into u64, as the header's check found.
        let count = (channels as u64) * (slices.len() as u64) * (h as u64) * (w as u64);
        let mut data: Vec<V> = self.zeroed(count, options)?;
        self.fill(input, slices, &mut data, convert)?;
        let lost = |e: ndarray::ShapeError| VolumeError::malformed(path, MalformedKind::Header, e.to_string());
        if self.header.interleaved && channels > 1 {
            let together = Array4::from_shape_vec((slices.len(), h, w, channels), data).map_err(lost)?;
            return Ok(c_order(together.view().permuted_axes([3, 0, 1, 2]), V::clone));
        }
        Array4::from_shape_vec((channels, slices.len(), h, w), data).map_err(lost)
    }

    /// Opens the voxels' file, which is long enough.
    fn open_voxels(&self) -> Result<Input, VolumeError> {
        let input = self.voxels.open(CHUNK)?;
        if self.header.offset.saturating_add(self.header.stored_bytes) > input.available {
            let reason = "too short for the dimensions in its header";
            return Err(VolumeError::malformed(self.voxels.name(), MalformedKind::Truncated, reason));
        }
        Ok(input)
    }

    /// Reads slices of all channels into as many voxels.
    fn fill<V: Send>(
        &self,
        input: Input,
        slices: &Range<usize>,
        out: &mut [V],
        convert: impl Fn(usize, &mut [u8], &mut [V]) -> Result<(), Refused> + Sync,
    ) -> Result<(), VolumeError> {
        let path = self.voxels.name();
        let size = self.header.info.datatype.bytes();
        read_parts(input, &self.parts(slices), size, out, convert).map_err(|stop| match stop {
            Stop::Convert(Refused { index, value, fault }) => {
                VolumeError::Value { path: path.to_path_buf(), value, voxel: self.voxel(index, slices), fault }
            }
            Stop::Read(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                VolumeError::malformed(path, MalformedKind::Truncated, "it ends before its last voxel")
            }
            Stop::Checksum(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => VolumeError::malformed(
                path,
                MalformedKind::Truncated,
                "its voxels are complete, but it ends within the checksum that proves them",
            ),
            Stop::Checksum(e) | Stop::Read(e) => {
                VolumeError::malformed(path, MalformedKind::Damaged, format!("it cannot be read to the end: {e}"))
            }
        })
    }

    /// The voxel, in its channel and counted from the file's first slice, of a place among those that are read.
    fn voxel(&self, index: usize, slices: &Range<usize>) -> Dhw<usize> {
        let VolumeInfo { shape, channels, .. } = self.header.info;
        let of_channel = slices.len() * shape.h * shape.w;
        let at = if self.header.interleaved { index / channels.max(1) } else { index % of_channel.max(1) };
        let (row, w) = (at / shape.w.max(1), at % shape.w.max(1));
        Dhw { d: slices.start + row / shape.h.max(1), h: row % shape.h.max(1), w }
    }

    /// Voxels of 0, unless they are over the limit or there is no memory for them.
    fn zeroed<V: Copy + Default>(&self, count: u64, options: &ReadOptions) -> Result<Vec<V>, VolumeError> {
        let path = self.voxels.name();
        let needed = count.saturating_mul(size_of::<V>() as u64);
        if needed > options.max_bytes {
            return Err(VolumeError::Limit { path: path.to_path_buf(), needed, limit: options.max_bytes });
        }
        let out_of_memory = || VolumeError::OutOfMemory { path: path.to_path_buf(), needed };
        let count = usize::try_from(count).map_err(|_| out_of_memory())?;
        // `vec!` takes zeroed memory from the system without touching it, but ends the process if there is none.
        Vec::<V>::new().try_reserve_exact(count).map_err(|_| out_of_memory())?;
        let mut voxels = vec![V::default(); count];
        // Small pages take longer to come than a file's bytes to be read and converted.
        prefer_large_pages(&mut voxels);
        Ok(voxels)
    }

    /// The parts of the file that hold the slices.
    fn parts(&self, slices: &Range<usize>) -> Parts {
        let info = &self.header.info;
        let (side_by_side, runs) = if self.header.interleaved { (info.channels, 1) } else { (1, info.channels) };
        let slice = (info.shape.h * info.shape.w * info.datatype.bytes() * side_by_side) as u64;
        let (start, length) = (slices.start as u64 * slice, slices.len() as u64 * slice);
        Parts {
            first: self.header.offset + start,
            runs: runs as u64,
            length,
            between: info.shape.d as u64 * slice - length,
        }
    }
}
