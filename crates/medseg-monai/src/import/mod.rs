//! From a MONAI bundle to a bundle of medseg.

mod error;
mod postprocessing;
mod preprocessing;
mod weights;
mod window;

use std::collections::BTreeMap;

use burn::tensor::Device;
use medseg_bundle::{NetworkBundle, NetworkBundleConfig};
use medseg_inference::RegionLabel;

pub use error::ImportError;

use crate::MonaiBundle;

impl MonaiBundle {
    /// Makes a bundle that predicts what MONAI's own runner does: the same preprocessing, windows and way back.
    ///
    /// ```no_run
    /// use burn::tensor::Device;
    /// use medseg_monai::MonaiBundle;
    ///
    /// MonaiBundle::open("spleen_ct_segmentation")?.import(&Device::flex())?.save("spleen")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Settings that have no counterpart, each by its name; weights that are missing, damaged or of another network.
    pub fn import(&self, device: &Device) -> Result<NetworkBundle, ImportError> {
        let network = weights::network(self, device)?;
        let mut config = NetworkBundleConfig::new(self.name(), network.architecture().clone())?;
        config.description = self.metadata.description.clone();
        config.preprocessing = preprocessing::pipeline(&self.preprocessing, network.graph().in_channels())?;
        config.window = window::config(&self.inferer)?;
        config.beyond = preprocessing::beyond(&self.preprocessing);
        postprocessing::settings(&self.postprocessing, &mut config)?;
        let classes = network.graph().out_channels();
        config.channels = preprocessing::names(&self.metadata.channels, network.graph().in_channels());
        let names = &self.metadata.labels;
        config.labels = match &config.rule.regions[..] {
            [] => labels(names, classes),
            regions => names_of_regions(names, regions),
        };
        if config.rule.has_regions() {
            config.region_names = preprocessing::names(names, classes);
        }
        let facts = [
            ("source", format!("MONAI bundle {}", self.name())),
            ("version", self.metadata.version.clone()),
            ("monai_version", self.metadata.monai_version.clone()),
            ("authors", self.metadata.authors.clone()),
            ("copyright", self.metadata.copyright.clone()),
        ];
        let facts = facts.into_iter().filter(|(_, text)| !text.is_empty());
        config.provenance = facts.map(|(key, text)| (key.to_owned(), text)).collect();
        Ok(NetworkBundle::new(config, vec![network], device)?)
    }

    /// The bundle's name, or that of its folder.
    fn name(&self) -> String {
        match self.metadata.name.is_empty() {
            false => self.metadata.name.clone(),
            true => self.folder().file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }
}

/// Names of the mask's values. A single channel is label 1.
fn labels(channels: &BTreeMap<usize, String>, classes: usize) -> BTreeMap<u8, String> {
    let label = |(number, name): (&usize, &String)| {
        let label = if classes == 1 { 1 } else { u8::try_from(*number).ok()? };
        (usize::from(label) < classes.max(2)).then(|| (label, name.clone()))
    };
    channels.iter().filter_map(label).collect()
}

/// Names of the mask's values where regions overlap: the label of a region has its voxels without those of the regions before.
fn names_of_regions(channels: &BTreeMap<usize, String>, regions: &[RegionLabel]) -> BTreeMap<u8, String> {
    let mut names = BTreeMap::new();
    let mut before: Vec<&str> = Vec::new();
    for region in regions {
        let Some(name) = channels.get(&region.channel) else { return BTreeMap::new() };
        let own = if before.is_empty() { name.clone() } else { format!("{name} without {}", before.join(", ")) };
        names.entry(region.label).and_modify(|name: &mut String| *name = format!("{name}, {own}")).or_insert(own);
        before.push(name);
    }
    names.remove(&0);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_named_by_what_it_has_left() {
        let channels = ["core", "whole", "enhancing"].map(String::from).into_iter().enumerate().collect();
        let regions = [(2, 4), (0, 1), (1, 2)].map(|(channel, label)| RegionLabel::new(channel, label));
        let names = names_of_regions(&channels, &regions);
        let named: Vec<(u8, &str)> = names.iter().map(|(label, name)| (*label, &name[..])).collect();
        let wanted = [(1, "core without enhancing"), (2, "whole without enhancing, core"), (4, "enhancing")];
        assert_eq!(named, wanted);
        assert!(names_of_regions(&BTreeMap::new(), &regions).is_empty());
    }
}
