//! The network: strides and kernels per axis by the spacing, channels by the stage.

use medseg_bundle::NetworkConfig;
use medseg_unet::{Activation, BlockKind, EncoderKind, Norm, StageConfig, StagedUNetConfig, UNetConfig, UNetError};
use medseg_volume::Dhw;

use crate::decision::Decision;

/// Least voxels of the lowest stage along an axis; nnU-Net's.
const LEAST_VOXELS: usize = 4;
/// Ratio of spacings from which an axis counts as coarse; nnU-Net's.
const COARSE: f64 = 2.0;
/// Stages of a network, at most.
const MOST_STAGES: usize = 6;
/// Channels of a stage, at most.
const MOST_CHANNELS: usize = 320;

/// Strides and kernels of a network's stages, from full resolution down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topology {
    /// Stride of each stage's first convolution along `[depth, height, width]`; 1 in the first.
    pub strides: Vec<[usize; 3]>,
    /// Kernel of each stage's convolutions.
    pub kernels: Vec<[usize; 3]>,
}

impl Topology {
    /// Stages for a patch of voxels of this spacing, by nnU-Net's rule: an axis is halved as long as 4 voxels remain and
    /// its voxels are less than twice as long as the shortest. A kernel has one voxel along a coarse axis.
    pub fn new(patch: Dhw<usize>, spacing_mm: Dhw<f64>) -> Self {
        let (mut size, mut spacing) = (patch.to_array(), spacing_mm.to_array());
        let mut kernel = kernel_of([1; 3], spacing);
        let (mut strides, mut kernels) = (vec![[1; 3]], vec![kernel]);
        while strides.len() < MOST_STAGES {
            let large: Vec<usize> = (0..3).filter(|axis| size[*axis] >= 2 * LEAST_VOXELS).collect();
            let Some(finest) = large.iter().map(|axis| spacing[*axis]).reduce(f64::min) else { break };
            let halved: Vec<usize> = large.into_iter().filter(|axis| spacing[*axis] / finest < COARSE).collect();
            if halved.len() == 1 && size[halved[0]] < 3 * LEAST_VOXELS {
                break;
            }
            let mut stride = [1; 3];
            for axis in halved {
                (stride[axis], size[axis]) = (2, size[axis].div_ceil(2));
                spacing[axis] *= 2.0;
            }
            kernel = kernel_of(kernel, spacing);
            strides.push(stride);
            kernels.push(kernel);
        }
        Self { strides, kernels }
    }

    /// Lengths of an image are multiples of this.
    pub fn multiple(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.strides.iter().map(|stride| stride[axis]).product())
    }

    /// True if all axes are halved together and every kernel is 3x3x3.
    fn is_isotropic(&self) -> bool {
        self.kernels.iter().all(|kernel| *kernel == [3; 3]) && self.strides[1..].iter().all(|stride| *stride == [2; 3])
    }

    /// Channels of the stages from `first` on, doubled up to 320.
    pub fn channels(&self, first: usize) -> Vec<usize> {
        (0..self.strides.len()).map(|stage| (first << stage).min(MOST_CHANNELS)).collect()
    }

    /// The network: a residual U-Net where axes are alike, otherwise nnU-Net's plain one.
    pub fn network(&self, first: usize, out_channels: usize) -> Result<NetworkConfig, UNetError> {
        let channels = self.channels(first);
        if self.is_isotropic() && channels.len() >= 2 {
            let network = UNetConfig {
                out_channels,
                channels,
                encoder: BlockKind::ResTwoLayer,
                decoder: BlockKind::ResTwoLayer,
                dropout: 0.0,
                final_bias: true,
                ..UNetConfig::default()
            };
            network.validate()?;
            return Ok(network.into());
        }
        let stages = self.strides.iter().zip(&self.kernels).zip(channels);
        let stages: Vec<StageConfig> = stages
            .map(|((stride, kernel), features)| StageConfig { kernel: *kernel, ..StageConfig::new(features, *stride) })
            .collect();
        let network = StagedUNetConfig {
            out_channels,
            encoder: EncoderKind::Plain,
            decoder_convs: vec![2; stages.len().saturating_sub(1)],
            stages,
            norm: Norm::Instance { affine: true },
            activation: Activation::LeakyRelu { slope: 0.01 },
            ..StagedUNetConfig::default()
        };
        Ok(network.architecture()?.into())
    }

    /// Channels, strides and kernels in words.
    pub fn decision(&self, channels: &[usize]) -> Decision {
        let shown = |values: &[[usize; 3]]| {
            let each = values.iter().map(|[d, h, w]| format!("{d}x{h}x{w}"));
            each.collect::<Vec<_>>().join(", ")
        };
        let value =
            format!("{channels:?} channels, strides {}, kernels {}", shown(&self.strides), shown(&self.kernels));
        let reason = if self.is_isotropic() {
            "Voxels are about as long along every axis, so all are halved until 4 remain along one."
        } else {
            "An axis is halved while 4 voxels remain and its voxels are less than twice the shortest; a coarser one is not \
             mixed by a kernel yet."
        };
        Decision::new("Network", value, reason)
    }
}

/// Three voxels along every axis whose spacing is near the finest, and where a higher stage has them already.
fn kernel_of(before: [usize; 3], spacing: [f64; 3]) -> [usize; 3] {
    let finest = spacing.iter().copied().fold(f64::INFINITY, f64::min);
    [0, 1, 2].map(|axis| if before[axis] == 3 || spacing[axis] / finest < COARSE { 3 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isotropic_patches_are_halved_alike() {
        let found = Topology::new(Dhw::from([40, 56, 40]), Dhw::splat(1.0));
        assert_eq!(found.strides, [[1; 3], [2; 3], [2; 3], [2; 3]]);
        assert_eq!(found.multiple(), [8; 3]);
        assert_eq!(found.channels(16), [16, 32, 64, 128]);
        assert!(matches!(found.network(16, 3).unwrap(), NetworkConfig::UNet(_)));
        let deep = Topology::new(Dhw::splat(128), Dhw::splat(1.0));
        assert_eq!((deep.strides.len(), deep.channels(32)), (6, vec![32, 64, 128, 256, 320, 320]));
    }

    /// The plans that nnU-Net prints for cardiac MR and prostate MR: 1.56 mm in plane and 5 or 3.6 mm between slices.
    #[test]
    fn anisotropic_patches_get_nnu_nets_strides_and_kernels() {
        let found = Topology::new(Dhw::from([20, 256, 224]), Dhw::from([5.0, 1.5625, 1.5625]));
        assert_eq!(found.strides, [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2], [1, 2, 2], [1, 2, 2]]);
        assert_eq!(found.kernels[..2], [[1, 3, 3], [3, 3, 3]]);
        assert!(found.kernels[1..].iter().all(|kernel| *kernel == [3; 3]));
        assert!(matches!(found.network(16, 4).unwrap(), NetworkConfig::Described(_)));
    }

    #[test]
    fn every_patch_gets_a_network_that_is_valid() {
        for patch in [[1, 1, 1], [1, 300, 300], [8, 8, 8], [5, 9, 200], [160, 4, 64]] {
            for spacing in [[1.0, 1.0, 1.0], [10.0, 0.5, 0.5], [0.5, 10.0, 3.0]] {
                let found = Topology::new(Dhw::from(patch), Dhw::from(spacing));
                if found.strides.len() > 1 {
                    found.network(8, 1).unwrap().validate().unwrap();
                }
            }
        }
    }
}
