//! From stored bytes to voxels.

use super::Datatype;
use super::label_table::LabelTable;
use crate::ValueFault;

/// A number as files store it.
pub trait Stored: Copy + PartialOrd + Send + Sync + Default + private::Bytes {
    /// Its type in files.
    const DATATYPE: Datatype;
}

/// Conversions of stored numbers; not for other crates.
pub(crate) mod private {
    /// Conversions of a stored number.
    pub trait Bytes: Copy {
        /// Numbers of little-endian bytes.
        fn read_le(bytes: &[u8], out: &mut [Self]);
        /// Appends the little-endian bytes of numbers.
        fn append_bytes(numbers: &[Self], out: &mut Vec<u8>);
        /// As f64, rounded if it must be.
        fn to_f64(self) -> f64;
        /// The nearest f32.
        fn near_f32(self) -> f32;
        /// As f32; none if a whole number would change or a float become infinite.
        fn to_f32(self) -> Option<f32>;
        /// As a label; none if it is no whole number from 0 to 255.
        fn to_u8(self) -> Option<u8>;
    }
}

macro_rules! stored {
    ($($type:ty, $datatype:ident, |$v:ident| $f32:expr, $u8:expr;)*) => {$(
        impl Stored for $type {
            const DATATYPE: Datatype = Datatype::$datatype;
        }
        impl private::Bytes for $type {
            fn read_le(bytes: &[u8], out: &mut [Self]) {
                let (numbers, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
                for (to, number) in out.iter_mut().zip(numbers) {
                    *to = Self::from_le_bytes(*number);
                }
            }
            fn append_bytes(numbers: &[Self], out: &mut Vec<u8>) {
                let start = out.len();
                out.resize(start + size_of_val(numbers), 0);
                let (to, _) = out[start..].as_chunks_mut::<{ size_of::<$type>() }>();
                for (to, number) in to.iter_mut().zip(numbers) {
                    *to = number.to_le_bytes();
                }
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn near_f32(self) -> f32 {
                self as f32
            }
            fn to_f32(self) -> Option<f32> {
                let $v = self;
                $f32
            }
            fn to_u8(self) -> Option<u8> {
                let $v = self;
                $u8
            }
        }
    )*};
}

stored! {
    u8, U8, |v| Some(f32::from(v)), Some(v);
    i8, I8, |v| Some(f32::from(v)), u8::try_from(v).ok();
    u16, U16, |v| Some(f32::from(v)), u8::try_from(v).ok();
    i16, I16, |v| Some(f32::from(v)), u8::try_from(v).ok();
    u32, U32, |v| (f64::from(v as f32) == f64::from(v)).then_some(v as f32), u8::try_from(v).ok();
    i32, I32, |v| (f64::from(v as f32) == f64::from(v)).then_some(v as f32), u8::try_from(v).ok();
    u64, U64, |v| (v as f32 as i128 == i128::from(v)).then_some(v as f32), u8::try_from(v).ok();
    i64, I64, |v| (v as f32 as i128 == i128::from(v)).then_some(v as f32), u8::try_from(v).ok();
    f32, F32, |v| Some(v), whole(f64::from(v));
    f64, F64, |v| narrow(v), whole(v);
}

/// The nearest f32; none if it is infinite where the number is not.
fn narrow(value: f64) -> Option<f32> {
    let near = value as f32;
    (near.is_finite() || !value.is_finite()).then_some(near)
}

/// A label; none if the number is not whole or not from 0 to 255.
fn whole(value: f64) -> Option<u8> {
    ((0.0..=255.0).contains(&value) && value.fract() == 0.0).then_some(value as u8)
}

/// As [`whole`] for i32.
fn whole_i32(value: f64) -> Option<i32> {
    let range = f64::from(i32::MIN)..=f64::from(i32::MAX);
    (range.contains(&value) && value.fract() == 0.0).then_some(value as i32)
}

/// The whole number that a scaled one stands for, if any: slopes in files are f32, so it is known to one rounding of it.
/// 255 times the f32 nearest to 3/255 is 3.00000006.
pub(super) fn near_whole(value: f64) -> f64 {
    let near = value.round();
    if (value - near).abs() <= f64::from(f32::EPSILON) * near.abs() { near } else { value }
}

/// A type voxels are read as.
pub(crate) trait Voxel: Copy + Default + Send {
    /// The fault of a number that was refused.
    const FAULT: ValueFault;

    /// From a stored number that is not scaled; none if this type cannot hold it, or would alter it and must not.
    fn from_stored<S: Stored>(value: S, exact: bool) -> Option<Self>;
    /// From a scaled number.
    fn from_scaled(value: f64, exact: bool) -> Option<Self>;
}

impl Voxel for f32 {
    const FAULT: ValueFault = ValueFault::NoF32;

    fn from_stored<S: Stored>(value: S, exact: bool) -> Option<Self> {
        if exact { value.to_f32() } else { Some(value.near_f32()) }
    }

    fn from_scaled(value: f64, exact: bool) -> Option<Self> {
        if exact { narrow(value) } else { Some(value as Self) }
    }
}

impl Voxel for u8 {
    const FAULT: ValueFault = ValueFault::NoU8;

    fn from_stored<S: Stored>(value: S, _: bool) -> Option<Self> {
        value.to_u8()
    }

    fn from_scaled(value: f64, _: bool) -> Option<Self> {
        whole(near_whole(value))
    }
}

impl Voxel for i32 {
    const FAULT: ValueFault = ValueFault::NoI32;

    fn from_stored<S: Stored>(value: S, _: bool) -> Option<Self> {
        // Numbers that f64 rounds are beyond i32.
        whole_i32(value.to_f64())
    }

    fn from_scaled(value: f64, _: bool) -> Option<Self> {
        whole_i32(near_whole(value))
    }
}

/// The meaning of stored bytes.
#[derive(Clone, Copy)]
pub(crate) struct Decoder {
    pub datatype: Datatype,
    pub big_endian: bool,
    pub scaling: Option<(f64, f64)>,
    /// True if a whole number that f32 would round, or a finite one that it would make infinite, is an error.
    pub exact: bool,
}

/// Calls a generic function with the type that a [`Datatype`] stands for.
macro_rules! with_stored_type {
    ($datatype:expr, $stored:ident => $call:expr) => {
        with_stored_type!(@of $datatype, $stored, $call,
            U8 u8, I8 i8, U16 u16, I16 i16, U32 u32, I32 i32, U64 u64, I64 i64, F32 f32, F64 f64)
    };
    (@of $datatype:expr, $stored:ident, $call:expr, $($variant:ident $type:ty),*) => {
        match $datatype {
            $(Datatype::$variant => {
                type $stored = $type;
                $call
            })*
        }
    };
}

/// A number that has no voxel.
pub(crate) struct Refused {
    /// Its place among the voxels.
    pub index: usize,
    /// Itself, scaled.
    pub value: f64,
    /// Its fault.
    pub fault: ValueFault,
}

impl Decoder {
    /// The voxels of `bytes`, as many as `out` has, which end up little-endian. An error names the first value that does
    /// not fit; `first` is the place of the first voxel.
    pub fn decode<V: Voxel>(self, first: usize, bytes: &mut [u8], out: &mut [V]) -> Result<(), Refused> {
        self.to_little_endian(bytes);
        let scaled = |value| V::from_scaled(value, self.exact);
        with_stored_type!(self.datatype, S => {
            self.convert::<S, V>(first, bytes, out, |n| V::from_stored(n, self.exact), scaled, V::FAULT)
        })
    }

    /// The label values of `bytes` as a table renames them; otherwise as [`Decoder::decode`].
    pub fn decode_labels(
        self,
        first: usize,
        bytes: &mut [u8],
        out: &mut [u8],
        labels: &LabelTable,
    ) -> Result<(), Refused> {
        use private::Bytes as _;
        self.to_little_endian(bytes);
        let scaled = |value| labels.of(near_whole(value));
        with_stored_type!(self.datatype, S => {
            self.convert::<S, u8>(first, bytes, out, |n| labels.of(n.to_f64()), scaled, labels.fault())
        })
    }

    /// The numbers as stored.
    pub fn decode_stored<S: Stored>(self, bytes: &mut [u8], out: &mut [S]) {
        self.to_little_endian(bytes);
        S::read_le(bytes, out);
    }

    fn to_little_endian(self, bytes: &mut [u8]) {
        if self.big_endian {
            match self.datatype.bytes() {
                2 => bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|n| n.reverse()),
                4 => bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|n| n.reverse()),
                8 => bytes.as_chunks_mut::<8>().0.iter_mut().for_each(|n| n.reverse()),
                _ => {}
            }
        }
    }

    fn convert<S: Stored, V: Copy + Default>(
        self,
        first: usize,
        bytes: &[u8],
        out: &mut [V],
        stored: impl Fn(S) -> Option<V>,
        scaled: impl Fn(f64) -> Option<V>,
        fault: ValueFault,
    ) -> Result<(), Refused> {
        /// Numbers converted at a time; they stay in the first cache.
        const BATCH: usize = 2048;
        let mut numbers = [S::default(); BATCH];
        for (batch, (bytes, out)) in bytes.chunks(BATCH * size_of::<S>()).zip(out.chunks_mut(BATCH)).enumerate() {
            let numbers = &mut numbers[..out.len()];
            S::read_le(bytes, numbers);
            match self.scaling {
                None => convert(numbers, &stored, out),
                Some((slope, intercept)) => convert(numbers, |n| scaled(n.to_f64() * slope + intercept), out),
            }
            .map_err(|(at, n)| {
                let (slope, intercept) = self.scaling.unwrap_or((1.0, 0.0));
                Refused { index: first + batch * BATCH + at, value: n.to_f64() * slope + intercept, fault }
            })?;
        }
        Ok(())
    }
}

/// Converts numbers; the first that cannot be is the error, with its place. Without a branch a number, so that it
/// vectorises.
fn convert<S: Copy, V: Default>(numbers: &[S], to: impl Fn(S) -> Option<V>, out: &mut [V]) -> Result<(), (usize, S)> {
    let mut all = true;
    for (out, number) in out.iter_mut().zip(numbers) {
        let value = to(*number);
        all &= value.is_some();
        *out = value.unwrap_or_default();
    }
    if all {
        return Ok(());
    }
    let refused = numbers.iter().enumerate().find(|(_, n)| to(**n).is_none());
    refused.map_or(Ok(()), |(at, n)| Err((at, *n)))
}
