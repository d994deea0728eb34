//! The media types of DICOMweb's answers.

use mediatype::{MediaType, Name, ReadParams};

/// The boundary of `multipart/related; type="application/dicom"`; `None` for every other type.
///
/// The parameter `type` may be missing: the parts are checked one by one.
pub fn boundary_of(content_type: &str) -> Option<String> {
    let media = MediaType::parse(content_type).ok()?;
    let parameter =
        |name: &'static str| media.get_param(Name::new_unchecked(name)).map(|value| value.unquoted_str().into_owned());
    let related = media.ty == "multipart" && media.subty == "related";
    let dicom = parameter("type").is_none_or(|kind| is_dicom(&kind));
    (related && dicom).then(|| parameter("boundary")).flatten()
}

/// Whether a media type is `application/dicom`, with any parameters.
pub fn is_dicom(content_type: &str) -> bool {
    MediaType::parse(content_type)
        .is_ok_and(|media| media.ty == "application" && media.subty == "dicom" && media.suffix.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_is_taken_from_the_type_alone() {
        for (text, boundary) in [
            ("multipart/related; type=\"application/dicom\"; boundary=ab-1", Some("ab-1")),
            ("Multipart/Related; boundary=\"a b\"; type=application/dicom", Some("a b")),
            ("multipart/related;boundary=x", Some("x")),
            ("multipart/related; type=\"application/dicom\"", None),
            ("multipart/related; type=\"application/dicom+json\"; boundary=x", None),
            ("multipart/related; type=\"image/jpeg\"; boundary=x", None),
            ("multipart/mixed; boundary=x", None),
            ("application/dicom", None),
            ("", None),
            ("multipart/related; boundary=\"x", None),
        ] {
            assert_eq!(boundary_of(text).as_deref(), boundary, "{text}");
        }
        assert!(is_dicom("application/dicom; transfer-syntax=1.2.840.10008.1.2.1"));
        assert!(!is_dicom("application/dicom+json") && !is_dicom("text/html"));
    }
}
