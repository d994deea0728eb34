//! Parameters, arithmetic and memory of a network.

use crate::{ArchitectureError, Graph, Layer, Operation};

/// The cost of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// Number of weights, without running statistics.
    pub parameters: u64,
    /// Multiplications and additions of the convolutions in one forward pass.
    pub flops: u64,
    /// Bytes of the largest set of f32 tensors that exist at one time in a prediction.
    ///
    /// Every operation is counted with a tensor of its own, and a tensor until its last reader has run.
    pub peak_bytes: u64,
    /// Bytes of the f32 results of all operations together: the most that training saves for its backward pass.
    pub total_bytes: u64,
}

impl Graph {
    /// The cost of one image of `[depth, height, width]` voxels.
    ///
    /// ```
    /// use medseg_architecture::networks::UNetPlusPlusConfig;
    ///
    /// let graph = UNetPlusPlusConfig::default().architecture()?.graph()?;
    /// let cost = graph.cost([64, 64, 64])?;
    /// assert!(cost.flops > 1_000_000_000);
    /// # Ok::<(), medseg_architecture::ArchitectureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`shapes`](Self::shapes).
    pub fn cost(&self, image: [usize; 3]) -> Result<Cost, ArchitectureError> {
        let shapes = self.shapes(image)?;
        let voxels = |node: usize| shapes[node][1..].iter().fold(1, |all: u64, n| all.saturating_mul(*n as u64));
        let bytes = |node: usize| voxels(node).saturating_mul(4 * shapes[node][0] as u64);
        let weights = self.parameters().into_iter().filter(|parameter| !parameter.role.is_statistic());
        let parameters = weights.map(|parameter| parameter.len()).fold(0, u64::saturating_add);
        let mut flops = 0_u64;
        for (number, node) in self.nodes.iter().enumerate() {
            let (kernel, at) = match &node.operation {
                Operation::Layer(Layer::Conv { kernel, .. }) => (kernel, number),
                Operation::Layer(Layer::TransposedConv { kernel, .. }) => (kernel, node.inputs[0]),
                _ => continue,
            };
            let input = shapes[node.inputs[0]][0] as u64;
            let taps = kernel.iter().product::<usize>() as u64;
            let products = taps.saturating_mul(input).saturating_mul(node.channels as u64);
            flops = flops.saturating_add(products.saturating_mul(voxels(at)).saturating_mul(2));
        }
        let mut last_reader: Vec<usize> = (0..self.nodes.len()).collect();
        for (number, node) in self.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|input| last_reader[*input] = number);
        }
        self.outputs.iter().for_each(|output| last_reader[*output] = self.nodes.len());
        let mut freed_after: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len() + 1];
        last_reader.iter().enumerate().for_each(|(node, reader)| freed_after[*reader].push(node));
        let (mut live, mut peak_bytes) = (0_u64, 0_u64);
        for (number, freed) in freed_after.iter().enumerate().take(self.nodes.len()) {
            live = live.saturating_add(bytes(number));
            peak_bytes = peak_bytes.max(live);
            live = freed.iter().fold(live, |live, node| live.saturating_sub(bytes(*node)));
        }
        let total_bytes = (0..self.nodes.len()).map(bytes).fold(0, u64::saturating_add);
        Ok(Cost { parameters, flops, peak_bytes, total_bytes })
    }
}
