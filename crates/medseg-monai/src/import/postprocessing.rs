//! Steps behind the network.

use medseg_bundle::{NetworkBundleConfig, Restoring};
use medseg_inference::{MaskRule, PostStep, RegionLabel};
use medseg_transforms::{LabelInterpolation, Probabilities};

use super::ImportError;
use crate::{Activation, ChannelLabels, Components, Discrete, Postprocess};

/// Steps that were met, in order.
#[derive(Default)]
struct Met {
    activation: Option<Activation>,
    /// Interpolation of `Invertd`, and whether labels were made before.
    inverted: Option<(bool, bool)>,
    made: Made,
}

/// The form that the prediction has been brought to.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Made {
    /// Scores.
    #[default]
    Nothing,
    /// A channel of 0 and 1 for each of regions that overlap, which a rule brings into an order.
    Regions,
    /// One channel of labels.
    Labels,
}

/// Sets probabilities, rule, way back and cleaning.
pub(super) fn settings(steps: &[Postprocess], config: &mut NetworkBundleConfig) -> Result<(), ImportError> {
    let classes = channels(config)?;
    let mut met = Met::default();
    for step in steps {
        match step {
            Postprocess::Activation(activation) => {
                if met.inverted.is_some() || met.made != Made::Nothing || met.activation.is_some() {
                    return Err(ImportError::setting("Activationsd", "it must be the first step"));
                }
                met.activation = Some(*activation);
            }
            Postprocess::Invert(invert) => {
                if met.inverted.is_some() {
                    return Err(ImportError::setting("Invertd", "it is there twice"));
                }
                met.inverted = Some((invert.nearest, met.made != Made::Nothing));
            }
            Postprocess::Discrete(discrete) => {
                if met.made != Made::Nothing {
                    return Err(ImportError::setting("AsDiscreted", "it is there twice"));
                }
                config.rule = rule(discrete, classes)?;
                met.made = if discrete.argmax || classes == 1 { Made::Labels } else { Made::Regions };
            }
            Postprocess::KeepLargest(components) => {
                if met.made != Made::Labels {
                    return Err(ImportError::setting("KeepLargestConnectedComponentd", "there are no labels yet"));
                }
                let into = match met.inverted {
                    Some(_) => &mut config.postprocessing,
                    None => &mut config.postprocessing_before,
                };
                into.0.push(largest(components)?);
            }
            Postprocess::Cast | Postprocess::Save { .. } => {}
            Postprocess::FillHoles(..) => {
                return Err(ImportError::setting("FillHolesd", "its rule is another one here"));
            }
            Postprocess::RemoveSmallObjects(_) => {
                return Err(ImportError::setting("RemoveSmallObjectsd", "volumes in mm³ are known here, not voxels"));
            }
            Postprocess::Labels(of) => {
                if met.made != Made::Regions {
                    let reason = "it stands behind the threshold of AsDiscreted for several channels";
                    return Err(ImportError::setting("Lambdad", reason));
                }
                config.rule.regions = regions(of, classes)?;
                met.made = Made::Labels;
            }
        }
    }
    match met.made {
        Made::Labels => {}
        Made::Nothing => {
            return Err(ImportError::setting("postprocessing", "there is no AsDiscreted, which makes labels"));
        }
        Made::Regions => {
            let reason = "regions that overlap need a Lambdad of torch.where, which says the label of each";
            return Err(ImportError::setting("AsDiscreted threshold", reason));
        }
    }
    config.probabilities = match (met.activation, classes) {
        (None | Some(Activation::Identity), 1) => {
            return Err(ImportError::setting("Activationsd", "a threshold of probabilities needs the sigmoid"));
        }
        (Some(Activation::Sigmoid), 2..) if !config.rule.has_regions() => {
            return Err(ImportError::setting(
                "AsDiscreted argmax",
                "the largest of several sigmoids; softmax is known",
            ));
        }
        (Some(Activation::Sigmoid), _) => Probabilities::Sigmoid,
        (_, 2..) if config.rule.has_regions() => {
            return Err(ImportError::setting("Activationsd", "a threshold of probabilities needs the sigmoid"));
        }
        (Some(Activation::Softmax), 1) => {
            return Err(ImportError::setting("Activationsd softmax", "it is 1 everywhere for a single channel"));
        }
        _ => Probabilities::Softmax,
    };
    let is_probable = matches!(met.activation, Some(Activation::Sigmoid | Activation::Softmax));
    config.restoring = match met.inverted {
        Some((false, false)) if !is_probable => {
            return Err(ImportError::setting("Invertd", "logits are taken back; put Activationsd before it"));
        }
        Some((false, false)) => Restoring::Probabilities,
        Some((false, true)) => {
            return Err(ImportError::setting("Invertd nearest_interp false", "labels cannot be interpolated"));
        }
        // Labels of the nearest voxel are those of its probabilities.
        Some((true, _)) => Restoring::Inverse,
        None => Restoring::Labels(LabelInterpolation::NearestExact),
    };
    if config.restoring == Restoring::Probabilities && !config.postprocessing_before.0.is_empty() {
        let moved = std::mem::take(&mut config.postprocessing_before);
        config.postprocessing.0.splice(0..0, moved.0);
    }
    Ok(())
}

