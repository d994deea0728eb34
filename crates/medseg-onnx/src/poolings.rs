//! Poolings and upsampling as ONNX nodes.

use crate::builder::{Builder, Place, string};
use crate::convolutions::Window;

/// `MaxPool`, padded with minus infinity.
pub(crate) fn max_pool(builder: &mut Builder, place: Place, window: &Window) {
    builder.node("MaxPool", &[place.input], place.output, window.attributes());
}

/// `AveragePool` of windows that touch.
pub(crate) fn average_pool(builder: &mut Builder, place: Place, kernel: [usize; 3]) {
    let window = Window { kernel, stride: kernel, padding: [0; 3] };
    builder.node("AveragePool", &[place.input], place.output, window.attributes());
}

/// `Resize` to twice the size, by trilinear interpolation.
pub(crate) fn upsample(builder: &mut Builder, place: Place, align_corners: bool) {
    let factors = builder.factors(&[1.0, 1.0, 2.0, 2.0, 2.0]);
    let coordinates = if align_corners { "align_corners" } else { "half_pixel" };
    let attributes = vec![string("mode", "linear"), string("coordinate_transformation_mode", coordinates)];
    // The second input is a region, which this mode has not.
    builder.node("Resize", &[place.input, "", &factors], place.output, attributes);
}
