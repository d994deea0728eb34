//! The extension module of the Python package `medseg`; the package's own files are in `package/medseg`.
//!
//! Functions of Python have their documentation in their doc comments, which Python shows; the types are in
//! `package/medseg/_medseg.pyi`.

mod arrays;
mod components;
mod compute;
mod distance;
mod errors;
mod files;
#[cfg(feature = "inference")]
mod inference;
mod metrics;
mod pipeline;
#[cfg(feature = "inference")]
mod program;
mod volume;

/// Everything in Rust of the package medseg.
#[pyo3::pymodule]
mod _medseg {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::components::{connected_components, keep_largest};
    #[pymodule_export]
    use crate::distance::distance_map;
    #[pymodule_export]
    use crate::errors::{MedsegError, MedsegWarning};
    #[pymodule_export]
    use crate::files::{
        VolumeInfo, read_channels, read_image, read_info, read_label, read_segmentation, read_stored, write_image,
        write_label, write_segmentation,
    };
    #[cfg(feature = "inference")]
    #[pymodule_export]
    use crate::inference::{Model, Prediction, open_model, predict, sliding_window};
    #[pymodule_export]
    use crate::metrics::{assd, dice, hausdorff, hd95, iou, scores, surface_dice};
    #[pymodule_export]
    use crate::pipeline::{Pipeline, Transform, Transformed};
    #[cfg(feature = "inference")]
    #[pymodule_export]
    use crate::program::main;
    #[pymodule_export]
    use crate::volume::Volume;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Steps of pipelines.
    #[pymodule]
    mod _transforms {
        #[pymodule_export]
        use crate::pipeline::steps::{
            crop_foreground, crop_or_pad, orientation, pad, percentiles, resize, spacing, window, z_score,
        };
    }
}
