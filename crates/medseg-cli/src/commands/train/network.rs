//! The network of a training by its name, or by a file that describes it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use medseg_architecture::Architecture;
use medseg_architecture::networks::{UNetPlusPlusConfig, VNetConfig};
use medseg_bundle::NetworkConfig;
use medseg_train::TrainError;
use medseg_unet::UNetConfig;
use medseg_volume::error_chain;

/// Largest description that is read, in bytes.
const LONGEST: u64 = 16 << 20;

/// The network of `--network`, with these channels of its levels and logits; a file has its own.
///
/// # Errors
/// [`TrainError::Config`] that names the option or the file.
pub fn network(name: &str, channels: Option<&[usize]>, out_channels: usize) -> Result<NetworkConfig, TrainError> {
    let channels = channels.map(<[usize]>::to_vec);
    let described = |architecture: Result<Architecture, _>| {
        architecture.map(NetworkConfig::from).map_err(|e| TrainError::Config(format!("--network {name}: {e}")))
    };
    match name.to_ascii_lowercase().as_str() {
        "unet" => {
            let defaults = UNetConfig::default();
            let channels = channels.unwrap_or(defaults.channels);
            Ok(UNetConfig { channels, out_channels, ..UNetConfig::default() }.into())
        }
        "unet++" => {
            let defaults = UNetPlusPlusConfig::default();
            let channels = channels.unwrap_or_else(|| defaults.channels.clone());
            described(UNetPlusPlusConfig { channels, out_channels, ..defaults }.architecture())
        }
        "vnet" => {
            let defaults = VNetConfig::default();
            let channels = channels.unwrap_or_else(|| defaults.channels.clone());
            let last = defaults.convs.last().copied().unwrap_or(1);
            let convs = (0..channels.len()).map(|level| defaults.convs.get(level).copied().unwrap_or(last)).collect();
            described(VNetConfig { channels, convs, out_channels, ..defaults }.architecture())
        }
        _ if name.to_ascii_lowercase().ends_with(".json") => {
            if channels.is_some() {
                let reason = format!("--channels: {name} describes a network with channels of its own");
                return Err(TrainError::Config(reason));
            }
            read(Path::new(name))
        }
        _ => Err(TrainError::Config(format!("--network: unet, unet++, vnet or a file that ends in .json, not {name}"))),
    }
}

fn read(path: &Path) -> Result<NetworkConfig, TrainError> {
    let shown = path.display();
    let bad = |reason: String| TrainError::Config(format!("--network {shown}: {reason}"));
    let mut text = String::new();
    let file = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
    file.map_err(|e| bad(e.to_string()))?;
    if text.len() as u64 > LONGEST {
        return Err(bad(format!("more than {LONGEST} bytes")));
    }
    let network: NetworkConfig = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    network.validate().map_err(|e| bad(error_chain(&e)))?;
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_give_networks_and_anything_else_is_refused_by_name() {
        for name in ["unet", "UNet++", "vnet"] {
            for channels in [None, Some(&[2, 4, 8][..]), Some(&[2, 4, 8, 16, 16, 16])] {
                let made = network(name, channels, 3).unwrap();
                made.validate().unwrap();
                assert_eq!((made.in_channels(), made.out_channels(), made.as_unet().is_some()), (1, 3, name == "unet"));
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.json");
        let name = path.to_str().unwrap();
        let vnet = network("vnet", Some(&[2, 4]), 1).unwrap();
        std::fs::write(&path, serde_json::to_string(&vnet).unwrap()).unwrap();
        assert_eq!(network(name, None, 1).unwrap(), vnet);
        assert!(network(name, Some(&[2, 4]), 1).unwrap_err().to_string().contains("--channels"));
        for bad in ["{\"stages\": []}", "{\"levels\": 3}", "[", "null"] {
            std::fs::write(&path, bad).unwrap();
            assert!(network(name, None, 1).unwrap_err().to_string().contains("net.json"), "{bad}");
        }
        for (name, named) in [("segformer", "segformer"), ("none.json", "none.json"), ("vnet", "levels")] {
            let channels = (name == "vnet").then_some(&[][..]);
            let error = network(name, channels, 1).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
