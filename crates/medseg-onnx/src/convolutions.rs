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
    /// The attributes of `Conv`, `MaxPool` and `AveragePool`.
    pub fn attributes(&self) -> Vec<AttributeProto> {
        self.attributes_with(self.padding)
    }

    /// The same with another padding at the ends of the axes.
    fn attributes_with(&self, at_ends: [usize; 3]) -> Vec<AttributeProto> {
        let Self { kernel, stride, padding } = *self;
        let pads = padding.into_iter().chain(at_ends);
        vec![ints("kernel_shape", kernel), ints("strides", stride), ints("pads", pads)]
    }
}

/// `Conv`: PyTorch's convolution, weights `[out, in, kernel]`.
pub(crate) fn conv(builder: &mut Builder, place: Place, window: &Window, bias: bool) {
    convolution(builder, "Conv", place, window.attributes(), bias);
}

/// `ConvTranspose`: PyTorch's transposed convolution, weights `[in, out, kernel]`.
pub(crate) fn transposed(builder: &mut Builder, place: Place, window: &Window, output_padding: [usize; 3], bias: bool) {
    // Runtimes refuse an output padding that is not below the stride. It is the same as fewer voxels cut from the end.
    let cut = [0, 1, 2].map(|axis| match output_padding[axis] < window.stride[axis] {
        true => 0,
        false => output_padding[axis].min(window.padding[axis]),
    });
    let [at_ends, added] = [window.padding, output_padding].map(|of| [0, 1, 2].map(|axis| of[axis] - cut[axis]));
    let mut attributes = window.attributes_with(at_ends);
    if added != [0; 3] {
        attributes.push(ints("output_padding", added));
    }
    convolution(builder, "ConvTranspose", place, attributes, bias);
}

fn convolution(builder: &mut Builder, op: &str, place: Place, attributes: Vec<AttributeProto>, bias: bool) {
    let (weight, bias) = (place.parameter("weight"), bias.then(|| place.parameter("bias")));
    let inputs: Vec<&str> = [place.input, &weight].into_iter().chain(bias.as_deref()).collect();
    builder.node(op, &inputs, place.output, attributes);
}
