//! Files that PyTorch wrote, with the outputs of its networks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use medseg_testing::Golden;
use medseg_unet::{
    LoadedStateDict, StateDictKeys, StateDictOptions, UNet, UNetConfig, load_state_dict_with, save_state_dict,
};
use safetensors::SafeTensors;

/// A network of `benches/peers/state_dict.py`.
pub struct Case {
    golden: Golden,
    pub config: UNetConfig,
    pub options: StateDictOptions,
}

impl Case {
    pub fn all() -> Vec<Self> {
        Golden::all("state_dict").into_iter().map(Self::of).collect()
    }

    fn of(golden: Golden) -> Self {
        let config = serde_json::from_value(golden.params["config"].clone()).unwrap();
        let reversed_axes = golden.params["reversed_axes"].as_bool().unwrap();
        Self { golden, config, options: StateDictOptions { reversed_axes, ..StateDictOptions::default() } }
    }

    /// The file of one kind.
    pub fn file(&self, ending: &str) -> PathBuf {
        let name = Path::new(&self.golden.name).file_name().unwrap();
        Path::new("tests/golden/state_dict/files").join(name).with_extension(ending)
    }

    pub fn load(&self, path: &Path) -> LoadedStateDict {
        load_state_dict_with(path, &self.config, &self.options, &Device::flex()).unwrap()
    }

    /// Fails unless the network computes what PyTorch's did.
    pub fn check(&self, network: &UNet) {
        let input = self.golden.tensor("input");
        let x = Tensor::<5>::from_data(TensorData::new(input.f32(), input.shape.clone()), &Device::flex());
        let turned = |x: Tensor<5>| if self.options.reversed_axes { x.permute([0, 1, 4, 3, 2]) } else { x };
        self.golden.check("output", turned(network.forward(turned(x))).into_data().iter::<f64>());
    }
}

/// Shapes by key.
fn shapes(path: &Path) -> BTreeMap<String, Vec<usize>> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter().map(|(key, view)| (key.to_string(), view.shape().to_vec())).collect()
}

#[test]
#[cfg(feature = "pytorch")]
fn what_torch_save_wrote_computes_the_same() {
    let cases = Case::all();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let loaded = case.load(&case.file("pth"));
        assert!(loaded.missing.is_empty() && loaded.unexpected.is_empty());
        case.check(&loaded.network);
    }
}

#[test]
fn safetensors_compute_the_same_and_go_back_under_the_same_names() {
    let folder = tempfile::tempdir().unwrap();
    let back = folder.path().join("back.safetensors");
    for case in Case::all() {
        let file = case.file("safetensors");
        let loaded = case.load(&file);
        case.check(&loaded.network);

        save_state_dict(&loaded.network, &back, &loaded.keys).unwrap();
        let mut sent = shapes(&file);
        sent.retain(|key, _| !key.ends_with("num_batches_tracked"));
        assert_eq!(shapes(&back), sent);
        let again = case.load(&back);
        assert_eq!(again.network.named_parameters(), loaded.network.named_parameters());
        assert_eq!(again.network.named_statistics(), loaded.network.named_statistics());
        // Bit for bit what PyTorch saved.
        let (a, b) = (std::fs::read(&file).unwrap(), std::fs::read(&back).unwrap());
        let (a, b) = (SafeTensors::deserialize(&a).unwrap(), SafeTensors::deserialize(&b).unwrap());
        for key in sent.keys() {
            assert_eq!(a.tensor(key).unwrap().data(), b.tensor(key).unwrap().data(), "{key}");
        }
        // The reference's names are known without a file.
        let reference = StateDictKeys::reference(&case.config).with_reversed_axes(case.options.reversed_axes);
        save_state_dict(&loaded.network, &back, &reference).unwrap();
        assert_eq!(shapes(&back), sent);
    }
}

#[test]
fn axes_in_the_wrong_order_are_another_network() {
    let case = Case::all().into_iter().find(|case| case.options.reversed_axes).unwrap();
    let plain = StateDictOptions { reversed_axes: false, ..case.options.clone() };
    let file = case.file("safetensors");
    let other = load_state_dict_with(&file, &case.config, &plain, &Device::flex()).unwrap().network;
    let right = case.load(&file).network;
    let first = |network: &UNet| network.named_parameters()[0].1.iter::<f32>().collect::<Vec<_>>();
    let (other, right) = (first(&other), first(&right));
    for (at, value) in right.iter().enumerate() {
        let (kernel, z, y, x) = (at / 27, at / 9 % 3, at / 3 % 3, at % 3);
        assert_eq!(*value, other[kernel * 27 + x * 9 + y * 3 + z]);
    }
}

#[test]
#[cfg(feature = "pytorch")]
fn keys_outside_the_prefix_are_left_alone() {
    use std::collections::BTreeSet;

    let case = Case::all().into_iter().find(|case| case.golden.name.ends_with("residual")).unwrap();
    // {"epoch": ..., "state_dict": {"module.conv0_0...": ...}, "optimizer": ...}
    for prefix in [None, Some("state_dict.module"), Some("state_dict.module.")] {
        let options = StateDictOptions { prefix: prefix.map(String::from), ..case.options.clone() };
        let loaded = load_state_dict_with(case.file("pth"), &case.config, &options, &Device::flex()).unwrap();
        let keys: BTreeSet<&str> = ["conv0_0.conv1.weight", "conv0_0.shortcut.weight", "final.weight"]
            .into_iter()
            .map(|name| loaded.keys.key_of(name))
            .collect();
        let want = ["conv0_0.residual_unit.0.conv.weight", "conv0_0.shortcut_unit.conv.weight", "final.weight"];
        assert_eq!(keys, want.into_iter().collect());
    }
    let options = StateDictOptions { prefix: Some("model".into()), ..case.options.clone() };
    let error = load_state_dict_with(case.file("pth"), &case.config, &options, &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("missing: conv0_0.conv1.weight"), "{error}");
}
