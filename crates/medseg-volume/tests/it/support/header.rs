//! NIfTI files of both versions and byte orders made by hand, field by field.

/// Content of a made file; the rest of its header is 0.
#[derive(Clone, Debug)]
pub struct Made {
    pub version: u8,
    pub big_endian: bool,
    pub pair: bool,
    pub lengths: Vec<u64>,
    pub code: i16,
    pub bits: i16,
    pub slope: f64,
    pub intercept: f64,
    pub pixdim: [f64; 4],
    pub qform_code: i16,
    pub quatern: [f64; 6],
    pub srow: Option<[[f64; 4]; 3]>,
    /// The flag, extensions and padding between header and voxels.
    pub between: Vec<u8>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            version: 1,
            big_endian: false,
            pair: false,
            lengths: vec![4, 3, 2],
            code: 2,
            bits: 8,
            slope: 0.0,
            intercept: 0.0,
            pixdim: [1.0; 4],
            qform_code: 0,
            quatern: [0.0; 6],
            srow: Some([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]]),
            between: vec![0; 4],
        }
    }
}

impl Made {
    /// The header and what is between it and the voxels.
    pub fn head(&self) -> Vec<u8> {
        let two = self.version == 2;
        let size = if two { 540 } else { 348 };
        let offset = if self.pair { 0 } else { size + self.between.len() };
        let mut to = Bytes { bytes: vec![0; size], big: self.big_endian };
        to.int(0, 4, size as i64);
        let (dim, real, code) = if two { (8, 8, 4) } else { (2, 4, 2) };
        let at = |one: usize, other: usize| if two { other } else { one };
        to.int(at(40, 16), dim, self.lengths.len() as i64);
        for (n, length) in self.lengths.iter().enumerate() {
            to.int(at(40, 16) + (n + 1) * dim, dim, *length as i64);
        }
        to.int(at(70, 12), 2, self.code.into());
        to.int(at(72, 14), 2, self.bits.into());
        for (n, value) in self.pixdim.into_iter().enumerate() {
            to.real(at(76, 104) + n * real, real, value);
        }
        if two {
            to.int(168, 8, offset as i64);
        } else {
            to.real(108, 4, offset as f64);
        }
        to.real(at(112, 176), real, self.slope);
        to.real(at(116, 184), real, self.intercept);
        to.int(at(252, 344), code, self.qform_code.into());
        to.int(at(254, 348), code, i64::from(self.srow.is_some()));
        for (n, value) in self.quatern.into_iter().enumerate() {
            to.real(at(256, 352) + n * real, real, value);
        }
        for (n, value) in self.srow.unwrap_or_default().as_flattened().iter().enumerate() {
            to.real(at(280, 400) + n * real, real, *value);
        }
        let letter = if self.pair { b'i' } else { b'+' };
        let magic: &[u8] = if two { b"n.2\0\r\n\x1a\n" } else { b"n.1\0" };
        let start = at(344, 4);
        to.bytes[start..start + magic.len()].copy_from_slice(magic);
        to.bytes[start + 1] = letter;
        to.bytes.extend(&self.between);
        to.bytes
    }

    /// The whole file.
    pub fn file(&self, voxels: &[u8]) -> Vec<u8> {
        [self.head(), voxels.to_vec()].concat()
    }
}

struct Bytes {
    bytes: Vec<u8>,
    big: bool,
}

impl Bytes {
    fn int(&mut self, at: usize, width: usize, value: i64) {
        self.put(at, &value.to_le_bytes()[..width]);
    }

    fn real(&mut self, at: usize, width: usize, value: f64) {
        if width == 4 {
            self.put(at, &(value as f32).to_le_bytes());
        } else {
            self.put(at, &value.to_le_bytes());
        }
    }

    fn put(&mut self, at: usize, little: &[u8]) {
        let to = &mut self.bytes[at..at + little.len()];
        to.copy_from_slice(little);
        if self.big {
            to.reverse();
        }
    }
}
