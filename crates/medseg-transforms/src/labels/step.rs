//! Changes of label values as steps. A sample without a label passes through unchanged, so that the same pipeline serves
//! cases that are to be predicted.

use ndarray::Array3;
use serde_json::Value;

use crate::{FillHoles, KeepLargestComponents, LabelMap, RemoveSmallObjects, Sample, Transform, TransformError};

/// A change of a label map.
trait Relabel {
    fn relabel(&self, label: &mut Array3<u8>) -> Result<(), TransformError>;
}

impl Relabel for LabelMap {
    fn relabel(&self, label: &mut Array3<u8>) -> Result<(), TransformError> {
        self.apply(label)
    }
}

impl Relabel for KeepLargestComponents {
    fn relabel(&self, label: &mut Array3<u8>) -> Result<(), TransformError> {
        self.apply(label);
        Ok(())
    }
}

impl Relabel for RemoveSmallObjects {
    fn relabel(&self, label: &mut Array3<u8>) -> Result<(), TransformError> {
        self.apply(label);
        Ok(())
    }
}

impl Relabel for FillHoles {
    fn relabel(&self, label: &mut Array3<u8>) -> Result<(), TransformError> {
        self.apply(label);
        Ok(())
    }
}

macro_rules! relabel {
    ($($transform:ty: $name:literal,)*) => {
        $(impl Transform for $transform {
            fn name(&self) -> String {
                $name.into()
            }

            fn apply(&self, sample: &mut Sample, _: &Value) -> Result<(), TransformError> {
                sample.label.as_mut().map_or(Ok(()), |label| self.relabel(label))
            }
        })*
    };
}

relabel! {
    LabelMap: "map_labels",
    KeepLargestComponents: "keep_largest_components",
    RemoveSmallObjects: "remove_small_objects",
    FillHoles: "fill_holes",
}
