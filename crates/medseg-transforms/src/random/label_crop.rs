//! Random crops centred on foreground or background.

use std::collections::BTreeMap;

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView2, ArrayView3, ArrayView4, Axis, parallel::prelude::*};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::{BoxDhw, TransformError, any_channel_above};

/// MONAI's `RandCropByPosNegLabel`: each crop is centred on a random foreground voxel with probability
/// pos / (pos + neg), else on a random background voxel; centres too close to the border are moved inwards.
///
/// ```
/// use medseg_transforms::RandCropByPosNegLabel;
/// use medseg_volume::Dhw;
/// use rand::SeedableRng;
///
/// let mut label = ndarray::Array3::<u8>::zeros((20, 20, 20));
/// label[[10, 10, 10]] = 1;
/// let crops = RandCropByPosNegLabel { size: Dhw::splat(8), pos: 1.0, neg: 0.0, samples: 2, by_class: false };
/// let boxes = crops.sample(&crops.index(&label.view()), &mut rand_chacha::ChaCha8Rng::seed_from_u64(1))?;
/// assert_eq!(boxes[0].start, Dhw::splat(6));
/// # Ok::<(), medseg_transforms::TransformError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandCropByPosNegLabel {
    /// Voxels of a crop.
    pub size: Dhw<usize>,
    /// Weight of foreground centres.
    pub pos: f32,
    /// Weight of background centres.
    pub neg: f32,
    /// Crops drawn at a time.
    pub samples: usize,
    /// Gives every class that a case has the same chance of a foreground centre, however few voxels it has, as nnU-Net
    /// does. Without it, every foreground voxel has the same chance, as in MONAI.
    #[serde(default)]
    pub by_class: bool,
}

/// Voxels that crops may be centred on: computed once a case and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelIndex {
    shape: Dhw<usize>,
    foreground: Runs,
    background: Runs,
    /// The foreground apart by label value, in their order; only where crops are drawn by class.
    classes: Vec<Runs>,
}

/// Positions as runs of consecutive ones, in C order: a few bytes a row instead of a few bytes a voxel.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Runs {
    /// First position of a run and the number of positions before it.
    runs: Vec<(u64, u64)>,
    count: u64,
}

impl Runs {
    /// Adds `length` positions from `first` on, all above those that are there.
    fn push_run(&mut self, first: u64, length: u64) {
        let extends = self.runs.last().is_some_and(|(start, before)| start + (self.count - before) == first);
        if !extends {
            self.runs.push((first, self.count));
        }
        self.count += length;
    }

    /// Adds the runs of a later part.
    fn append(&mut self, later: &Self) {
        for (n, (first, before)) in later.runs.iter().enumerate() {
            let end = later.runs.get(n + 1).map_or(later.count, |next| next.1);
            self.push_run(*first, end - before);
        }
    }

    /// The position with this rank, below `count`.
    fn at(&self, rank: u64) -> u64 {
        let run = self.runs.partition_point(|(_, before)| *before <= rank) - 1;
        let (first, before) = self.runs[run];
        first + (rank - before)
    }
}

/// The draw for one crop: foreground or background, and which of its voxels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropDraw {
    /// In [0, 1): foreground if below pos / (pos + neg).
    pub uniform: f64,
    /// Rank among the voxels of the chosen kind.
    pub pick: u64,
}

impl LabelIndex {
    /// Number of voxels that a foreground or background crop may be centred on.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.foreground.count, self.background.count)
    }

    /// True if classes are apart, for [`by_class`](RandCropByPosNegLabel::by_class).
    #[must_use]
    pub fn is_by_class(&self) -> bool {
        !self.classes.is_empty()
    }

    /// Bytes it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let all = self.classes.iter().chain([&self.foreground, &self.background]);
        all.map(|runs| runs.runs.capacity()).sum::<usize>() * size_of::<(u64, u64)>()
    }

    /// C-order positions of the foreground, then of the background.
    #[must_use]
    pub fn positions(&self) -> (Vec<u64>, Vec<u64>) {
        let all = |runs: &Runs| (0..runs.count).map(|rank| runs.at(rank)).collect();
        (all(&self.foreground), all(&self.background))
    }
}

impl RandCropByPosNegLabel {
    /// Indexes a label: every voxel that is not 0 is foreground, every other background.
    #[must_use]
    pub fn index(&self, label: &ArrayView3<'_, u8>) -> LabelIndex {
        self.with_classes(index(label, None), label)
    }

    /// Indexes a label; background voxels count only where the image `[channel, depth, height, width]` is above
    /// `threshold` in at least one channel (MONAI's `image_threshold`).
    ///
    /// # Errors
    /// [`TransformError::LabelShape`] if label and image differ in shape.
    pub fn index_with_image(
        &self,
        label: &ArrayView3<'_, u8>,
        image: &ArrayView4<'_, f32>,
        threshold: f32,
    ) -> Result<LabelIndex, TransformError> {
        let (_, d, h, w) = image.dim();
        if label.dim() != (d, h, w) {
            return Err(TransformError::LabelShape { image: Dhw { d, h, w }, label: label.dim().into() });
        }
        Ok(self.with_classes(index(label, Some(&any_channel_above(image, threshold))), label))
    }

    fn with_classes(&self, index: LabelIndex, label: &ArrayView3<'_, u8>) -> LabelIndex {
        if self.by_class { LabelIndex { classes: classes(label), ..index } } else { index }
    }

