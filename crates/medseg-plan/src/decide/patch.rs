//! The patch that a training step sees.

use medseg_volume::Dhw;

use super::network::Topology;

/// Least voxels along an axis that is longer in the cases.
const LEAST: usize = 8;

/// The patch of about `voxels` voxels for cases of this median shape: a cube in millimetres, cut to the cases, each
/// length a multiple of the network's strides.
pub(crate) fn patch(median: Dhw<usize>, spacing_mm: Dhw<f64>, voxels: usize) -> (Dhw<usize>, Topology) {
    let spacing = spacing_mm.to_array();
    let lengths = |mm: f64| {
        let cut = |axis: usize| ((mm / spacing[axis]).round() as usize).clamp(1, median.to_array()[axis]);
        [0, 1, 2].map(cut)
    };
    let count = |mm: f64| lengths(mm).iter().product::<usize>();
    let (mut low, mut high) = (0.0, spacing.iter().fold(0.0, |m: f64, mm| m.max(*mm)) * 4096.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if count(middle) <= voxels { low = middle } else { high = middle }
    }
    let cut = lengths(low);
    let least = [0, 1, 2].map(|axis| cut[axis].max(LEAST.min(median.to_array()[axis])));
    let topology = Topology::new(Dhw::from(least), spacing_mm);
    let of = topology.multiple();
    // Up, so that a whole case fits where the cut did not shorten it.
    let rounded = [0, 1, 2].map(|axis| least[axis].next_multiple_of(of[axis]));
    (Dhw::from(rounded), topology)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_case_fits_whole() {
        let (size, _) = patch(Dhw::from([36, 50, 35]), Dhw::splat(1.0), 400_000);
        assert_eq!(size, Dhw::from([40, 56, 40]));
    }

    #[test]
    fn an_anisotropic_case_keeps_its_planes() {
        let (size, topology) = patch(Dhw::from([10, 256, 216]), Dhw::from([10.0, 1.5, 1.5]), 400_000);
        assert!(size.d <= 12 && size.h >= 160 && size.w >= 160, "{size}");
        assert!(topology.strides.iter().all(|stride| stride[0] == 1 || topology.strides.len() > 3), "{topology:?}");
        assert_eq!(topology.kernels[0], [1, 3, 3]);
    }

    #[test]
    fn patches_grow_with_the_voxels_and_never_beyond_the_case_by_more_than_a_stride() {
        let median = Dhw::from([120, 300, 280]);
        let mut before = 0;
        for voxels in [1, 4_000, 60_000, 200_000, 900_000, 100_000_000] {
            let (size, topology) = patch(median, Dhw::from([2.5, 0.8, 0.8]), voxels);
            assert!(size.voxels() >= before, "{size}");
            before = size.voxels();
            let of = Dhw::from(topology.multiple());
            for ((length, median), of) in size.zip(median).zip(of).to_array() {
                assert!(length.is_multiple_of(of) && length < median + of, "{size}");
            }
        }
    }
}
