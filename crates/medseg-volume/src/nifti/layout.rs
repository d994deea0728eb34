//! The bytes of a header, in both versions and byte orders.

use super::{NiftiFields, NiftiVersion};

/// Places of the fields in one version of the format, and the width of its numbers.
struct Layout {
    /// Bytes of the header; also the value of its first field.
    size: usize,
    magic: usize,
    datatype: usize,
    bitpix: usize,
    dim: usize,
    pixdim: usize,
    vox_offset: usize,
    scl_slope: usize,
    cal_max: usize,
    descrip: usize,
    qform_code: usize,
    quatern: usize,
    srow: usize,
    xyzt_units: usize,
    intent_code: usize,
    /// Bytes of a dimension.
    dim_bytes: usize,
    /// Bytes of a real number.
    real_bytes: usize,
    /// Bytes of a form or intent code.
    code_bytes: usize,
    units_bytes: usize,
}

const ONE: Layout = Layout {
    size: 348,
    magic: 344,
    datatype: 70,
    bitpix: 72,
    dim: 40,
    pixdim: 76,
    vox_offset: 108,
    scl_slope: 112,
    cal_max: 124,
    descrip: 148,
    qform_code: 252,
    quatern: 256,
    srow: 280,
    xyzt_units: 123,
    intent_code: 68,
    dim_bytes: 2,
    real_bytes: 4,
    code_bytes: 2,
    units_bytes: 1,
};

const TWO: Layout = Layout {
    size: 540,
    magic: 4,
    datatype: 12,
    bitpix: 14,
    dim: 16,
    pixdim: 104,
    vox_offset: 168,
    scl_slope: 176,
    cal_max: 192,
    descrip: 240,
    qform_code: 344,
    quatern: 352,
    srow: 400,
    xyzt_units: 500,
    intent_code: 504,
    dim_bytes: 8,
    real_bytes: 8,
    code_bytes: 4,
    units_bytes: 4,
};

/// Bytes of the longer header.
pub(super) const LONGEST: usize = TWO.size;

impl NiftiVersion {
    fn layout(self) -> &'static Layout {
        match self {
            Self::One => &ONE,
            Self::Two => &TWO,
        }
    }

    /// Bytes of the header.
    pub(super) fn header_bytes(self) -> usize {
        self.layout().size
    }

    /// The first voxel's offset where only the extension flag is before it.
    pub(super) fn first_voxel(self) -> u64 {
        self.layout().size as u64 + 4
    }

    /// The largest number of voxels along an axis.
    pub(super) fn longest_length(self) -> u64 {
        match self {
            Self::One => i16::MAX as u64,
            Self::Two => i64::MAX as u64,
        }
    }

    /// The magic number of a single file, or of the header of a pair.
    fn magic(self, single: bool) -> &'static [u8] {
        match (self, single) {
            (Self::One, true) => b"n+1\0",
            (Self::One, false) => b"ni1\0",
            (Self::Two, true) => b"n+2\0\r\n\x1a\n",
            (Self::Two, false) => b"ni2\0\r\n\x1a\n",
        }
    }
}

/// A header's fields as they stand in the file, unchecked.
pub(crate) struct RawHeader {
    pub big_endian: bool,
    /// True if there is no magic number at all, as in Analyze 7.5.
    pub no_magic: bool,
    /// True for voxels in the same file, false for a `.hdr`/`.img` pair, none for another magic number.
    pub single: Option<bool>,
    pub datatype: i16,
    pub bitpix: i16,
    pub dim: [i64; 8],
    pub vox_offset: f64,
    pub slope: f64,
    pub intercept: f64,
    pub cal_max: f64,
    pub cal_min: f64,
    pub intent_code: i32,
    pub fields: NiftiFields,
}

/// Version and byte order (true: big-endian) by the header's first field; none if it is no NIfTI header.
pub(super) fn version_of(first: [u8; 4]) -> Option<(NiftiVersion, bool)> {
    let little = i32::from_le_bytes(first);
    [NiftiVersion::One, NiftiVersion::Two].into_iter().find_map(|version| {
        let size = version.header_bytes() as i32;
        (little == size || little.swap_bytes() == size).then_some((version, little != size))
    })
}

impl RawHeader {
    /// Takes the fields out of a header of the version's length.
    pub fn parse(bytes: &[u8], version: NiftiVersion, big_endian: bool) -> Self {
        let l = version.layout();
        let from = Numbers { bytes, big_endian };
        let real = |at: usize, n: usize| from.real(at + n * l.real_bytes, l.real_bytes);
        let reals = |at: usize| std::array::from_fn(|n| real(at, n));
        let code = |at: usize, n: usize| from.whole(at + n * l.code_bytes, l.code_bytes) as i32;
        let magic = |single: bool| bytes[l.magic..].starts_with(version.magic(single));
        let mut descrip = [0; 80];
        descrip.copy_from_slice(&bytes[l.descrip..l.descrip + 80]);
        Self {
            big_endian,
            no_magic: bytes[l.magic..l.magic + 4] == [0; 4],
            single: [true, false].into_iter().find(|single| magic(*single)),
            datatype: from.whole(l.datatype, 2) as i16,
            bitpix: from.whole(l.bitpix, 2) as i16,
            dim: std::array::from_fn(|n| from.whole(l.dim + n * l.dim_bytes, l.dim_bytes)),
            vox_offset: match version {
                NiftiVersion::One => real(l.vox_offset, 0),
                NiftiVersion::Two => from.whole(l.vox_offset, 8) as f64,
            },
            slope: real(l.scl_slope, 0),
            intercept: real(l.scl_slope, 1),
            cal_max: real(l.cal_max, 0),
            cal_min: real(l.cal_max, 1),
            intent_code: code(l.intent_code, 0),
            fields: NiftiFields {
                version,
                pixdim: reals(l.pixdim),
                xyzt_units: from.whole(l.xyzt_units, l.units_bytes) as i32,
                qform_code: code(l.qform_code, 0),
                sform_code: code(l.qform_code, 1),
                quatern: std::array::from_fn(|n| real(l.quatern, n)),
                qoffset: std::array::from_fn(|n| real(l.quatern, 3 + n)),
                srow: std::array::from_fn(|r| std::array::from_fn(|c| real(l.srow, 4 * r + c))),
                descrip,
            },
        }
    }

