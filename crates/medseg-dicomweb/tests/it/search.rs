//! Lists of series.

use medseg_dicomweb::DicomWebError;

use crate::server::{Server, send};

fn answering(body: &'static str) -> Server {
    Server::start(move |_, _, stream| send(stream, 200, &[("Content-Type", "application/dicom+json")], body.as_bytes()))
}

#[test]
fn series_are_listed_with_what_the_archive_says_of_them() {
    let server = answering(
        r#"[{"0020000E":{"vr":"UI","Value":["1.2.3.4"]},"00080060":{"vr":"CS","Value":["CT"]},
            "0008103E":{"vr":"LO","Value":["Abdomen \u001b[31mred"]},"00201209":{"vr":"IS","Value":[120]},
            "00081190":{"vr":"UR","Value":["http://x"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B"}]}},
           {"0020000E":{"vr":"UI","Value":["1.2.3.5"]},"00201209":{"vr":"IS","Value":["1"]},"0008103E":{"vr":"LO"}},
           {"0020000E":{"vr":"UI","Value":["../evil"]}}, {"00080060":{"vr":"CS","Value":[null]}}]"#,
    );
    let found: Vec<String> = server.client().series_of("1.2.3").unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(found, ["1.2.3.4: CT, 120 instances, Abdomen \u{fffd}[31mred", "1.2.3.5: unknown modality, 1 instance"]);
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "GET /dicom-web/studies/1.2.3/series?includefield=0008103E&includefield=00201209 HTTP/1.1");
    // A server that ignores the filter lists other series too.
    assert_eq!(server.client().series("1.2.3", "1.2.3.5").unwrap().instances, Some(1));
    let error = server.client().series("1.2.3", "1.2.3.6").unwrap_err();
    assert_eq!(error.to_string(), format!("{} has no series 1.2.3.6 in study 1.2.3", server.address));
}

#[test]
fn an_unknown_study_is_said_in_a_sentence() {
    let nothing = Server::start(|_, _, stream| send(stream, 204, &[], b""));
    for server in [answering("[]"), nothing] {
        let error = server.client().series_of("1.2.3").unwrap_err();
        assert_eq!(error.to_string(), format!("{} has no study 1.2.3", server.address));
    }
}

#[test]
fn answers_that_are_no_lists_are_errors() {
    for bad in ["{}", "[1]", "[{\"0020000E\":5}]", "[", "\u{0}", "[{\"0020000E\":{\"Value\":[\"1.2\"]}}"] {
        let error = answering(bad).client().series_of("1.2.3").unwrap_err();
        assert!(matches!(error, DicomWebError::Json { .. }), "{bad}: {error:?}");
    }
    let deep: &'static str = Box::leak("[".repeat(1 << 20).into_boxed_str());
    assert!(matches!(answering(deep).client().series_of("1.2.3").unwrap_err(), DicomWebError::Json { .. }));
    let page = Server::start(|_, _, stream| send(stream, 200, &[("Content-Type", "text/html")], b"<html>"));
    assert!(matches!(page.client().series_of("1.2.3").unwrap_err(), DicomWebError::ContentType { .. }));
}
