//! An RGB picture and its PNG file.

use crate::ReportError;

/// An RGB picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row, three bytes a pixel.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A picture of one colour.
    #[must_use]
    pub fn filled(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Self { width, height, rgb: colour.repeat(width * height) }
    }

    /// The colour of a pixel, `[red, green, blue]`.
    ///
    /// # Panics
    /// Outside the picture.
    #[must_use]
    pub fn pixel(&self, row: usize, column: usize) -> [u8; 3] {
        let at = (row * self.width + column) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    /// Mixes `colour` into a pixel; `share` 1 replaces it.
    pub(crate) fn blend(&mut self, row: usize, column: usize, colour: [u8; 3], share: f32) {
        let at = (row * self.width + column) * 3;
        for (old, new) in self.rgb[at..at + 3].iter_mut().zip(colour) {
            *old = (f32::from(*old) * (1.0 - share) + f32::from(new) * share).round() as u8;
        }
    }

    /// The picture as a PNG file's bytes.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if the encoder refuses it.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        let fail = |reason: String| ReportError::drawing("a picture", reason);
        let side = |v: usize| u32::try_from(v).map_err(|_| fail(format!("{v} pixels are too many")));
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side(self.width)?, side(self.height)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(|e| fail(e.to_string()))?;
        writer.write_image_data(&self.rgb).map_err(|e| fail(e.to_string()))?;
        writer.finish().map_err(|e| fail(e.to_string()))?;
        Ok(bytes)
    }
}
