//! Probabilities on the image's grid, plane after plane.

use half::f16;
use medseg_volume::{Dhw, Geometry};
use ndarray::{Array3, Array4, ArrayView3, ArrayView4, ArrayViewMut2, ArrayViewMut3, Axis, parallel::prelude::*, s};

use super::BeyondMask;
use super::axes::{AxisMap, AxisMaps, Tap};
use crate::error::InferenceError;
use crate::rule::MaskRule;

/// The results that a [`ScoreRestorer`] makes beside the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Extras {
    /// Probabilities of all classes, which take two bytes a class and voxel.
    pub probabilities: bool,
    /// Entropy of the probabilities, which takes four bytes a voxel.
    pub entropy: bool,
}

/// Takes probabilities from a network's grid to an image's by trilinear interpolation, as MONAI's `Invertd` does, and
/// makes the mask of them there.
///
/// Slabs come in ascending order, and every plane of the image is finished as soon as its neighbours are known: the
/// probabilities of the whole image are never in memory, unless they are asked for.
#[derive(Debug)]
pub struct ScoreRestorer {
    maps: AxisMaps,
    beyond: BeyondMask,
    extras: Extras,
    /// Classes of the probabilities; further channels are averages without a meaning for the mask.
    classes: usize,
    rule: MaskRule,
    /// The last plane of the slab before, with its number.
    before: Option<(usize, Array3<f32>)>,
    restored: RestoredScores,
}

/// A mask and more on the image's grid.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RestoredScores {
    /// Labels by the rule, that of a single or the most probable class by default.
    pub mask: Array3<u8>,
    /// Probabilities `[class, depth, height, width]`, 0 to 1, if asked for.
    pub probabilities: Option<Array4<f16>>,
    /// Entropy in nats of the class probabilities, 0 (certain) to the logarithm of their number, if asked for. Of regions that
    /// overlap it is the sum over all channels, each from 0 to ln 2.
    pub entropy: Option<Array3<f32>>,
    /// Means over the voxels of each class of the mask.
    pub certainty: Certainty,
}

/// Certainty of a prediction, as means over the voxels whose label is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Certainty {
    /// Voxels that are not background.
    pub voxels: u64,
    /// Mean probability of the class or region that gave the label, 0 to 1; 0 without such a voxel.
    pub mean_probability: f64,
    /// Mean entropy in nats.
    pub mean_entropy: f64,
    /// Mean of the channel behind the classes, such as a spread over networks; 0 if there is none.
    pub mean_spread: f64,
}

impl ScoreRestorer {
    /// For probabilities of `classes` classes on one grid that go to another.
    ///
    /// # Errors
    /// [`InferenceError::Grids`] if the axes of one grid do not run along those of the other, and
    /// [`InferenceError::TooManyClasses`] for more than 256 classes.
    pub fn new(
        (shape, geometry): (Dhw<usize>, &Geometry),
        (to_shape, to_geometry): (Dhw<usize>, &Geometry),
        classes: usize,
        beyond: BeyondMask,
        extras: Extras,
    ) -> Result<Self, InferenceError> {
        if classes == 0 || classes > 256 {
            return Err(InferenceError::TooManyClasses { channels: classes });
        }
        let maps = AxisMaps::between(shape, geometry, to_shape, to_geometry)?;
        let Dhw { d, h, w } = to_shape;
        let restored = RestoredScores {
            mask: Array3::zeros((d, h, w)),
            probabilities: extras.probabilities.then(|| background(classes, to_shape)),
            entropy: extras.entropy.then(|| Array3::zeros((d, h, w))),
            certainty: Certainty::default(),
        };
        Ok(Self { maps, beyond, extras, classes, rule: MaskRule::default(), before: None, restored })
    }

