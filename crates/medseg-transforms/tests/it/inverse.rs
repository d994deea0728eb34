//! The two rules of taking labels back: the voxel at the centre, and the one that MONAI takes.

use medseg_transforms::{BorderMode, Kernel, Pipeline, Resize, Respace, Sample, Step, Zoom};
use medseg_volume::{Dhw, Geometry};
use ndarray::Array3;

/// The labels 1, 2, 3 ... of the result's voxels in a row of `length`, taken back by both rules.
fn both(length: usize, steps: Vec<Step>) -> (Vec<u8>, Vec<u8>) {
    let image = Array3::zeros((1, 1, length));
    let sample = Sample::new("a", image, None, Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
    let trace = Pipeline { steps }.apply_one(sample, 0).unwrap().trace;
    let label = Array3::from_shape_fn(trace.final_shape().to_array(), |(.., w)| w as u8 + 1);
    let all = |label: Array3<u8>| label.into_iter().collect();
    (all(trace.invert_label(&label.view()).unwrap()), all(trace.invert_nearest(&label.view()).unwrap()))
}

fn resize(w: usize) -> Step {
    Resize { size: Dhw { d: 1, h: 1, w }, kernel: Kernel::Linear, align_corners: false }.into()
}

#[test]
fn a_resize_is_taken_back_by_the_centre_or_the_low_corner() {
    // Voxel centres lie at (index + 1/2) · 5/3 - 1/2 = 1/3, 2, 11/3; PyTorch takes floor(index · 5/3).
    assert_eq!(both(3, vec![resize(5)]), (vec![1, 3, 5], vec![1, 2, 4]));
}

#[test]
fn resamplings_are_taken_back_together_or_one_by_one() {
    let (joined, stepwise) = both(4, vec![resize(9), resize(6)]);
    // At (index + 1/2) · 6/4 - 1/2 = 1/4, 7/4, 13/4, 19/4.
    assert_eq!(joined, [1, 3, 4, 6]);
    // Voxels 0, 2, 4, 6 of nine, and of these 0, 1, 2, 4 of six.
    assert_eq!(stepwise, [1, 2, 3, 5]);
}

#[test]
fn beyond_the_result_the_label_is_0_or_that_of_the_border() {
    // Twice as large in the same shape: four of eight voxels are left.
    let padding = BorderMode::Border;
    let zoom = Zoom { factor: Dhw { d: 1.0, h: 1.0, w: 2.0 }, keep_size: true, kernel: Kernel::Linear, padding };
    let (label, nearest) = both(8, vec![zoom.into()]);
    assert_eq!((label[0], label[7]), (0, 0));
    assert_eq!((nearest[0], nearest[7]), (1, 8));
}

#[test]
fn a_volume_that_keeps_its_extent_comes_back_whole() {
    // 14 voxels of 1 mm become one of 10 mm, whose outer faces leave four of them out.
    let step = Respace { keep_extent: true, ..Respace::to(Dhw { d: 1.0, h: 1.0, w: 10.0 }) };
    assert_eq!(both(14, vec![step.into()]), (vec![1; 14], vec![1; 14]));
}