    /// The bytes of this header for a single file, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (f, l) = (&self.fields, self.fields.version.layout());
        let mut to = vec![0; l.size];
        put_whole(&mut to, 0, l.size as i64, 4);
        let magic = f.version.magic(true);
        to[l.magic..l.magic + magic.len()].copy_from_slice(magic);
        put_whole(&mut to, l.datatype, self.datatype.into(), 2);
        put_whole(&mut to, l.bitpix, self.bitpix.into(), 2);
        for (n, length) in self.dim.into_iter().enumerate() {
            put_whole(&mut to, l.dim + n * l.dim_bytes, length, l.dim_bytes);
        }
        match f.version {
            NiftiVersion::One => put_real(&mut to, l.vox_offset, self.vox_offset, 4),
            NiftiVersion::Two => put_whole(&mut to, l.vox_offset, self.vox_offset as i64, 8),
        }
        let mut reals = |at: usize, values: &[f64]| {
            for (n, value) in values.iter().enumerate() {
                put_real(&mut to, at + n * l.real_bytes, *value, l.real_bytes);
            }
        };
        reals(l.pixdim, &f.pixdim);
        reals(l.scl_slope, &[self.slope, self.intercept]);
        reals(l.cal_max, &[self.cal_max, self.cal_min]);
        reals(l.quatern, &f.quatern);
        reals(l.quatern + 3 * l.real_bytes, &f.qoffset);
        reals(l.srow, f.srow.as_flattened());
        put_whole(&mut to, l.qform_code, f.qform_code.into(), l.code_bytes);
        put_whole(&mut to, l.qform_code + l.code_bytes, f.sform_code.into(), l.code_bytes);
        put_whole(&mut to, l.xyzt_units, f.xyzt_units.into(), l.units_bytes);
        put_whole(&mut to, l.intent_code, self.intent_code.into(), l.code_bytes);
        to[l.descrip..l.descrip + 80].copy_from_slice(&f.descrip);
        to
    }
}

/// Numbers of one byte order.
struct Numbers<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Numbers<'_> {
    /// The first `N` bytes at an offset, the lowest first.
    fn little<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.bytes[at..at + N]);
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    /// A signed whole number of 2, 4 or 8 bytes, or an unsigned byte.
    fn whole(&self, at: usize, bytes: usize) -> i64 {
        match bytes {
            1 => self.bytes[at].into(),
            2 => i16::from_le_bytes(self.little(at)).into(),
            4 => i32::from_le_bytes(self.little(at)).into(),
            _ => i64::from_le_bytes(self.little(at)),
        }
    }

    /// A float of 4 or 8 bytes.
    fn real(&self, at: usize, bytes: usize) -> f64 {
        if bytes == 4 { f32::from_le_bytes(self.little(at)).into() } else { f64::from_le_bytes(self.little(at)) }
    }
}

/// Writes the lowest bytes of a whole number.
fn put_whole(to: &mut [u8], at: usize, value: i64, bytes: usize) {
    to[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
}

fn put_real(to: &mut [u8], at: usize, value: f64, bytes: usize) {
    if bytes == 4 {
        to[at..at + 4].copy_from_slice(&(value as f32).to_le_bytes());
    } else {
        to[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of every field set, so that a field written at another's place is seen.
    fn filled(version: NiftiVersion) -> RawHeader {
        RawHeader {
            big_endian: false,
            no_magic: false,
            single: Some(true),
            datatype: 512,
            bitpix: 16,
            dim: std::array::from_fn(|n| n as i64 + 3),
            vox_offset: 1024.0,
            slope: 0.5,
            intercept: -7.0,
            cal_max: 90.0,
            cal_min: -4.0,
            intent_code: 1002,
            fields: NiftiFields {
                version,
                pixdim: std::array::from_fn(|n| n as f64 + 0.25),
                xyzt_units: 10,
                qform_code: 3,
                sform_code: 4,
                quatern: [0.125, 0.25, 0.375],
                qoffset: [-1.0, -2.0, -3.0],
                srow: std::array::from_fn(|r| std::array::from_fn(|c| (10 * r + c) as f64)),
                descrip: std::array::from_fn(|n| n as u8),
            },
        }
    }

    #[test]
    fn what_is_written_is_parsed_again() {
        for version in [NiftiVersion::One, NiftiVersion::Two] {
            let raw = filled(version);
            let bytes = raw.to_bytes();
            assert_eq!(bytes.len(), version.header_bytes());
            assert_eq!(version_of(bytes[..4].try_into().unwrap()), Some((version, false)));
            let back = RawHeader::parse(&bytes, version, false);
            assert_eq!((back.fields, back.dim, back.single), (raw.fields, raw.dim, raw.single));
            let numbers = |r: &RawHeader| [r.vox_offset, r.slope, r.intercept, r.cal_max, r.cal_min];
            assert_eq!(numbers(&back), numbers(&raw));
            assert_eq!((back.datatype, back.bitpix, back.intent_code), (512, 16, 1002));
        }
    }
}
