//! Values beside the tensors.

use medseg_torch::{Content, Element, TorchFile};

use crate::fixture;
use crate::written::{message, open_pickle};

#[test]
fn values_have_their_types() {
    for name in ["checkpoint.pt", "legacy.pth"] {
        let file = TorchFile::open(fixture(name)).unwrap();
        let root = file.root();
        assert_eq!(root.content(), Content::Dictionary);
        let content = |key| root.get(key).unwrap().content();
        assert_eq!(content("epoch"), Content::Int(7));
        assert_eq!(content("loss"), Content::Float(0.25));
        assert_eq!(content("note"), Content::Text("ok"));
        assert_eq!(content("best"), Content::None);
        assert_eq!(content("done"), Content::Bool(true));
        assert_eq!(content("sizes"), Content::Sequence);
        let sizes: Vec<_> = root.get("sizes").unwrap().items().map(|size| size.content()).collect();
        assert_eq!(sizes, [Content::Int(96), Content::Int(96)]);
        assert!(root.get("none").is_none() && root.get("note").unwrap().items().next().is_none());

        let keys: Vec<_> = root.entries().map(|(key, _)| key.text().unwrap()).collect();
        assert_eq!(keys, ["epoch", "loss", "note", "best", "done", "sizes", "model"]);
        let model = root.get("model").unwrap();
        let weight = model.get("conv.weight").unwrap();
        assert_eq!(weight.content(), Content::Call("torch._utils._rebuild_tensor_v2".into()));
        let weight = weight.tensor("w").unwrap().unwrap();
        assert_eq!((weight.key(), weight.element()), ("w", &Element::F32));
        assert!(root.get("note").unwrap().tensor("note").unwrap().is_none());
    }
}

#[test]
fn the_last_of_equal_keys_counts() {
    let file = open_pickle(b"\x80\x02}(X\x01\0\0\0aK\x01X\x01\0\0\0aK\x02u.").unwrap();
    assert_eq!(file.root().get("a").unwrap().content(), Content::Int(2));
    assert_eq!(file.root().entries().count(), 2);
}

#[test]
fn a_call_is_no_tensor() {
    let file = open_pickle(b"\x80\x02cos\nsystem\n)R.").unwrap();
    assert_eq!(file.root().content(), Content::Call("os.system".into()));
    let message = message(file.root().tensor("root"));
    assert!(message.ends_with("the pickle calls os.system to make root, which is not executed"), "{message}");
}
