//! Images that are no CT in Hounsfield units where a model takes such.

/// A warning for an image whose lowest value is `lowest`, where the model's scale begins at `lower_bound`: in Hounsfield units air
/// has -1000, so an image without a negative value is no CT, or one that was stored without its offset.
pub fn hounsfield_warning(lower_bound: Option<f32>, lowest: impl FnOnce() -> f32) -> Option<String> {
    let bound = lower_bound.filter(|bound| *bound < 0.0)?;
    let lowest = lowest();
    (lowest >= 0.0).then(|| {
        format!(
            "the model takes CT in Hounsfield units, from {bound} on, and no voxel of the image is below {lowest}: it is no CT, \
             or its values were stored with an offset; look at the mask with care"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_without_negative_values_for_models_of_ct_are_warned_of() {
        let warning = hounsfield_warning(Some(-300.0), || 0.0).unwrap();
        assert!(warning.contains("-300") && warning.contains("Hounsfield"), "{warning}");
        assert_eq!(hounsfield_warning(Some(-300.0), || -1024.0), None);
        assert_eq!(hounsfield_warning(Some(0.0), || 0.0), None);
        assert_eq!(hounsfield_warning(None, || panic!("nobody asks")), None);
        assert_eq!(hounsfield_warning(Some(-57.0), || f32::NAN), None);
    }
}
