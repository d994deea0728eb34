//! Training cases as a folder keeps them between runs.

use std::io;

use medseg_data::{CacheItem, CompactImage, CompactLabel, ItemReader, ItemWriter};
use medseg_transforms::{BoxDhw, LabelIndex, RandCropByPosNegLabel};
use medseg_volume::Dhw;
use ndarray::{Array3, Axis, stack};

use super::TrainingCase;
use super::training_case::Outcome;

/// Voxels that crops may be centred on; cheaper to find again than to keep.
fn index_of(label: &Array3<u8>, by_class: bool) -> LabelIndex {
    let any = RandCropByPosNegLabel { size: Dhw::splat(1), pos: 1.0, neg: 1.0, samples: 1, by_class };
    any.index(&label.view())
}

/// Warning, index by class, box, whether there is a coarse mask, channels of the image.
type Head = (Option<String>, Option<bool>, Option<BoxDhw>, bool, usize);

impl CacheItem for Outcome {
    fn write(&self, to: &mut ItemWriter<'_>) -> io::Result<()> {
        // The reason why a case is left out may change without its files; it is looked at again.
        let Self::Usable(case) = self else {
            return Err(io::Error::other("a case that is left out is not kept"));
        };
        let TrainingCase { image, label, coarse, index, jitter, warning } = case.as_ref();
        to.json(&(warning, index.as_ref().map(LabelIndex::is_by_class), jitter, coarse.is_some(), image.dim().0))?;
        image.outer_iter().try_for_each(|channel| CompactImage::new(&channel).write(to))?;
        CompactLabel::new(&label.view()).write(to)?;
        coarse.as_ref().map_or(Ok(()), |coarse| CompactLabel::new(&coarse.view()).write(to))
    }

    fn read(from: &mut ItemReader<'_>) -> io::Result<Self> {
        let (warning, by_class, jitter, has_coarse, channels): Head = from.json()?;
        let mut image = Vec::new();
        for _ in 0..channels {
            image.push(CompactImage::read(from)?.to_array());
        }
        let views: Vec<_> = image.iter().map(|channel| channel.view()).collect();
        let image = stack(Axis(0), &views).map_err(|_| ItemReader::damaged("channels differ in shape"))?;
        let label = CompactLabel::read(from)?.to_array();
        let coarse = has_coarse.then(|| CompactLabel::read(from)).transpose()?.map(|coarse| coarse.to_array());
        if image.shape()[1..] != *label.shape() || coarse.as_ref().is_some_and(|coarse| coarse.dim() != label.dim()) {
            return Err(ItemReader::damaged("image, label and mask differ in shape"));
        }
        let index = by_class.map(|by_class| index_of(&label, by_class));
        Ok(Self::Usable(Box::new(TrainingCase { image, label, coarse, index, jitter, warning })))
    }
}
