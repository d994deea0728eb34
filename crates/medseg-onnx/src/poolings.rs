//! Poolings and upsampling as ONNX nodes.

use crate::IMAGE;
use crate::builder::{Builder, Place, int, string};
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

/// `Resize` to the size of the image divided by the strides and rounded up, by trilinear interpolation.
pub(crate) fn upsample_to_grid(builder: &mut Builder, place: Place, divisor: [usize; 3], align_corners: bool) {
    let image = builder.step(place, "image", "Shape", &[IMAGE]);
    let bounds = [2, 5].map(|bound| builder.shape(&[bound]));
    let sizes = builder.step(place, "sizes", "Slice", &[&image, &bounds[0], &bounds[1]]);
    let more = builder.shape(&divisor.map(|divisor| divisor as i64 - 1));
    let strides = builder.shape(&divisor.map(|divisor| divisor as i64));
    let raised = builder.step(place, "raised", "Add", &[&sizes, &more]);
    let grid = builder.step(place, "grid", "Div", &[&raised, &strides]);
    let shape = builder.step(place, "shape", "Shape", &[place.input]);
    let start = builder.shape(&[0]);
    let batch = builder.step(place, "batch", "Slice", &[&shape, &start, &bounds[0]]);
    let all = builder.names.take(&format!("{}.all", place.name));
    builder.node("Concat", &[&batch, &grid], &all, vec![int("axis", 0)]);
    let coordinates = if align_corners { "align_corners" } else { "half_pixel" };
    let attributes = vec![string("mode", "linear"), string("coordinate_transformation_mode", coordinates)];
    builder.node("Resize", &[place.input, "", "", &all], place.output, attributes);
}

/// `Resize` to twice the size, by trilinear interpolation.
pub(crate) fn upsample(builder: &mut Builder, place: Place, align_corners: bool) {
    let factors = builder.factors(&[1.0, 1.0, 2.0, 2.0, 2.0]);
    let coordinates = if align_corners { "align_corners" } else { "half_pixel" };
    let attributes = vec![string("mode", "linear"), string("coordinate_transformation_mode", coordinates)];
    // The second input is a region, which this mode has not.
    builder.node("Resize", &[place.input, "", &factors], place.output, attributes);
}
