//! The pages of the book whose programs need no Burn. Every block of Rust in them is a test here: it is compiled and run.
//!
//! Pages that need Burn are tests of the facade: `src/lib.rs` of the workspace's root package names them.

/// Makes a page a documentation test.
macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(#[cfg(doctest)]
        #[doc = include_str!($path)]
        mod $name {})*
    };
}

pages! {
    volume: "src/alone/volume.md",
    transforms: "src/alone/transforms.md",
    metrics: "src/alone/metrics.md",
    kernels: "src/alone/kernels.md",
    surface: "src/alone/surface.md",
    cohort: "src/alone/cohort.md",
    add_transform: "src/add/transform.md",
    add_network: "src/add/network.md",
    dicom: "src/dicom.md",
    viewer: "src/viewer.md",
}
