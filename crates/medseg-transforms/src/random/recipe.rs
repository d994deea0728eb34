//! Transforms that go together.

use std::f64::consts::PI;

use medseg_volume::Dhw;

use crate::{
    BlurBorder, BorderMode, FactorRange, Kernel, Pipeline, RandAffine, RandFlip, RandIntensity, RandIntensityChange,
    Range, Step,
};

/// Ratio of a patch's longest and shortest axis above which it is a stack of slices (nnU-Net's `ANISO_THRESHOLD`).
const SLICES: usize = 3;

/// The augmentation of nnU-Net v2's default trainer for patches that are about isotropic, with its probabilities and
/// ranges (`nnUNetTrainer.get_training_transforms` and `configure_rotation_dummyDA_mirroring_and_inital_patch_size`,
/// <https://github.com/MIC-DKFZ/nnUNet>; the transforms are batchgeneratorsv2's):
///
/// | transform | p | range |
/// |---|---|---|
/// | rotation around each axis | 0.2 | ±30° |
/// | scaling, one factor for all axes | 0.2 | 0.7 to 1.4; above 1 things look smaller |
/// | Gaussian noise, the same in all channels | 0.1 | standard deviation 0 to 0.1 |
/// | Gaussian blur, an axis at a time | 0.2, then 0.5 a channel | σ 0.5 to 1 voxels |
/// | brightness, factor | 0.15 | 0.75 to 1.25, half of the draws below 1 |
/// | contrast, within the old range | 0.15 | 0.75 to 1.25, half of the draws below 1 |
/// | low resolution | 0.25, then 0.5 a channel | 0.5 to 1 of the voxels along each axis |
/// | gamma of the negative image, statistics kept | 0.1 | 0.7 to 1.5, half of the draws below 1 |
/// | gamma, statistics kept | 0.3 | 0.7 to 1.5, half of the draws below 1 |
/// | mirroring of each axis | 0.5 | |
///
/// nnU-Net applies no elastic deformation by default (its probability is 0); a [`RandElastic`](crate::RandElastic) put in
/// front is done in the same pass as rotation and scaling. Its ranges are made for z-scored images: bring intensities to
/// about mean 0 and deviation 1, or to [0, 1], first.
///
/// Differences: where rotation and scaling look outside, the border's voxels are repeated (nnU-Net cuts patches from
/// larger ones and takes 0 beyond); labels take the nearest voxel; the blur's kernel is the Gaussian's integral over
/// voxels within 4 σ (nnU-Net's ends earlier). Its masking of the background is left to a pipeline of your own.
///
/// ```
/// let pipeline = medseg_transforms::nnunet_augmentation();
/// assert!(pipeline.validate().is_ok());
/// println!("{}", serde_json::to_string_pretty(&pipeline)?);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn nnunet_augmentation() -> Pipeline {
    nnunet_augmentation_for(Dhw::splat(1), Dhw::splat(true))
}

/// [`nnunet_augmentation`] for patches of this shape `[depth, height, width]`, mirroring along some axes only. An axis that
/// separates classes, such as left from right, must not be among them.
///
/// Patches more than 3 times as long along one axis as along their shortest are stacks of slices, by nnU-Net's rule. They
/// are turned within the slices alone, and scaled and coarsened there. The turn is up to 180°, as in nnU-Net, if both axes
/// of the slices may be mirrored, and 30° otherwise: a half turn is both mirrorings at once.
///
/// ```
/// use medseg_transforms::nnunet_augmentation_for;
/// use medseg_volume::Dhw;
///
/// let slices = nnunet_augmentation_for(Dhw { d: 10, h: 256, w: 224 }, Dhw { d: false, h: true, w: true });
/// assert_eq!(slices.steps.len(), 10);
/// ```
#[must_use]
pub fn nnunet_augmentation_for(patch: Dhw<usize>, mirror: Dhw<bool>) -> Pipeline {
    use RandIntensityChange::{
        Contrast, Gamma, GaussianNoise, GaussianSmooth, MultiplyBrightness, SimulateLowResolution,
    };
    let spatial = RandAffine { kernel: Kernel::Linear, padding: BorderMode::Border, ..RandAffine::default() };
    let through = through_slices(patch);
    // Around an axis or along it, if that is the one through the slices, and otherwise.
    let each = |through_slices: Range, otherwise: Range| match through {
        Some(axis) => Dhw::from([0, 1, 2].map(|a| if a == axis { through_slices } else { otherwise })),
        None => Dhw::splat(otherwise),
    };
    let rotate = match through {
        Some(through) => {
            let free = (0..3).all(|axis| axis == through || mirror.to_array()[axis]);
            each(Range::symmetric(if free { PI } else { PI / 6.0 }), Range(0.0, 0.0))
        }
        None => Dhw::splat(Range::symmetric(PI / 6.0)),
    };
    let turn = RandAffine { p: 0.2, rotate, ..spatial };
    let scale = RandAffine { p: 0.2, scale: each(Range(1.0, 1.0), Range(0.7, 1.4)), same_scale: true, ..spatial };
    let around_one = FactorRange::Balanced(Range(0.75, 1.25));
    let noise = GaussianNoise { std: Range(0.0, 0.1) };
    let blur = GaussianSmooth { sigma: Dhw::splat(Range(0.5, 1.0)), same_for_axes: false, border: BlurBorder::Mirror };
    let coarse = SimulateLowResolution { scale: each(Range(1.0, 1.0), Range(0.5, 1.0)), same_for_axes: true };
    let gamma = |invert| Gamma { gamma: FactorRange::Balanced(Range(0.7, 1.5)), invert, retain_stats: true };
    let mut steps: Vec<Step> = vec![
        turn.into(),
        scale.into(),
        RandIntensity { same_for_channels: true, ..RandIntensity::new(0.1, noise) }.into(),
        RandIntensity { p_channel: 0.5, ..RandIntensity::new(0.2, blur) }.into(),
        RandIntensity::new(0.15, MultiplyBrightness { factor: around_one }).into(),
        RandIntensity::new(0.15, Contrast { factor: around_one, preserve_range: true }).into(),
        RandIntensity { p_channel: 0.5, ..RandIntensity::new(0.25, coarse) }.into(),
        RandIntensity::new(0.1, gamma(true)).into(),
        RandIntensity::new(0.3, gamma(false)).into(),
    ];
    if mirror.to_array().contains(&true) {
        steps.push(RandFlip { p: 0.5, axes: mirror }.into());
    }
    steps.into_iter().collect()
}

/// The axis through the slices of a patch that is one of slices: its shortest.
fn through_slices(patch: Dhw<usize>) -> Option<usize> {
    let lengths = patch.to_array();
    let axis = (0..3).min_by_key(|axis| lengths[*axis])?;
    let longest = lengths.into_iter().max()?;
    (longest > SLICES.saturating_mul(lengths[axis])).then_some(axis)
}
