//! The page around the volumes.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use medseg_volume::Volume;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::embed::Cast;
use super::window::{Window, windows};
use super::{ViewerMask, ViewerOptions, ViewerReduction};
use crate::overlay::{PREDICTION, REFERENCE, View, display_window};
use crate::page::html::escape;

const NIIVUE: &str = include_str!("../../niivue/niivue.umd.js");
const LICENSES: &str = include_str!("../../niivue/LICENSES.txt");
const STYLE: &str = include_str!("assets/viewer.css");
const BODY: &str = include_str!("assets/viewer.html");
const SCRIPT: &str = include_str!("assets/viewer.js");
const OUTLINE: &str = include_str!("assets/outline.glsl");

/// NiiVue, gzipped and in base64: less than half its size.
static PACKED_NIIVUE: LazyLock<String> = LazyLock::new(|| {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    // Memory does not refuse bytes.
    let packed = packer.write_all(NIIVUE.as_bytes()).and_then(|()| packer.finish());
    STANDARD.encode(packed.unwrap_or_default())
});

/// The policy that the browser enforces: these two scripts alone, and nothing loaded from anywhere.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |script: &str| STANDARD.encode(Sha256::digest(script));
    format!(
        "default-src 'none'; script-src 'sha256-{}' 'sha256-{}'; style-src 'unsafe-inline'; img-src data: blob:; \
         base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(NIIVUE)
    )
});

/// Outlines' colours: those of the overlays first, then others that colour-blind readers can distinguish on grey.
const COLOURS: [[u8; 3]; 6] = [REFERENCE, PREDICTION, [0, 200, 140], [240, 110, 190], [240, 228, 66], [160, 130, 255]];

/// The page but for its volumes.
pub(super) struct Document {
    title: String,
    windows: Vec<Window>,
    masks: Vec<Mask>,
    open_at: [f64; 3],
    notes: Vec<String>,
    spacing: [f64; 3],
}

/// A mask as the script knows it.
#[derive(Clone, Serialize)]
struct Mask {
    name: String,
    colour: [u8; 3],
    /// The labels that it has, in order.
    labels: Vec<u8>,
    /// Names of labels.
    names: BTreeMap<u8, String>,
}

/// All that the script is given, as JSON.
#[derive(Serialize)]
struct Settings<'a> {
    windows: &'a [Window],
    masks: &'a [Mask],
    /// RAS+ millimetres of the voxel that the planes first go through.
    open_at: [f64; 3],
    outline: &'static str,
}

impl Document {
    pub fn new(options: &ViewerOptions, image: &Volume<f32>, masks: &[ViewerMask<'_>], cast: &Cast) -> Self {
        let mut notes = Vec::new();
        if cast.not_finite > 0 {
            notes.push(format!(
                "{} voxels without a finite value are shown as the least or largest value.",
                cast.not_finite
            ));
        }
        let spacing = image.geometry.spacing();
        let colours = COLOURS.into_iter().cycle();
        let described = masks.iter().zip(colours).map(|(mask, colour)| Mask {
            name: mask.name.into(),
            colour,
            labels: labels(mask.volume),
            names: mask.label_names.cloned().unwrap_or_default(),
        });
        Self {
            title: options.title.clone(),
            windows: windows(cast, display_window(&image.data)),
            masks: described.collect(),
            open_at: open_at(image, masks),
            notes,
            spacing: [spacing.w, spacing.h, spacing.d],
        }
    }

    /// The page with these volumes, the image first.
    pub fn html(&self, volumes: &[String], reduction: &ViewerReduction) -> String {
        let settings = Settings { windows: &self.windows, masks: &self.masks, open_at: self.open_at, outline: OUTLINE };
        // Serialising names and numbers cannot fail.
        let settings = in_script(&serde_json::to_string(&settings).unwrap_or_default());
        let mut data =
            block("settings", "application/json", &settings) + &block("niivue", "text/plain", &PACKED_NIIVUE);
        for (at, volume) in volumes.iter().enumerate() {
            data += &block(&format!("volume-{at}"), "text/plain", volume);
        }
        let title = escape(&self.title);
        let mut notes = self.notes.clone();
        notes.extend(reduction_note(reduction));
        let notes: String = notes.iter().map(|note| format!("<p class=\"note\">{}</p>", escape(note))).collect();
        let [w, h, d] = self.spacing;
        let given = reduction.given;
        let size = format!("{} × {} × {} voxels of {w:.2} × {h:.2} × {d:.2} mm", given.w, given.h, given.d);
        let body = BODY
            .replacen("{licences}", &escape(LICENSES), 1)
            .replacen("{size}", &size, 1)
            .replacen("{notes}", &notes, 1)
            .replacen("{title}", &title, 1);
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"referrer\" content=\"no-referrer\"><title>{title}</title><style>{STYLE}</style></head>\
             <body>{body}{data}<script>{SCRIPT}</script></body></html>\n",
            *POLICY
        )
    }
}

/// Data in an element that the browser neither runs nor shows.
fn block(id: &str, kind: &str, text: &str) -> String {
    format!("<script type=\"{kind}\" id=\"{id}\">{text}</script>\n")
}

/// JSON in which no text can end the element that it stands in, or open a comment there.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// The part and the resolution in words; nothing if the page holds all.
fn reduction_note(reduction: &ViewerReduction) -> Option<String> {
    if reduction.is_whole() {
        return None;
    }
    let (given, part, block, held) = (reduction.given, reduction.part, reduction.block, reduction.shape());
    let mut note = String::new();
    if part != given {
        note += &format!(
            "Cut for this page to {} × {} × {} of {} × {} × {} voxels around the masks. ",
            part.w, part.h, part.d, given.w, given.h, given.d
        );
    }
    if block.voxels() > 1 {
        note += &format!(
            "Reduced for this page: {} × {} × {} voxels make one, which leaves {} × {} × {}. A voxel has its block's mean, a mask its most \
             frequent label, so outlines are coarser than the masks.",
            block.w, block.h, block.d, held.w, held.h, held.d
        );
    }
    Some(note.trim_end().to_owned())
}

/// The values of a mask above 0, in order.
fn labels(mask: &Volume<u8>) -> Vec<u8> {
    let mut has = [false; 256];
    mask.data.iter().for_each(|label| has[usize::from(*label)] = true);
    (1..=u8::MAX).filter(|label| has[usize::from(*label)]).collect()
}

/// The voxel whose planes hold most of the first mask, or of the second where the first is empty, in RAS+ millimetres.
fn open_at(image: &Volume<f32>, masks: &[ViewerMask<'_>]) -> [f64; 3] {
    let spacing = image.geometry.spacing().to_array();
    let [d, h, w] = match masks {
        [first, second, ..] => View::around(&second.volume.data.view(), Some(&first.volume.data.view()), spacing).index,
        [only] => View::around(&only.volume.data.view(), None, spacing).index,
        [] => image.shape().map(|size| size / 2).to_array(),
    };
    image.geometry.voxel_to_world([d, h, w].map(|at| at as f64).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_can_end_the_element_of_the_settings() {
        let hostile = r#"</script><script>alert(1)</script><!--<script>&"#;
        let json = in_script(&serde_json::to_string(hostile).unwrap());
        assert!(!json.contains(['<', '>', '&']));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }
}
