//! Convolutions as ONNX nodes.

use crate::builder::{Builder, Place, ints};
use crate::proto::AttributeProto;

/// Numbers that both kinds of convolution have.
pub(crate) struct Window {
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub padding: [usize; 3],
}

impl Window {
    /// The attributes of `Conv`, `ConvTranspose`, `MaxPool` and `AveragePool`.
    pub fn attributes(&self) -> Vec<AttributeProto> {
        let Self { kernel, stride, padding } = *self;
        // All beginnings, then all ends.
        let pads = padding.into_iter().chain(padding);
        vec![ints("kernel_shape", kernel), ints("strides", stride), ints("pads", pads)]
    }
}

/// `Conv`: PyTorch's convolution, weights `[out, in, kernel]`.
pub(crate) fn conv(builder: &mut Builder, place: Place, window: &Window, bias: bool) {
    convolution(builder, "Conv", place, window.attributes(), bias);
}

/// `ConvTranspose`: PyTorch's transposed convolution, weights `[in, out, kernel]`.
pub(crate) fn transposed(builder: &mut Builder, place: Place, window: &Window, output_padding: [usize; 3], bias: bool) {
    let mut attributes = window.attributes();
    if output_padding != [0; 3] {
        attributes.push(ints("output_padding", output_padding));
    }
    convolution(builder, "ConvTranspose", place, attributes, bias);
}

fn convolution(builder: &mut Builder, op: &str, place: Place, attributes: Vec<AttributeProto>, bias: bool) {
    let (weight, bias) = (place.parameter("weight"), bias.then(|| place.parameter("bias")));
    let inputs: Vec<&str> = [place.input, &weight].into_iter().chain(bias.as_deref()).collect();
    builder.node(op, &inputs, place.output, attributes);
}