    /// The same with another rule for the labels; to be called before any slab is taken.
    ///
    /// # Errors
    /// As [`MaskRule::validate_for`].
    pub fn with_rule(mut self, rule: MaskRule) -> Result<Self, InferenceError> {
        rule.validate_for(self.classes)?;
        if let Some(probabilities) = self.restored.probabilities.as_mut().filter(|_| rule.has_regions()) {
            // No channel is that of the background.
            probabilities.fill(f16::ZERO);
        }
        Ok(Self { rule, ..self })
    }

    /// Takes the probabilities `[class, depth, height, width]` of the planes from `start` along `axis`.
    ///
    /// # Panics
    /// If planes are left out, or there are fewer channels than classes.
    pub fn take(&mut self, axis: usize, start: usize, scores: &ArrayView4<'_, f32>) {
        let (channels, planes) = (scores.len_of(Axis(0)), scores.len_of(Axis(axis + 1)));
        if planes == 0 {
            return;
        }
        let last = start + planes - 1;
        assert!(channels >= self.classes, "{channels} channels for {} classes", self.classes);
        let after = self.before.as_ref().map(|(number, _)| *number);
        assert!(start == after.map_or(0, |number| number + 1), "planes from {start} after {after:?}");
        let maps = self.maps.0.to_array();
        let target_axis = (0..3).find(|target| maps[*target].source_axis() == axis).unwrap_or(axis);
        let taps = maps[target_axis].taps(self.beyond);
        let source = |number: usize| match &self.before {
            Some((before, plane)) if *before == number => plane.view(),
            _ => scores.index_axis(Axis(axis + 1), number - start),
        };
        for (target, tap) in taps.iter().enumerate() {
            let Some(tap) = tap.filter(|tap| tap.high <= last && after.is_none_or(|after| tap.high > after)) else {
                continue;
            };
            let planes = [source(tap.low), source(tap.high)];
            let sums = plane_of(&mut self.restored, target_axis, target, |to| {
                let blender = Blender::new(&maps, [axis, target_axis], planes, tap.weight, self.beyond);
                blender.fill(self.classes, &self.rule, to)
            });
            self.restored.certainty.add(sums);
        }
        self.before = Some((last, scores.index_axis(Axis(axis + 1), planes - 1).to_owned()));
    }

    /// The results, once all slabs were taken.
    #[must_use]
    pub fn finish(self) -> RestoredScores {
        let mut restored = self.restored;
        restored.certainty = restored.certainty.averaged();
        debug_assert_eq!(self.extras.entropy, restored.entropy.is_some());
        restored
    }
}

impl Certainty {
    /// Adds the sums of a plane.
    fn add(&mut self, [voxels, probability, entropy, spread]: [f64; 4]) {
        self.voxels += voxels as u64;
        self.mean_probability += probability;
        self.mean_entropy += entropy;
        self.mean_spread += spread;
    }

    fn averaged(self) -> Self {
        let mean = |sum: f64| if self.voxels == 0 { 0.0 } else { sum / self.voxels as f64 };
        Self {
            voxels: self.voxels,
            mean_probability: mean(self.mean_probability),
            mean_entropy: mean(self.mean_entropy),
            mean_spread: mean(self.mean_spread),
        }
    }
}

/// Probability 1 of the background, which is class 0 of several.
fn background(classes: usize, shape: Dhw<usize>) -> Array4<f16> {
    let mut probabilities = Array4::from_elem((classes, shape.d, shape.h, shape.w), f16::ZERO);
    if classes > 1 {
        probabilities.index_axis_mut(Axis(0), 0).fill(f16::ONE);
    }
    probabilities
}

/// One plane of the results.
struct TargetPlane<'a> {
    mask: ArrayViewMut2<'a, u8>,
    probabilities: Option<ArrayViewMut3<'a, f16>>,
    entropy: Option<ArrayViewMut2<'a, f32>>,
}

