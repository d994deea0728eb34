//! A label in fewer bytes.

use std::io;

use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3};

use super::cut;
use crate::disk::{CacheItem, ItemReader, ItemWriter};

/// A label map as runs of equal voxels, 5 bytes a run, or as it is where that takes less; every value comes back.
///
/// Organs take a hundredth of their array's bytes this way.
///
/// # Examples
/// ```
/// use medseg_data::CompactLabel;
/// let label = ndarray::Array3::from_shape_fn((40, 40, 40), |(z, y, _)| u8::from(z > 9 && y < 30));
/// let compact = CompactLabel::new(&label.view());
/// assert_eq!(compact.to_array(), label);
/// assert!(compact.bytes() < label.len() / 100);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactLabel {
    shape: Dhw<usize>,
    voxels: Voxels,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Voxels {
    /// End of each run in C order (exclusive), and its value.
    Runs(Vec<u32>, Vec<u8>),
    Dense(Vec<u8>),
}

impl CompactLabel {
    /// Packs a label map.
    #[must_use]
    pub fn new(label: &ArrayView3<'_, u8>) -> Self {
        let voxels = runs(label).unwrap_or_else(|| Voxels::Dense(label.iter().copied().collect()));
        Self { shape: label.dim().into(), voxels }
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
            Voxels::Runs(ends, values) => 4 * ends.capacity() + values.capacity(),
            Voxels::Dense(voxels) => voxels.capacity(),
        }
    }

    /// The whole label map.
    #[must_use]
    pub fn to_array(&self) -> Array3<u8> {
        self.crop(&BoxDhw::whole(self.shape), 0)
    }

    /// A box of the label map; what lies outside gets the value `outside`.
    #[must_use]
    pub fn crop(&self, region: &BoxDhw, outside: u8) -> Array3<u8> {
        cut(self.shape, region, outside, |from, to| self.read_voxels(from, to))
    }

    fn read_voxels(&self, from: usize, to: &mut [u8]) {
        let (ends, values) = match &self.voxels {
            Voxels::Dense(voxels) => return to.copy_from_slice(&voxels[from..from + to.len()]),
            Voxels::Runs(ends, values) => (ends, values),
        };
        let mut run = ends.partition_point(|&end| end as usize <= from);
        let mut done = 0;
        while done < to.len() {
            let end = (ends[run] as usize - from).min(to.len());
            to[done..end].fill(values[run]);
            done = end;
            run += 1;
        }
    }

    /// True if there is a value for every voxel, which a damaged file may lack.
    fn is_whole(&self) -> bool {
        let voxels = self.shape.voxels();
        match &self.voxels {
            Voxels::Runs(ends, values) => {
                ends.len() == values.len()
                    && ends.is_sorted_by(|a, b| a < b)
                    && ends.last().map_or(0, |&end| end as usize) == voxels
            }
            Voxels::Dense(values) => values.len() == voxels,
        }
    }
}

/// The runs, or `None` if they take more than the voxels, or cannot be counted in 32 bits.
fn runs(label: &ArrayView3<'_, u8>) -> Option<Voxels> {
    u32::try_from(label.len()).ok()?;
    let (mut ends, mut values) = (Vec::new(), Vec::<u8>::new());
    let mut position = 0u32;
    for &voxel in label {
        if values.last() != Some(&voxel) {
            if 5 * values.len() > label.len() {
                return None;
            }
            if position > 0 {
                ends.push(position);
            }
            values.push(voxel);
        }
        position += 1;
    }
    if position > 0 {
        ends.push(position);
    }
    ends.shrink_to_fit();
    values.shrink_to_fit();
    Some(Voxels::Runs(ends, values))
}

impl CacheItem for CompactLabel {
    fn write(&self, to: &mut ItemWriter<'_>) -> io::Result<()> {
        to.json(&self.shape)?;
        match &self.voxels {
            Voxels::Runs(ends, values) => {
                to.json("runs")?;
                to.slice(ends)?;
                to.slice(values)
            }
            Voxels::Dense(voxels) => {
                to.json("dense")?;
                to.slice(voxels)
            }
        }
    }

    fn read(from: &mut ItemReader<'_>) -> io::Result<Self> {
        let shape = from.json()?;
        let voxels = match from.json::<String>()?.as_str() {
            "runs" => Voxels::Runs(from.slice()?, from.slice()?),
            "dense" => Voxels::Dense(from.slice()?),
            other => return Err(ItemReader::damaged(format!("{other:?} is no kind of labels"))),
        };
        let label = Self { shape, voxels };
        if label.is_whole() { Ok(label) } else { Err(ItemReader::damaged("a label lacks voxels")) }
    }
}
