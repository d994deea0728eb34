//! The media types of DICOMweb's answers.
//!
//! Parsers of media types refuse `type=application/dicom` without quotes, as HTTP's grammar does; archives send it.

use std::collections::HashMap;

/// The boundary of `multipart/related; type="application/dicom"`; `None` for every other type.
///
/// The parameter `type` may be missing: the parts are checked one by one.
pub fn boundary_of(content_type: &str) -> Option<String> {
    let (media, mut parameters) = parse(content_type)?;
    let dicom = parameters.get("type").is_none_or(|kind| is_dicom(kind));
    if media != "multipart/related" || !dicom {
        return None;
    }
    parameters.remove("boundary")
}

/// Says whether a media type is `application/dicom`, with any parameters.
pub fn is_dicom(content_type: &str) -> bool {
    parse(content_type).is_some_and(|(media, _)| media == "application/dicom")
}

/// Splits a media type into its name and its parameters, names in lower case. `None` if it is damaged or names a parameter
/// twice.
fn parse(text: &str) -> Option<(String, HashMap<String, String>)> {
    let (media, mut rest) = text.split_once(';').unwrap_or((text, ""));
    let mut parameters = HashMap::new();
    while !rest.trim().is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, next) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (value, next) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        if parameters.insert(name.trim().to_ascii_lowercase(), value).is_some() {
            return None;
        }
        rest = next;
    }
    Some((media.trim().to_ascii_lowercase(), parameters))
}

/// Reads a quoted value up to its end, and returns what follows the next semicolon.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()?.1 {
            '"' => break,
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    let rest = characters.as_str().trim_start();
    if rest.is_empty() { Some((value, rest)) } else { Some((value, rest.strip_prefix(';')?)) }
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
            ("multipart/related; boundary=x; boundary=y", None),
            ("multipart/related; boundary=\"x\"y", None),
            ("multipart/related; boundary", None),
            ("multipart/related; start=\"<a;b=\\\"c>\"; boundary=x ;", Some("x")),
        ] {
            assert_eq!(boundary_of(text).as_deref(), boundary, "{text}");
        }
        assert!(is_dicom("application/dicom; transfer-syntax=1.2.840.10008.1.2.1"));
        assert!(!is_dicom("application/dicom+json") && !is_dicom("text/html"));
    }
}
