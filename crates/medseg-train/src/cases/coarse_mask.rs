//! The coarse network's mask of a case, which the fine network may get as its last channel.

use medseg_transforms::resize_nearest_exact;
use medseg_volume::Dhw;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

/// A mask on the coarse grid as lengths of runs in C order, which lie outside and inside in turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CoarseMask {
    size: Dhw<usize>,
    runs: Vec<usize>,
}

impl CoarseMask {
    /// Of labels, all of which count as inside.
    pub fn new(labels: &Array3<u8>) -> Self {
        let (mut runs, mut inside) = (vec![0], false);
        for label in labels {
            if (*label != 0) != inside {
                inside = !inside;
                runs.push(0);
            }
            if let Some(run) = runs.last_mut() {
                *run += 1;
            }
        }
        Self { size: labels.dim().into(), runs }
    }

    /// 1 inside and 0 outside on another grid over the same extent, as the cascade has it when predicting.
    pub fn on_grid(&self, shape: Dhw<usize>) -> Array3<u8> {
        let values = [0, 1].into_iter().cycle();
        let mut voxels = self.runs.iter().zip(values).flat_map(|(run, value)| std::iter::repeat_n(value, *run));
        let coarse = Array3::from_shape_simple_fn(self.size.to_array(), || voxels.next().unwrap_or(0));
        resize_nearest_exact(&coarse.view(), shape)
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn runs_give_back_the_mask() {
        let mut rng = medseg_data::rng_for(1, 0, 0);
        for shape in [(1, 1, 1), (3, 5, 2), (4, 4, 4)] {
            for share in [0.0, 0.3, 1.0] {
                let labels = Array3::from_shape_simple_fn(shape, || 2 * u8::from(rng.random_bool(share)));
                let mask = CoarseMask::new(&labels);
                assert_eq!(mask.on_grid(shape.into()), labels.mapv(|label| label / 2));
                let text = serde_json::to_string(&mask).unwrap();
                assert_eq!(serde_json::from_str::<CoarseMask>(&text).unwrap(), mask);
            }
        }
    }

    #[test]
    fn a_finer_grid_takes_the_nearest_voxel() {
        let mask = CoarseMask::new(&ndarray::array![[[0_u8, 7]]]);
        assert_eq!(mask.on_grid(Dhw::from([2, 1, 4])), ndarray::array![[[0, 0, 1, 1]], [[0, 0, 1, 1]]]);
    }
}
