//! Choices of a viewer's page.

use std::collections::BTreeMap;

use medseg_volume::Volume;

/// A mask and the name that the page calls it by.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ViewerMask<'a> {
    /// The name; any text.
    pub name: &'a str,
    /// Labels `[depth, height, width]` on the image's grid; 0 is background.
    pub volume: &'a Volume<u8>,
    /// Names of labels, which the page shows beside their values; any text.
    pub label_names: Option<&'a BTreeMap<u8, String>>,
}

impl<'a> ViewerMask<'a> {
    /// Names a mask.
    #[must_use]
    pub fn new(name: &'a str, volume: &'a Volume<u8>) -> Self {
        Self { name, volume, label_names: None }
    }

    /// Names the labels.
    #[must_use]
    pub fn with_label_names(mut self, names: &'a BTreeMap<u8, String>) -> Self {
        self.label_names = Some(names);
        self
    }
}

/// Title and limits of a viewer's page.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ViewerOptions {
    /// The title, any text; by default "Volume".
    pub title: String,
    /// The most bytes of the page; by default 32 MiB. NiiVue and the page itself take about 1.1 MB of them.
    pub max_bytes: usize,
    /// The most voxels of the image, which bounds the browser's memory; by default 2^25, 512 × 512 × 128. The browser takes
    /// about 20 bytes a voxel.
    pub max_voxels: usize,
    /// Millimetres around the masks' foreground outside of which the volume is cut off; by default nothing is cut off.
    /// Without foreground nothing is either.
    pub crop_margin_mm: Option<f64>,
}

impl Default for ViewerOptions {
    fn default() -> Self {
        Self { title: "Volume".into(), max_bytes: 32 << 20, max_voxels: 1 << 25, crop_margin_mm: None }
    }
}

impl ViewerOptions {
    /// Sets the title.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the most bytes of the page.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Sets the most voxels of the image.
    #[must_use]
    pub fn with_max_voxels(mut self, max_voxels: usize) -> Self {
        self.max_voxels = max_voxels;
        self
    }

    /// Sets the millimetres around the masks' foreground that are shown, or `None` for the whole volume.
    #[must_use]
    pub fn with_crop_margin_mm(mut self, crop_margin_mm: impl Into<Option<f64>>) -> Self {
        self.crop_margin_mm = crop_margin_mm.into();
        self
    }
}
