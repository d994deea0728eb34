//! The mask of a cascade's stage before.

use medseg_volume::c_order;
use ndarray::{Array3, ArrayView3, ArrayViewMut4, Axis, Zip};

/// Takes the mask in the image's box, with -1 where it is 0 outside the non-zero region, and extends that region to the
/// voxels that have a label.
pub(super) fn outside(previous: &ArrayView3<'_, i16>, region: &mut Array3<u8>) -> Array3<i16> {
    let mut mask = c_order(previous.view(), i16::clone);
    Zip::from(&mut mask).and(region).par_for_each(|label, inside| {
        if *label == 0 && *inside == 0 {
            *label = -1;
        }
        *inside = u8::from(*label >= 0);
    });
    mask
}

/// Writes a channel for each label, 1 where the mask has it.
pub(super) fn one_hot(mask: &Array3<i16>, labels: &[i16], mut out: ArrayViewMut4<'_, f32>) {
    for (label, channel) in labels.iter().zip(out.axis_iter_mut(Axis(0))) {
        Zip::from(channel).and(mask).par_for_each(|out, found| *out = f32::from(u8::from(found == label)));
    }
}
