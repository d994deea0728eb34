//! A case in fewer bytes.

use std::io;

use medseg_volume::{Affine, Datatype, Geometry, VolumeInfo};

use super::{CompactImage, CompactLabel};
use crate::disk::{CacheItem, ItemReader, ItemWriter};
use crate::subject::Subject;

/// A [`Subject`] in fewer bytes: what a [`CachedDataset`](crate::CachedDataset) should keep.
///
/// The geometry is the affine alone; the fields of the header that it came from are not kept, so that a case from the
/// disk is the same as a fresh one. Save predictions on the geometry of the image's file.
#[derive(Clone, Debug, PartialEq)]
pub struct CompactSubject {
    /// The case's id.
    pub id: String,
    /// The intensities.
    pub image: CompactImage,
    /// The label; `None` for an unlabelled case.
    pub label: Option<CompactLabel>,
    /// The image's place in space.
    pub affine: Affine,
}

impl CompactSubject {
    /// Packs a case; every voxel comes back as it was.
    pub fn new(subject: &Subject) -> Self {
        Self {
            id: subject.id.clone(),
            image: CompactImage::new(&subject.image.view()),
            label: subject.label.as_ref().map(|label| CompactLabel::new(&label.view())),
            affine: subject.geometry.affine(),
        }
    }

    /// The case in arrays; `None` if the affine is no geometry, which one of a subject always is.
    pub fn to_subject(&self) -> Option<Subject> {
        Some(Subject {
            id: self.id.clone(),
            image: self.image.to_array(),
            label: self.label.as_ref().map(CompactLabel::to_array),
            geometry: Geometry::from_affine(self.affine).ok()?,
        })
    }

    /// Bytes of the voxels in memory.
    pub fn bytes(&self) -> usize {
        self.image.bytes() + self.label.as_ref().map_or(0, CompactLabel::bytes)
    }

    /// About the bytes that a case will take whose image has this header, if its voxels are mapped one by one (window,
    /// z-score): for [`CachedDataset::estimate`](crate::CachedDataset::estimate).
    pub fn expected_bytes(image: &VolumeInfo) -> usize {
        let bytes = match image.datatype {
            Datatype::U8 | Datatype::I8 => 1,
            Datatype::I16 | Datatype::U16 => 2,
            _ => 4,
        };
        // A label takes a few bytes a row.
        let rows = image.shape.d.saturating_mul(image.shape.h);
        image.shape.voxels().saturating_mul(bytes).saturating_add(rows.saturating_mul(8))
    }
}

impl CacheItem for CompactSubject {
    fn write(&self, to: &mut ItemWriter<'_>) -> io::Result<()> {
        to.json(&self.id)?;
        to.slice(&self.affine.concat())?;
        self.image.write(to)?;
        to.json(&self.label.is_some())?;
        self.label.as_ref().map_or(Ok(()), |label| label.write(to))
    }

    fn read(from: &mut ItemReader<'_>) -> io::Result<Self> {
        let id = from.json()?;
        let values: Vec<f64> = from.slice()?;
        let values: [f64; 16] = values.try_into().map_err(|_| ItemReader::damaged("an affine has 16 entries"))?;
        let affine = std::array::from_fn(|row| std::array::from_fn(|column| values[4 * row + column]));
        let image = CompactImage::read(from)?;
        let label = if from.json()? { Some(CompactLabel::read(from)?) } else { None };
        Ok(Self { id, image, label, affine })
    }
}