/// Runs `fill` on plane `number` along `axis`.
fn plane_of<T>(
    restored: &mut RestoredScores,
    axis: usize,
    number: usize,
    fill: impl FnOnce(TargetPlane<'_>) -> T,
) -> T {
    fill(TargetPlane {
        mask: restored.mask.index_axis_mut(Axis(axis), number),
        probabilities: restored.probabilities.as_mut().map(|all| all.index_axis_mut(Axis(axis + 1), number)),
        entropy: restored.entropy.as_mut().map(|all| all.index_axis_mut(Axis(axis), number)),
    })
}

/// Makes one plane of the image's grid out of two of the network's.
struct Blender<'a> {
    /// `[channel, rows, columns]`, with the target's order of axes.
    planes: [ArrayView3<'a, f32>; 2],
    /// Of the second plane.
    weight: f32,
    rows: Vec<Option<Tap>>,
    columns: Vec<Option<Tap>>,
}

impl<'a> Blender<'a> {
    fn new(
        maps: &[AxisMap; 3],
        [axis, target_axis]: [usize; 2],
        planes: [ArrayView3<'a, f32>; 2],
        weight: f32,
        beyond: BeyondMask,
    ) -> Self {
        let others = |without: usize| (0..3).filter(move |other| *other != without);
        let mut target = others(target_axis).map(|target| maps[target]);
        let (Some(rows), Some(columns)) = (target.next(), target.next()) else { unreachable!("two axes are left") };
        let turned = others(axis).next() != Some(rows.source_axis());
        let planes = planes.map(|plane| if turned { plane.permuted_axes([0, 2, 1]) } else { plane });
        Self { planes, weight, rows: rows.taps(beyond), columns: columns.taps(beyond) }
    }

    /// Fills the plane; gives the voxels that are not background and their sums of probability, entropy and spread.
    fn fill(&self, classes: usize, rule: &MaskRule, to: TargetPlane<'_>) -> [f64; 4] {
        let channels = self.planes[0].len_of(Axis(0));
        let Some(first) = self.columns.iter().position(Option::is_some) else { return [0.0; 4] };
        let taps: Vec<Tap> = self.columns.iter().copied().flatten().collect();
        let rows = to.mask.into_axis_iter_mut(Axis(0)).collect::<Vec<_>>();
        let mut probabilities: Vec<Option<_>> = match to.probabilities {
            Some(all) => all.into_axis_iter_mut(Axis(1)).map(Some).collect(),
            None => rows.iter().map(|_| None).collect(),
        };
        let mut entropies: Vec<Option<_>> = match to.entropy {
            Some(all) => all.into_axis_iter_mut(Axis(0)).map(Some).collect(),
            None => rows.iter().map(|_| None).collect(),
        };
        let sums: Vec<[f64; 4]> = rows
            .into_par_iter()
            .zip(&mut probabilities)
            .zip(&mut entropies)
            .zip(&self.rows)
            .map_init(
                || Row::new(channels, taps.len(), self.planes[0].len_of(Axis(2))),
                |row, (((mut mask, probabilities), entropy), tap)| {
                    let Some(tap) = *tap else { return [0.0; 4] };
                    row.blend(&self.planes, self.weight, tap, &taps);
                    let sums = row.decide(classes, rule);
                    mask.slice_mut(s![first..first + taps.len()])
                        .iter_mut()
                        .zip(&row.labels)
                        .for_each(|(to, l)| *to = *l);
                    if let Some(all) = probabilities {
                        let mut all = all.slice_mut(s![.., first..first + taps.len()]);
                        for (mut to, from) in all.outer_iter_mut().zip(row.values.chunks_exact(taps.len())) {
                            to.iter_mut().zip(from).for_each(|(to, from)| *to = f16::from_f32(*from));
                        }
                    }
                    if let Some(entropy) = entropy {
                        let mut to = entropy.slice_mut(s![first..first + taps.len()]);
                        to.iter_mut().zip(&row.entropy).for_each(|(to, from)| *to = *from);
                    }
                    sums
                },
            )
            .collect();
        sums.into_iter().fold([0.0; 4], |all, row| std::array::from_fn(|n| all[n] + row[n]))
    }
}

/// Room for one row of the image's grid.
struct Row {
    /// `[channel, column]`.
    values: Vec<f32>,
    line: Vec<f32>,
    labels: Vec<u8>,
    best: Vec<f32>,
    entropy: Vec<f32>,
}

impl Row {
    fn new(channels: usize, columns: usize, width: usize) -> Self {
        Self {
            values: vec![0.0; channels * columns],
            line: vec![0.0; width],
            labels: vec![0; columns],
            best: vec![0.0; columns],
            entropy: vec![0.0; columns],
        }
    }

    fn blend(&mut self, planes: &[ArrayView3<'_, f32>; 2], weight: f32, row: Tap, columns: &[Tap]) {
        for (channel, values) in self.values.chunks_exact_mut(columns.len()).enumerate() {
            let of = |plane: usize, y: usize| planes[plane].slice(s![channel, y, ..]);
            let line = self.line.iter_mut();
            let sources = of(0, row.low).into_iter().zip(of(1, row.low)).zip(of(0, row.high)).zip(of(1, row.high));
            for (to, (((a, b), c), d)) in line.zip(sources) {
                let (low, high) = (a + weight * (b - a), c + weight * (d - c));
                *to = low + row.weight * (high - low);
            }
            for (to, tap) in values.iter_mut().zip(columns) {
                let (low, high) = (self.line[tap.low], self.line[tap.high]);
                *to = low + tap.weight * (high - low);
            }
        }
    }

    /// Labels and entropies of the row; gives the sums over what is not background.
    fn decide(&mut self, classes: usize, rule: &MaskRule) -> [f64; 4] {
        let columns = self.labels.len();
        let (scores, rest) = self.values.split_at(classes * columns);
        self.entropy.fill(0.0);
        if rule.has_regions() {
            self.labels.fill(0);
            for scores in scores.chunks_exact(columns) {
                self.entropy.iter_mut().zip(scores).for_each(|(entropy, p)| *entropy += nats(*p) + nats(1.0 - *p));
            }
            // The first region is written last.
            for region in rule.regions.iter().rev() {
                let scores = &scores[region.channel * columns..][..columns];
                let voxels = self.labels.iter_mut().zip(&mut self.best).zip(scores);
                for ((label, best), p) in voxels.filter(|(_, p)| **p >= rule.threshold) {
                    (*label, *best) = (region.label, *p);
                }
            }
        } else if classes == 1 {
            for (((label, best), entropy), p) in
                self.labels.iter_mut().zip(&mut self.best).zip(&mut self.entropy).zip(scores)
            {
                *label = u8::from(*p >= rule.threshold);
                *best = *p;
                *entropy = nats(*p) + nats(1.0 - *p);
            }
        } else {
            self.labels.fill(0);
            self.best.fill(f32::NEG_INFINITY);
            for (class, scores) in scores.chunks_exact(columns).enumerate() {
                let voxels = self.labels.iter_mut().zip(&mut self.best).zip(&mut self.entropy).zip(scores);
                for (((label, best), entropy), p) in voxels {
                    if *p > *best {
                        *best = *p;
                        *label = class as u8;
                    }
                    *entropy += nats(*p);
                }
            }
        }
        let mut sums = [0.0; 4];
        for (column, label) in self.labels.iter().enumerate().filter(|(_, label)| **label != 0) {
            debug_assert!(*label != 0);
            sums[0] += 1.0;
            sums[1] += f64::from(self.best[column]);
            sums[2] += f64::from(self.entropy[column]);
            sums[3] += rest.get(column).copied().map_or(0.0, f64::from);
        }
        sums
    }
}

/// `-p ln p`, 0 at 0.
fn nats(p: f32) -> f32 {
    if p > 0.0 { -p * p.ln() } else { 0.0 }
}
