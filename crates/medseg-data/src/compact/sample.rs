//! A case in fewer bytes.

use std::io;

use medseg_transforms::Sample;
use medseg_volume::{Geometry, error_chain};
use ndarray::{Array4, Axis, concatenate};

use super::{CompactImage, CompactLabel};
use crate::disk::{CacheItem, ItemReader, ItemWriter};

/// A [`Sample`] in fewer bytes, for a [`CachedDataset`](crate::CachedDataset); every voxel comes back as it was.
///
/// The geometry is the affine alone, without the fields of the header that it came from, so that a case from the disk is
/// the same as a fresh one. Save predictions on the geometry of the image's file.
#[derive(Clone, Debug, PartialEq)]
pub struct CompactSample {
    /// The case's id.
    pub id: String,
    /// Intensities of every channel.
    pub channels: Vec<CompactImage>,
    /// The label; `None` for an unlabelled case.
    pub label: Option<CompactLabel>,
    /// Place of the voxels in the patient.
    pub geometry: Geometry,
}

impl CompactSample {
    /// Packs a sample.
    #[must_use]
    pub fn new(sample: &Sample) -> Self {
        let geometry = &sample.geometry;
        Self {
            id: sample.id.clone(),
            channels: sample.image.outer_iter().map(|channel| CompactImage::new(&channel)).collect(),
            label: sample.label.as_ref().map(|label| CompactLabel::new(&label.view())),
            geometry: Geometry::from_affine(geometry.affine()).unwrap_or_else(|_| geometry.clone()),
        }
    }

    /// The sample in arrays.
    #[must_use]
    pub fn to_sample(&self) -> Sample {
        let label = self.label.as_ref().map(CompactLabel::to_array);
        let mut channels: Vec<_> = self.channels.iter().map(|c| c.to_array().insert_axis(Axis(0))).collect();
        let image = if channels.len() == 1 {
            channels.remove(0)
        } else {
            let views: Vec<_> = channels.iter().map(|channel| channel.view()).collect();
            concatenate(Axis(0), &views).unwrap_or_else(|_| Array4::zeros((0, 0, 0, 0)))
        };
        Sample { id: self.id.clone(), image, label, geometry: self.geometry.clone() }
    }

    /// Bytes of the voxels in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let image: usize = self.channels.iter().map(CompactImage::bytes).sum();
        image + self.label.as_ref().map_or(0, CompactLabel::bytes)
    }
}

impl CacheItem for CompactSample {
    fn write(&self, to: &mut ItemWriter<'_>) -> io::Result<()> {
        to.json(&(&self.id, self.channels.len(), self.label.is_some()))?;
        to.slice(&self.geometry.affine().concat())?;
        self.channels.iter().try_for_each(|channel| channel.write(to))?;
        self.label.as_ref().map_or(Ok(()), |label| label.write(to))
    }

    fn read(from: &mut ItemReader<'_>) -> io::Result<Self> {
        let (id, channels, labelled): (String, usize, bool) = from.json()?;
        let values: Vec<f64> = from.slice()?;
        let values: [f64; 16] = values.try_into().map_err(|_| ItemReader::damaged("an affine has 16 entries"))?;
        let affine = std::array::from_fn(|row| std::array::from_fn(|column| values[4 * row + column]));
        let geometry = Geometry::from_affine(affine).map_err(|e| ItemReader::damaged(error_chain(&e)))?;
        let channels: Vec<_> = (0..channels).map(|_| CompactImage::read(from)).collect::<io::Result<_>>()?;
        let label = if labelled { Some(CompactLabel::read(from)?) } else { None };
        let shapes = channels.iter().map(CompactImage::shape).chain(label.as_ref().map(CompactLabel::shape));
        match channels.first().map(CompactImage::shape) {
            Some(first) if shapes.into_iter().all(|shape| shape == first) => Ok(Self { id, channels, label, geometry }),
            _ => Err(ItemReader::damaged("image and label differ in shape")),
        }
    }
}