fn channels(config: &NetworkBundleConfig) -> Result<usize, ImportError> {
    let graph = config.architecture.graph();
    Ok(graph.map_err(medseg_network::NetworkError::from)?.out_channels())
}

fn rule(discrete: &Discrete, classes: usize) -> Result<MaskRule, ImportError> {
    if discrete.to_onehot.is_some() {
        return Err(ImportError::setting("AsDiscreted to_onehot", "a mask has one channel here"));
    }
    match (discrete.argmax, discrete.threshold, classes) {
        (true, None, 2..) => Ok(MaskRule::default()),
        (true, _, 1) => Err(ImportError::setting("AsDiscreted argmax", "it is 0 everywhere for a single channel")),
        (false, Some(threshold), _) => Ok(MaskRule::default().with_threshold(threshold as f32)),
        _ => Err(ImportError::setting("AsDiscreted", "either argmax for several channels or a threshold is needed")),
    }
}

/// The labels of regions that overlap, those that decide first in front.
fn regions(of: &ChannelLabels, classes: usize) -> Result<Vec<RegionLabel>, ImportError> {
    const NAME: &str = "Lambdad";
    if of.otherwise != 0 {
        return Err(ImportError::setting(NAME, format!("label {} where no region is", of.otherwise)));
    }
    let mut regions: Vec<RegionLabel> = Vec::new();
    for (channel, label) in &of.labels {
        if *channel >= classes {
            return Err(ImportError::setting(NAME, format!("channel {channel} of a network with {classes}")));
        }
        let Ok(label) = u8::try_from(*label) else {
            return Err(ImportError::setting(NAME, "a label over 255"));
        };
        // A channel that comes again is never reached.
        if regions.iter().all(|region| region.channel != *channel) {
            regions.push(RegionLabel::new(*channel, label));
        }
    }
    Ok(regions)
}

fn largest(components: &Components) -> Result<PostStep, ImportError> {
    const NAME: &str = "KeepLargestConnectedComponentd";
    if components.is_onehot == Some(true) {
        return Err(ImportError::setting(format!("{NAME} is_onehot"), "a mask has one channel here"));
    }
    if components.connectivity.is_some_and(|connectivity| connectivity != 3) {
        return Err(ImportError::setting(format!("{NAME} connectivity"), "voxels touch by corners here"));
    }
    let labels = components.labels.as_ref().map(|labels| labels.iter().map(|l| u8::try_from(*l)).collect());
    let labels: Vec<u8> = match labels {
        None => Vec::new(),
        Some(Ok(labels)) => labels,
        Some(Err(_)) => return Err(ImportError::setting(format!("{NAME} applied_labels"), "a label over 255")),
    };
    Ok(PostStep::KeepLargest { count: components.count, labels, independent: components.independent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_of_each_label_or_of_the_union_stay_as_the_file_says() {
        for independent in [true, false] {
            let of = Components {
                labels: Some(vec![1, 2]),
                is_onehot: Some(false),
                independent,
                connectivity: Some(3),
                count: 2,
            };
            let wanted = PostStep::KeepLargest { count: 2, labels: vec![1, 2], independent };
            assert_eq!(largest(&of).unwrap(), wanted);
        }
    }
}
