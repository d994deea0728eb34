//! An image in fewer bytes.

use std::io;

use half::f16;
use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3};

use super::cut;
use super::palette::numbered;
use crate::disk::{CacheItem, ItemReader, ItemWriter};

/// An f32 image that takes 1, 2 or 4 bytes a voxel, and gives back every bit.
///
/// Scanners store whole numbers, and a window, a z-score or a scaling maps equal numbers to equal values: such an image
/// has a few thousand different values, so each voxel is kept as the number of its value (1 byte for up to 256 values, 2
/// for up to 65536). An image with more values, such as a resampled one, is kept as f32.
/// [`half_precision`](Self::half_precision) keeps those in 2 bytes, too, rounded.
///
/// # Examples
/// ```
/// use medseg_data::CompactImage;
/// use medseg_transforms::{BoxDhw, Intensity};
/// use medseg_volume::Dhw;
///
/// let mut image = ndarray::Array3::from_shape_fn((20, 30, 40), |(z, y, x)| (z * 700 + y * 13 + x) as f32 - 1000.0);
/// Intensity::Window { low: -300.0, high: 300.0 }.apply(&mut image);
/// let compact = CompactImage::new(&image.view());
/// assert_eq!(compact.to_array(), image);
/// assert!(compact.bytes() < 4 * image.len() * 6 / 10);
/// // A crop is cut out without unpacking the rest; outside the image it has the given value.
/// let region = BoxDhw { start: Dhw::from([-1, 3, 4]), size: Dhw::from([2, 2, 2]) };
/// assert_eq!(compact.crop(&region, 0.0)[[1, 0, 0]], image[[0, 3, 4]]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CompactImage {
    shape: Dhw<usize>,
    voxels: Voxels,
}

#[derive(Clone, Debug, PartialEq)]
enum Voxels {
    /// Numbers of values.
    Bytes(Vec<f32>, Vec<u8>),
    /// Numbers of values.
    Words(Vec<f32>, Vec<u16>),
    /// Bits of f16.
    Half(Vec<u16>),
    Full(Vec<f32>),
}

impl CompactImage {
    /// Packs an image; nothing is lost.
    #[must_use]
    pub fn new(image: &ArrayView3<'_, f32>) -> Self {
        let voxels = match numbered(image.iter().copied()) {
            Some((values, numbers)) if values.len() <= 256 => {
                Voxels::Bytes(values, numbers.iter().map(|&number| number as u8).collect())
            }
            Some((values, numbers)) => Voxels::Words(values, numbers),
            None => Voxels::Full(image.iter().copied().collect()),
        };
        Self { shape: image.dim().into(), voxels }
    }

    /// As [`new`](Self::new), but an image of more than 65536 values is rounded to f16: to 11 significant bits, that is
    /// by 0.05 % of a value at most, and by 3·10⁻⁸ below 6·10⁻⁵. One with a value beyond f16's 65504 stays f32.
    #[must_use]
    pub fn half_precision(image: &ArrayView3<'_, f32>) -> Self {
        let exact = Self::new(image);
        match &exact.voxels {
            Voxels::Full(voxels) if voxels.iter().all(|v| !v.is_finite() || v.abs() <= f16::MAX.to_f32()) => {
                let rounded = voxels.iter().map(|&v| f16::from_f32(v).to_bits()).collect();
                Self { shape: exact.shape, voxels: Voxels::Half(rounded) }
            }
            _ => exact,
        }
    }

    /// Number of voxels along `[depth, height, width]`.
    #[must_use]
    pub fn shape(&self) -> Dhw<usize> {
        self.shape
    }

    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.voxels {
            Voxels::Bytes(values, numbers) => 4 * values.capacity() + numbers.capacity(),
            Voxels::Words(values, numbers) => 4 * values.capacity() + 2 * numbers.capacity(),
            Voxels::Half(voxels) => 2 * voxels.capacity(),
            Voxels::Full(voxels) => 4 * voxels.capacity(),
        }
    }

    /// The whole image.
    #[must_use]
    pub fn to_array(&self) -> Array3<f32> {
        self.crop(&BoxDhw::whole(self.shape), 0.0)
    }

    /// A box of the image; what lies outside the image gets the value `outside`.
    #[must_use]
    pub fn crop(&self, region: &BoxDhw, outside: f32) -> Array3<f32> {
        cut(self.shape, region, outside, |from, to| self.read_voxels(from, to))
    }

    /// The voxels from a position in C order on.
    fn read_voxels(&self, from: usize, to: &mut [f32]) {
        let range = from..from + to.len();
        match &self.voxels {
            Voxels::Bytes(values, numbers) => {
                to.iter_mut().zip(&numbers[range]).for_each(|(v, &number)| *v = values[usize::from(number)]);
            }
            Voxels::Words(values, numbers) => {
                to.iter_mut().zip(&numbers[range]).for_each(|(v, &number)| *v = values[usize::from(number)]);
            }
            Voxels::Half(voxels) => {
                to.iter_mut().zip(&voxels[range]).for_each(|(v, &bits)| *v = f16::from_bits(bits).to_f32());
            }
            Voxels::Full(voxels) => to.copy_from_slice(&voxels[range]),
        }
    }

    /// True if there is a value for every voxel, which a damaged file may lack.
    fn is_whole(&self) -> bool {
        let count = match &self.voxels {
            Voxels::Bytes(values, numbers) => {
                // Unlike `max` this makes use of vectors.
                let largest = numbers.iter().copied().fold(0, u8::max);
                if !numbers.is_empty() && usize::from(largest) >= values.len() {
                    return false;
                }
                numbers.len()
            }
            Voxels::Words(values, numbers) => {
                // Unlike `max` this makes use of vectors.
                let largest = numbers.iter().copied().fold(0, u16::max);
                if !numbers.is_empty() && usize::from(largest) >= values.len() {
                    return false;
                }
                numbers.len()
            }
            Voxels::Half(voxels) => voxels.len(),
            Voxels::Full(voxels) => voxels.len(),
        };
        count == self.shape.voxels()
    }
}

impl CacheItem for CompactImage {
    fn write(&self, to: &mut ItemWriter<'_>) -> io::Result<()> {
        to.json(&self.shape)?;
        match &self.voxels {
            Voxels::Bytes(values, numbers) => {
                to.json("bytes")?;
                to.slice(values)?;
                to.slice(numbers)
            }
            Voxels::Words(values, numbers) => {
                to.json("words")?;
                to.slice(values)?;
                to.slice(numbers)
            }
            Voxels::Half(voxels) => {
                to.json("half")?;
                to.slice(voxels)
            }
            Voxels::Full(voxels) => {
                to.json("full")?;
                to.slice(voxels)
            }
        }
    }

    fn read(from: &mut ItemReader<'_>) -> io::Result<Self> {
        let shape = from.json()?;
        let voxels = match from.json::<String>()?.as_str() {
            "bytes" => Voxels::Bytes(from.slice()?, from.slice()?),
            "words" => Voxels::Words(from.slice()?, from.slice()?),
            "half" => Voxels::Half(from.slice()?),
            "full" => Voxels::Full(from.slice()?),
            other => return Err(ItemReader::damaged(format!("{other:?} is no kind of voxels"))),
        };
        let image = Self { shape, voxels };
        if image.is_whole() { Ok(image) } else { Err(ItemReader::damaged("an image lacks voxels or values")) }
    }
}
