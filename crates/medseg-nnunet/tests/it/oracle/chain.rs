//! The whole chain, from an image to its mask.

use medseg_nnunet::{Model, ModelFolder};
use medseg_unet::ConcatOrder;
use ndarray::{Array3, Array4, Axis, concatenate, s};

use super::decision::{labels, one_hot, region_labels, sigmoid};
use super::grid::Grids;
use super::halves::half_of_f64;
use super::intensities::normalize;
use super::labels::resample_labels;
use super::logits::Sliding;
use super::networks::Networks;
use super::region::{bounds, everything, non_zero};
use super::rule::{Rule, Rules};
use super::spline::Degree;

/// A case as its files have it.
#[derive(Clone, Debug)]
pub struct Case {
    pub image: Array4<f32>,
    pub spacing: [f64; 3],
    /// The mask of a cascade's stage before.
    pub previous: Option<Array3<i16>>,
}

/// A model whose chain is computed as its description says, with no thought of speed.
pub struct Oracle {
    folder: ModelFolder,
    networks: Networks,
    skip_first: Networks,
}

impl Oracle {
    pub fn new(model: &Model) -> Self {
        Self {
            folder: model.folder().clone(),
            networks: Networks::new(model, ConcatOrder::UpsampledFirst),
            skip_first: Networks::new(model, ConcatOrder::SkipFirst),
        }
    }

    /// The mask of a case.
    pub fn mask(&mut self, case: &Case, step: f64, rules: Rules) -> Array3<u8> {
        let [a, b, c] = self.folder.plans.transpose_forward;
        let image = case.image.view().permuted_axes([0, a + 1, b + 1, c + 1]).as_standard_layout().into_owned();
        let spacing = [a, b, c].map(|axis| case.spacing[axis]);
        let whole = non_zero(&image, rules);
        let [z, y, x] = if rules.hold(Rule::CroppedImage) { bounds(&whole) } else { everything(&whole) };
        let (in_box, in_image) = (s![z.clone(), y.clone(), x.clone()], s![.., z.clone(), y.clone(), x.clone()]);
        let previous = case.previous.as_ref().map(|mask| mask.view().permuted_axes([a, b, c]));
        let previous = previous.map(|mask| mask.slice(in_box).to_owned());
        let image = image.slice(in_image).to_owned();

        let cropped = [z.len(), y.len(), x.len()];
        let grids = Grids::new(cropped, spacing, self.spacing(spacing));
        let input = self.input(image, previous, &whole.slice(in_box).to_owned(), &grids, rules);
        let networks = if rules.hold(Rule::UpsampledFirst) { &mut self.networks } else { &mut self.skip_first };
        let logits = sliding(&self.folder, step).logits(&input, networks, rules);

        let mut mask = Array3::zeros(whole.dim());
        mask.slice_mut(in_box).assign(&self.decide(&logits, &grids.back(), rules));
        mask.permuted_axes(self.folder.plans.transpose_backward)
    }

    /// The spacing of the network's grid; a 2D network keeps that of the first axis.
    fn spacing(&self, image: [f64; 3]) -> [f64; 3] {
        match self.folder.configuration.spacing[..] {
            [d, h, w] => [d, h, w],
            [h, w] => [image[0], h, w],
            ref other => panic!("spacing {other:?}"),
        }
    }

    /// The network's input on its grid.
    fn input(
        &self,
        mut image: Array4<f32>,
        previous: Option<Array3<i16>>,
        region: &Array3<bool>,
        grids: &Grids,
        rules: Rules,
    ) -> Array4<f32> {
        let mut labelled = region.clone();
        let previous = previous.map(|mut mask| {
            for (label, inside) in mask.iter_mut().zip(&mut labelled) {
                if *label == 0 && !*inside {
                    *label = -1;
                }
                *inside = *label >= 0;
            }
            mask
        });
        let region = if rules.hold(Rule::LabelledRegion) { &labelled } else { region };
        for (channel, scheme) in image.axis_iter_mut(Axis(0)).zip(&self.folder.configuration.normalization) {
            normalize(channel, region, scheme, rules);
        }
        let degree = if rules.hold(Rule::CubicImages) { Degree::Cubic } else { Degree::Linear };
        let image = resample_channels(&image, grids, degree, rules).mapv(|value| value as f32);
        let Some(previous) = previous else { return image };
        let foreground: Vec<i16> =
            self.folder.dataset.foreground_labels().into_iter().map(|label| label as i16).collect();
        let previous = one_hot(&resample_labels(&previous, grids, rules), &foreground);
        concatenate![Axis(0), image, previous]
    }

    /// The labels on the cropped image's grid.
    fn decide(&self, logits: &Array4<f32>, grids: &Grids, rules: Rules) -> Array3<u8> {
        let resample = |logits: &Array4<f32>| {
            let resampled = resample_channels(logits, grids, Degree::Linear, rules);
            resampled.mapv(|value| if rules.hold(Rule::HalfLogits) { half_of_f64(value) } else { value as f32 })
        };
        match self.folder.dataset.regions() {
            Some(values) if rules.hold(Rule::AveragedLogits) => {
                region_labels(&sigmoid(resample(logits)), values, rules)
            }
            Some(values) => region_labels(&resample(logits), values, rules),
            None if rules.hold(Rule::ResampledLogits) => labels(&resample(logits)),
            None => {
                let classes: Vec<u8> = (0..logits.dim().0 as u8).collect();
                labels(&resample(&one_hot(&labels(logits), &classes)))
            }
        }
    }
}

fn sliding(folder: &ModelFolder, step: f64) -> Sliding {
    let patch = match folder.configuration.patch_size[..] {
        [d, h, w] => [d, h, w],
        [h, w] => [1, h, w],
        ref other => panic!("patch {other:?}"),
    };
    let first = 3 - folder.configuration.patch_size.len();
    let mirrored = folder.mirroring_axes.iter().flatten().map(|axis| axis + first).collect();
    Sliding { patch, step, mirrored, regions: folder.dataset.regions().is_some() }
}

/// Resamples every channel.
fn resample_channels(image: &Array4<f32>, grids: &Grids, degree: Degree, rules: Rules) -> Array4<f64> {
    let [d, h, w] = grids.to;
    let mut resampled = Array4::zeros((image.dim().0, d, h, w));
    for (mut to, from) in resampled.axis_iter_mut(Axis(0)).zip(image.axis_iter(Axis(0))) {
        to.assign(&grids.resample_values(&from.mapv(f64::from), degree, rules));
    }
    resampled
}
