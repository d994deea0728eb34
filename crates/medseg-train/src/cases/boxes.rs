//! The boxes that cases are cut to: the reference's, the coarse network's, or the reference's with faces that are a
//! little off, as a coarse network might find them.

use medseg_data::{fnv1a, mix, rng_for};
use medseg_transforms::{BoxDhw, foreground_box};
use medseg_volume::Dhw;
use ndarray::Array3;
use rand::{Rng, RngExt};

use super::{Preparation, TrainingCase};
use crate::config::{BoxSource, StageConfig};

/// The box a case is cut to.
pub(super) fn case_box(id: &str, label: &Array3<u8>, preparation: &Preparation) -> BoxDhw {
    let stage = &preparation.stage;
    let shape = Dhw::from(label.dim());
    match stage.boxes {
        BoxSource::Reference => reference_box(label, stage.foreground_margin),
        // Of validation cases one box each, so that epochs can be compared.
        BoxSource::Jittered => {
            let mut rng = rng_for(mix(preparation.seed, fnv1a(id.as_bytes()), 0), 0, 0);
            jittered(reference_box(label, stage.foreground_margin), stage.box_jitter, shape, &mut rng)
        }
        BoxSource::Predicted => preparation.boxes.get(id).copied().unwrap_or_else(|| BoxDhw::whole(shape)),
    }
}

/// The foreground's box with a margin, cut at the border; the whole volume if there is no foreground.
pub(super) fn reference_box(label: &Array3<u8>, margin: usize) -> BoxDhw {
    let shape = Dhw::from(label.dim());
    foreground_box(&label.view(), |v| *v != 0, Dhw::splat(margin))
        .map_or_else(|| BoxDhw::whole(shape), |b| b.clipped(shape))
}

/// The box that is moved, in voxels of the widest that it can become, and that widest one in voxels of the label.
pub(super) fn range(label: &Array3<u8>, stage: &StageConfig) -> (BoxDhw, BoxDhw) {
    let shape = Dhw::from(label.dim());
    let roi = reference_box(label, stage.foreground_margin);
    let by = stage.box_jitter;
    let (start, size) = (roi.start.to_array(), roi.size.to_array());
    let widest = BoxDhw {
        start: Dhw::from(start.map(|low| low - by as isize)),
        size: Dhw::from(size.map(|length| length + 2 * by)),
    };
    let widest = widest.clipped(shape);
    let origin = widest.start.to_array();
    let inside = Dhw::from(std::array::from_fn(|axis| start[axis] - origin[axis]));
    (BoxDhw { start: inside, size: roi.size }, widest)
}

/// A box whose faces are each moved by up to `by` voxels, cut at the border and never empty.
pub(super) fn jittered(roi: BoxDhw, by: usize, shape: Dhw<usize>, rng: &mut impl Rng) -> BoxDhw {
    let (start, size, lengths) = (roi.start.to_array(), roi.size.to_array(), shape.to_array());
    let by = by as i64;
    let mut step = || rng.random_range(-by..=by) as isize;
    let faces: [(isize, isize); 3] = std::array::from_fn(|axis| {
        let last = lengths[axis] as isize - 1;
        let low = (start[axis] + step()).clamp(0, last.max(0));
        let high = start[axis] + size[axis] as isize + step();
        (low, high.clamp(low + 1, lengths[axis] as isize))
    });
    BoxDhw {
        start: Dhw::from(faces.map(|(low, _)| low)),
        size: Dhw::from(faces.map(|(low, high)| (high - low) as usize)),
    }
}

