//! The rules of nnU-Net that can be broken, one at a time.

/// A rule that decides voxels of a mask, and what breaking it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Sums over windows are rounded to f16 after every window. Broken: they are f32.
    HalfSums,
    /// Windows follow each other with the last axis fastest. Broken: with the first.
    WindowOrder,
    /// The Gaussian's largest weight is 10. Broken: 1.
    GaussianMaximum,
    /// The Gaussian's weights are rounded to f16. Broken: they are f32.
    HalfGaussian,
    /// The Gaussian has its centre at `patch / 2`. Broken: at `(patch - 1) / 2`.
    GaussianCentre,
    /// Window starts on a half go to the even voxel. Broken: to the upper one.
    EvenStarts,
    /// The image is cropped to its non-zero region. Broken: it stays whole.
    CroppedImage,
    /// A z-score's mean and deviation are those of the non-zero region. Broken: those of its box.
    MaskedStatistics,
    /// Holes of the non-zero region belong to it. Broken: they do not.
    FilledHoles,
    /// The label with the largest share of a voxel wins in a resampled mask. Broken: the last one with at least half.
    LargestShare,
    /// In a cascade the non-zero region includes all voxels with a label. Broken: the image alone makes it.
    LabelledRegion,
    /// A z-score divides by the population's deviation. Broken: by the sample's.
    PopulationDeviation,
    /// Mirrored windows are averaged. Broken: windows are predicted once.
    Mirroring,
    /// Images are resampled with order 3. Broken: with order 1.
    CubicImages,
    /// A spline is evaluated up to the image's border. Broken: up to the centres of the outer voxels.
    SplineToBorder,
    /// An axis with thick slices is resampled on its own. Broken: as the others.
    SeparateAxis,
    /// Resampled values stay within the range before. Broken: splines may overshoot.
    ClippedSplines,
    /// Logits are resampled. Broken: labels are.
    ResampledLogits,
    /// Logits of the folds are averaged. Broken: probabilities are.
    AveragedLogits,
    /// The decoder's upsampled channels come before those of the skip connection. Broken: after them.
    UpsampledFirst,
    /// Of an odd padding, the larger half follows the image. Broken: it comes before.
    PaddingAfter,
    /// Of the regions that a voxel is in, the last one gives its label. Broken: the first one.
    LastRegion,
    /// Resampled logits are rounded to f16. Broken: they stay f32.
    HalfLogits,
}

/// All rules, but for one at most.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub broken: Option<Rule>,
}

impl Rules {
    pub fn hold(self, rule: Rule) -> bool {
        self.broken != Some(rule)
    }
}
