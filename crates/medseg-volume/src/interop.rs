//! Conversions from and to the types of the crate `nifti` (feature `nifti`).
//!
//! That crate keeps voxels as raw bytes with the first axis fastest, which is the C order of `[depth, height, width]`, so
//! nothing is transposed. Affines are computed by this crate, with its rules and warnings. A header that cannot be true is
//! an error and never a panic. NIfTI-2 has no type there.

use std::path::Path;

use ndarray::Axis;

use ::nifti::volume::NiftiVolume;
use ::nifti::{Endianness, InMemNiftiObject, InMemNiftiVolume, NiftiHeader, NiftiObject};

use crate::error::UnstorableFault;
use crate::file::Source;
use crate::nifti::{RawHeader, head, of_raw};
use crate::{
    Geometry, MalformedKind, NiftiFields, NiftiVersion, ReadOptions, Stored, Volume, VolumeError, VolumeFile,
    WriteOptions,
};

/// The name in messages.
const NAME: &str = "<nifti header>";

impl VolumeFile {
    /// Takes over a header and its voxels from the crate `nifti`: every way of reading is then open.
    ///
    /// ```
    /// use medseg_volume::ndarray::Array3;
    /// use medseg_volume::{Dhw, Geometry, VolumeFile, ReadOptions, Volume};
    /// use nifti::{InMemNiftiVolume, NiftiHeader};
    ///
    /// let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 })?;
    /// let image = Volume::new(Array3::from_shape_fn((2, 3, 4), |(d, h, w)| (d + h + w) as f32), geometry);
    /// let (header, voxels) = <(NiftiHeader, InMemNiftiVolume)>::try_from(&image)?;
    /// assert_eq!(header.pixdim[1..4], [0.8, 0.8, 5.0]);
    ///
    /// let file = VolumeFile::from_parts(&header, &voxels)?;
    /// assert_eq!(file.info().shape, image.shape());
    /// assert_eq!(file.image(&ReadOptions::default())?.data, image.data);
    /// assert_eq!(Volume::<f32>::try_from((&header, &voxels))?.data, image.data);
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    ///
    /// # Errors
    /// As [`VolumeFile::from_bytes`]; and voxels of other dimensions or another type than the header's.
    pub fn from_parts(header: &NiftiHeader, voxels: &InMemNiftiVolume) -> Result<Self, VolumeError> {
        let path = Path::new(NAME);
        let header_of_voxels = (voxels.dim().to_vec(), voxels.data_type() as i16);
        let mut dim = header.dim().map(<[u16]>::to_vec).unwrap_or_default();
        // The volume's own dimensions end with the last one that is used.
        dim.truncate(header_of_voxels.0.len());
        if (dim, header.datatype) != header_of_voxels {
            let reason = "the voxels have other dimensions or another type than the header";
            return Err(VolumeError::malformed(path, MalformedKind::Header, reason));
        }
        let (checked, _) = of_raw(&raw(header), path)?;
        Ok(Self::from_header(checked, Source::memory(voxels.raw_data())))
    }
}

impl TryFrom<&NiftiHeader> for Geometry {
    type Error = VolumeError;

    /// The geometry by sform, qform or voxel sizes, with the header's own fields.
    fn try_from(header: &NiftiHeader) -> Result<Self, VolumeError> {
        Ok(of_raw(&raw(header), Path::new(NAME))?.0.info.geometry)
    }
}

macro_rules! volumes {
    ($($voxel:ty, $read:ident, $what:literal;)*) => {$(
        impl TryFrom<(&NiftiHeader, &InMemNiftiVolume)> for Volume<$voxel> {
            type Error = VolumeError;

            #[doc = $what]
            fn try_from((header, voxels): (&NiftiHeader, &InMemNiftiVolume)) -> Result<Self, VolumeError> {
                VolumeFile::from_parts(header, voxels)?.$read(&ReadOptions::default())
            }
        }

        impl TryFrom<&InMemNiftiObject> for Volume<$voxel> {
            type Error = VolumeError;

            #[doc = $what]
            fn try_from(object: &InMemNiftiObject) -> Result<Self, VolumeError> {
                Self::try_from((object.header(), object.volume()))
            }
        }
    )*};
}

volumes! {
    f32, image, "As [`VolumeFile::image`]: scaled by slope and intercept in f64.";
    u8, label, "As [`VolumeFile::label`]: whole numbers from 0 to 255 or an error.";
}

impl<T: Stored> TryFrom<&Volume<T>> for NiftiHeader {
    type Error = VolumeError;

    /// A NIfTI-1 header with the fields that the geometry was read with, or its affine as sform.
    fn try_from(volume: &Volume<T>) -> Result<Self, VolumeError> {
        let options = WriteOptions::default().with_version(NiftiVersion::One);
        let bytes = head(&volume.data.view().insert_axis(Axis(0)), &volume.geometry, &options)
            .map_err(|fault| VolumeError::unstorable(Path::new(NAME), fault))?;
        Self::from_reader(&bytes[..]).map_err(|_| refused(volume))
    }
}

impl<T: Stored> TryFrom<&Volume<T>> for (NiftiHeader, InMemNiftiVolume) {
    type Error = VolumeError;

    /// Header and voxels, little-endian, in the volume's own type.
    fn try_from(volume: &Volume<T>) -> Result<Self, VolumeError> {
        let header = NiftiHeader::try_from(volume)?;
        let ordered = volume.data.as_standard_layout();
        let mut bytes = Vec::new();
        T::append_bytes(ordered.as_slice().unwrap_or_default(), &mut bytes);
        let voxels = InMemNiftiVolume::from_raw_data(&header, bytes).map_err(|_| refused(volume))?;
        Ok((header, voxels))
    }
}

/// The other crate refuses only dimensions of 0, which were refused before.
fn refused<T>(volume: &Volume<T>) -> VolumeError {
    VolumeError::unstorable(Path::new(NAME), UnstorableFault::Empty(volume.shape()))
}

/// The fields by this crate's names. The voxels begin at the first byte.
fn raw(header: &NiftiHeader) -> RawHeader {
    let wide = |row: [f32; 4]| row.map(f64::from);
    let mut descrip = [0; 80];
    descrip.iter_mut().zip(&header.descrip).for_each(|(to, byte)| *to = *byte);
    RawHeader {
        big_endian: header.endianness == Endianness::Big,
        no_magic: false,
        single: Some(false),
        datatype: header.datatype,
        bitpix: header.bitpix,
        // Signed in the file.
        dim: header.dim.map(|length| i64::from(length as i16)),
        vox_offset: 0.0,
        slope: header.scl_slope.into(),
        intercept: header.scl_inter.into(),
        cal_max: header.cal_max.into(),
        cal_min: header.cal_min.into(),
        intent_code: header.intent_code.into(),
        fields: NiftiFields {
            version: NiftiVersion::One,
            pixdim: header.pixdim.map(f64::from),
            xyzt_units: header.xyzt_units.into(),
            qform_code: header.qform_code.into(),
            sform_code: header.sform_code.into(),
            quatern: [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from),
            qoffset: [header.quatern_x, header.quatern_y, header.quatern_z].map(f64::from),
            srow: [wide(header.srow_x), wide(header.srow_y), wide(header.srow_z)],
            descrip,
        },
    }
}