impl TrainingCase {
    /// The case cut to the box with its faces moved by this draw, ready for crops; `None` if its box stays as it is.
    pub fn cut_anew(&self, stage: &StageConfig, rng: &mut impl Rng) -> Option<Self> {
        let roi = jittered(self.jitter?, stage.box_jitter, self.shape(), rng);
        Some(self.cut(&roi).for_crops(stage))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::config::{Experiment, Preset, StageInput};

    fn stage() -> StageConfig {
        let mut stage = Preset::Quick.config(Experiment::TwoStage).fine;
        (stage.input, stage.boxes) = (StageInput::ForegroundCrops, BoxSource::Jittered);
        (stage.box_jitter, stage.foreground_margin, stage.size) = (3, 2, Dhw::splat(4));
        stage
    }

    #[test]
    fn jittered_boxes_lie_inside_the_volume_and_near_the_box() {
        let shape = Dhw::from([20, 9, 30]);
        let roi = BoxDhw { start: Dhw::from([5, 0, 27]), size: Dhw::from([6, 9, 3]) };
        let mut seen = std::collections::BTreeSet::new();
        for case in 0..200 {
            let moved = jittered(roi, 4, shape, &mut rng_for(1, 0, case));
            assert_eq!(moved.clipped(shape), moved);
            assert!(moved.size.to_array().iter().all(|n| *n > 0));
            assert!((moved.start.d - 5).abs() <= 4 && (moved.start.d + moved.size.d as isize - 11).abs() <= 4);
            seen.insert((moved.start.d, moved.size.d));
        }
        assert!(seen.len() > 40, "only {} boxes in 200 draws", seen.len());
    }

    #[test]
    fn moving_a_box_inside_the_widest_is_moving_it_in_the_volume() {
        let (mut label, stage) = (Array3::<u8>::zeros((12, 20, 30)), stage());
        label.slice_mut(ndarray::s![1..4, 8..12, 24..29]).fill(1);
        let shape = Dhw::from([12, 20, 30]);
        let (inside, widest) = range(&label, &stage);
        assert_eq!(widest, BoxDhw { start: Dhw::from([0, 3, 19]), size: Dhw::from([9, 14, 11]) });
        for number in 0..300 {
            let mut moved = jittered(inside, stage.box_jitter, widest.size, &mut rng_for(2, 0, number));
            moved.start = Dhw::from(std::array::from_fn(|a| moved.start.to_array()[a] + widest.start.to_array()[a]));
            let whole = reference_box(&label, stage.foreground_margin);
            assert_eq!(moved, jittered(whole, stage.box_jitter, shape, &mut rng_for(2, 0, number)));
        }
    }

    #[test]
    fn a_case_is_cut_to_another_box_for_every_draw_and_to_the_same_for_the_same() {
        let stage = stage();
        let image = Array4::from_shape_fn((1, 16, 16, 16), |(_, z, y, x)| (z * 256 + y * 16 + x) as f32);
        let mut label = Array3::<u8>::zeros((16, 16, 16));
        label.slice_mut(ndarray::s![6..10, 6..10, 6..10]).fill(1);
        let (roi, widest) = range(&label, &stage);
        let case = TrainingCase { jitter: Some(roi), ..TrainingCase::plain(image, label).cut(&widest) };
        let cut = |number| case.cut_anew(&stage, &mut rng_for(3, number, 0)).unwrap();
        let corners: std::collections::BTreeSet<_> = (0..40).map(|n| cut(n).image[[0, 0, 0, 0]].to_bits()).collect();
        assert!(corners.len() > 20, "{} corners in 40 epochs", corners.len());
        let (first, again) = (cut(7), cut(7));
        assert!(first.index.is_some() && first.image == again.image && first.label == again.label);
        let still = TrainingCase { jitter: None, ..cut(7) };
        assert!(still.cut_anew(&stage, &mut rng_for(3, 0, 0)).is_none());
    }

    #[test]
    fn the_reference_box_is_cut_at_the_border_and_covers_all_without_foreground() {
        let mut label = Array3::zeros((10, 12, 14));
        let all = Dhw::from([10, 12, 14]);
        assert_eq!(reference_box(&label, 3).size, all);
        label[[1, 6, 7]] = 1;
        let roi = reference_box(&label, 3);
        assert_eq!((roi.start, roi.size), (Dhw::from([0, 3, 4]), Dhw::from([5, 7, 7])));
    }
}