    /// Draws the boxes of [`samples`](Self::samples) crops.
    ///
    /// If there is no foreground every crop is centred on background, and the other way round.
    ///
    /// # Errors
    /// A crop without voxels or larger than the volume, weights that are negative or both 0, or no voxel to centre on.
    pub fn sample(&self, index: &LabelIndex, rng: &mut impl Rng) -> Result<Vec<BoxDhw>, TransformError> {
        (0..self.samples)
            .map(|_| {
                let uniform: f64 = rng.random();
                let pick = rng.random_range(0..self.chosen(index, uniform)?.count);
                self.region(index, CropDraw { uniform, pick })
            })
            .collect()
    }

    /// The box of one draw; a pick beyond the last voxel of its kind is the last one.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn region(&self, index: &LabelIndex, draw: CropDraw) -> Result<BoxDhw, TransformError> {
        let chosen = self.chosen(index, draw.uniform)?;
        let position = chosen.at(draw.pick.min(chosen.count - 1)) as usize;
        let Dhw { h, w, .. } = index.shape;
        let center = Dhw { d: position / (h * w), h: position / w % h, w: position % w };
        let start = center.zip(index.shape.zip(self.size)).map(|(center, (length, size))| {
            (corrected_center(center, length, size) as isize - (size / 2) as isize).max(0)
        });
        Ok(BoxDhw { start, size: self.size })
    }

    /// Probability of a foreground centre.
    pub(crate) fn positive_share(&self) -> Result<f64, TransformError> {
        let (pos, neg) = (f64::from(self.pos), f64::from(self.neg));
        if pos >= 0.0 && neg >= 0.0 && pos + neg > 0.0 && (pos + neg).is_finite() {
            return Ok(pos / (pos + neg));
        }
        let reason = "must not be negative, and not both be 0";
        Err(TransformError::parameter("pos,neg", format!("{pos},{neg}"), reason))
    }

    /// The voxels to centre on; never none.
    fn chosen<'a>(&self, index: &'a LabelIndex, uniform: f64) -> Result<&'a Runs, TransformError> {
        if self.size.voxels() == 0 {
            return Err(TransformError::parameter("size", self.size, "has no voxels"));
        }
        if self.size.zip(index.shape).to_array().iter().any(|(size, length)| size > length) {
            return Err(TransformError::CropTooLarge { crop: self.size, volume: index.shape });
        }
        let share = self.positive_share()?;
        match index.counts() {
            (0, 0) => Err(TransformError::NoCenter),
            (0, _) => Ok(&index.background),
            (_, 0) => Ok(index.class_at(uniform)),
            _ if uniform < share => Ok(index.class_at(uniform / share)),
            _ => Ok(&index.background),
        }
    }
}

impl LabelIndex {
    /// The class at this part of 0..1, where they are apart; otherwise all foreground.
    fn class_at(&self, part: f64) -> &Runs {
        let at = (part * self.classes.len() as f64) as usize;
        self.classes.get(at.min(self.classes.len().saturating_sub(1))).unwrap_or(&self.foreground)
    }
}

/// The foreground of every label value that occurs, in their order.
fn classes(label: &ArrayView3<'_, u8>) -> Vec<Runs> {
    let (_, h, w) = label.dim();
    let of_plane = |(z, plane): (usize, ArrayView2<'_, u8>)| {
        let mut classes = BTreeMap::<u8, Runs>::new();
        for (y, row) in plane.outer_iter().enumerate() {
            for (x, value) in row.iter().enumerate().filter(|(_, value)| **value != 0) {
                classes.entry(*value).or_default().push_run(((z * h + y) * w + x) as u64, 1);
            }
        }
        classes
    };
    let planes: Vec<_> = label.axis_iter(Axis(0)).into_par_iter().enumerate().map(of_plane).collect();
    let mut classes = BTreeMap::<u8, Runs>::new();
    for (value, runs) in planes.iter().flatten() {
        classes.entry(*value).or_default().append(runs);
    }
    classes.into_values().collect()
}

/// Plane by plane on all threads, joined in order. `counts` says which background voxels count, all if not given.
fn index(label: &ArrayView3<'_, u8>, counts: Option<&Array3<bool>>) -> LabelIndex {
    let counts = counts.and_then(|counts| counts.as_slice());
    let (_, h, w) = label.dim();
    let of_plane = |(z, plane): (usize, ArrayView2<'_, u8>)| {
        let (mut foreground, mut background) = (Runs::default(), Runs::default());
        for (y, row) in plane.outer_iter().enumerate() {
            let first = (z * h + y) * w;
            if counts.is_none() && row.iter().fold(0, |any, v| any | v) == 0 {
                background.push_run(first as u64, w as u64);
                continue;
            }
            for (x, value) in row.iter().enumerate() {
                if *value != 0 {
                    foreground.push_run((first + x) as u64, 1);
                } else if counts.is_none_or(|counts| counts[first + x]) {
                    background.push_run((first + x) as u64, 1);
                }
            }
        }
        (foreground, background)
    };
    let planes: Vec<_> = label.axis_iter(Axis(0)).into_par_iter().enumerate().map(of_plane).collect();
    let (mut foreground, mut background) = (Runs::default(), Runs::default());
    for (f, b) in &planes {
        foreground.append(f);
        background.append(b);
    }
    foreground.runs.shrink_to_fit();
    background.runs.shrink_to_fit();
    LabelIndex { shape: label.dim().into(), foreground, background, classes: Vec::new() }
}

/// MONAI's `correct_crop_centers` along one axis: the centre moved so that a crop of `size` lies in `length` voxels.
#[must_use]
pub fn corrected_center(center: usize, length: usize, size: usize) -> usize {
    let low = size / 2;
    // MONAI's end, one past the highest: trunc(length + 1 - size / 2) with the half not rounded.
    let end = (length + 1).saturating_sub(size.div_ceil(2));
    center.clamp(low, end.saturating_sub(1).max(low))
}
