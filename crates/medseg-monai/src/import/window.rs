//! The windows that the network sees.

use medseg_inference as own;
use medseg_volume::Dhw;

use super::ImportError;
use crate::{Blend, Inferer, Padding};

/// The sliding window; nothing if the network sees the whole image at once.
#[expect(clippy::float_cmp, reason = "numbers of a file are compared as they are written")]
pub(super) fn config(inferer: &Inferer) -> Result<Option<own::SlidingWindowConfig>, ImportError> {
    let Inferer::SlidingWindow(window) = inferer else { return Ok(None) };
    if window.roi_size == [None; 3] {
        return Ok(None);
    }
    let [Some(d), Some(h), Some(w)] = window.roi_size else {
        return Err(ImportError::setting("SlidingWindowInferer roi_size", "an axis without a size beside one with it"));
    };
    let blend = match window.blend {
        Blend::Constant => own::Blend::Constant,
        Blend::Gaussian { sigma_scale: [a, b, c] } if a == b && b == c => own::Blend::Gaussian { sigma_scale: a },
        Blend::Gaussian { .. } => {
            return Err(ImportError::setting("SlidingWindowInferer sigma_scale", "another deviation for each axis"));
        }
    };
    let padding = match window.padding {
        Padding::Constant(value) => own::Padding::Constant(value as f32),
        Padding::Edge => own::Padding::Replicate,
        Padding::Reflect => own::Padding::Reflect,
    };
    let config = own::SlidingWindowConfig::new(Dhw { d, h, w })
        .with_blend(blend)
        .with_batch(window.batch_size)
        .with_padding(padding);
    Ok(Some(own::SlidingWindowConfig { overlap: Dhw::from(window.overlap), ..config }))
}
