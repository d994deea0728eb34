//! Files into archives.

use std::io::Write;
use std::path::PathBuf;

use medseg_dicomweb::multipart::{MultipartError, MultipartReader};
use medseg_dicomweb::{DicomWebError, StoredInstance};

use crate::server::{Asked, Server, dicom_file, send};

const ANSWERED: &[(&str, &str)] = &[("Content-Type", "application/dicom+json")];

/// Two files in a folder that lives as long as the first.
fn two() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let files = ["1.2.3", "1.2.4"].map(|instance| {
        let path = folder.path().join(format!("{instance}.dcm"));
        std::fs::write(&path, dicom_file(instance, 100_000)).unwrap();
        path
    });
    (folder, files.into())
}

fn store(status: u16, answer: &'static str) -> (Server, Result<Vec<StoredInstance>, DicomWebError>) {
    let server = Server::start(move |_, _, stream| send(stream, status, ANSWERED, answer.as_bytes()));
    let (_folder, files) = two();
    let stored = server.client().store(&files);
    (server, stored)
}

fn parts(asked: &Asked) -> Vec<Vec<u8>> {
    let boundary = asked.header("content-type").unwrap().split("boundary=").nth(1).unwrap();
    let mut reader = MultipartReader::new(&asked.body[..], boundary, 1 << 20).unwrap();
    let mut parts = Vec::new();
    while let Some(headers) = reader.next_part().unwrap() {
        assert_eq!(headers.content_type.as_deref(), Some("application/dicom"));
        let mut part = Vec::new();
        reader.read_body(|bytes| part.write_all(bytes).map_err(MultipartError::Io)).unwrap();
        parts.push(part);
    }
    parts
}

#[test]
fn files_are_sent_as_they_are_and_their_warnings_come_back() {
    let (server, stored) = store(
        200,
        r#"{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2.4"]},"00081196":{"vr":"US","Value":[45056]}},
            {"00081155":{"vr":"UI","Value":["1.2.3"]}}]}}"#,
    );
    let stored: Vec<_> = stored.unwrap().into_iter().map(|one| (one.instance, one.warning)).collect();
    assert_eq!(stored, [("1.2.3".to_owned(), None), ("1.2.4".to_owned(), Some(0xB000))]);
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /dicom-web/studies HTTP/1.1");
    assert_eq!(asked.header("accept"), Some("application/dicom+json"));
    assert_eq!(parts(asked), [dicom_file("1.2.3", 100_000), dicom_file("1.2.4", 100_000)]);
}

#[test]
fn a_partial_failure_names_the_instance_and_its_reason() {
    for status in [200, 202, 409] {
        let (_, stored) = store(
            status,
            r#"{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2.3"]}}]},
                "00081198":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2.4"]},"00081197":{"vr":"US","Value":[272]}}]}}"#,
        );
        let error = stored.unwrap_err();
        let DicomWebError::NotStored { failed, sent: 2, .. } = &error else { panic!("{error:?}") };
        assert_eq!((failed.len(), failed[0].reason), (1, Some(0x0110)));
        assert!(failed[0].path.as_ref().unwrap().ends_with("1.2.4.dcm"));
        let text = error.to_string();
        assert!(text.contains(&format!("HTTP status {status} and did not store 1 of 2 instances: 1.2.4 (")), "{text}");
        assert!(text.ends_with("1.2.4.dcm): reason 0x0110, processing failed"), "{text}");
    }
}

#[test]
fn an_instance_that_the_answer_does_not_mention_is_not_stored() {
    for answer in [
        r#"{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2.3"]}}]}}"#,
        r#"{"00081199":{"Value":[{"00081155":{"Value":["1.2.3"]}},{"00081155":{"Value":["1.2.5"]}}]}}"#,
        r#"{"00081199":{"Value":[{"00081155":{"Value":["1.2.3"]}}]},"0008119A":{"Value":[{"00081197":{"Value":["49442"]}}]}}"#,
        "{}",
        "",
    ] {
        let (_, stored) = store(200, answer);
        let error = stored.unwrap_err();
        let DicomWebError::NotStored { failed, .. } = &error else { panic!("{answer}: {error:?}") };
        assert!(failed.iter().any(|one| one.instance.as_deref() == Some("1.2.4")), "{error}");
    }
}

#[test]
fn a_refusal_without_an_explanation_has_its_status() {
    for (status, answer) in [(409, ""), (400, "{}"), (415, ""), (500, "<html>")] {
        let (_, stored) = store(status, answer);
        let error = stored.unwrap_err();
        assert!(matches!(error, DicomWebError::Status { status: found, .. } if found == status), "{error:?}");
    }
    let (_, stored) = store(200, "[]");
    assert!(matches!(stored, Err(DicomWebError::Json { .. })));
}

#[test]
fn a_busy_server_gets_the_whole_body_again() {
    let server = Server::start(|_, number, stream| {
        if number == 0 {
            return send(stream, 503, &[("Retry-After", "0")], b"");
        }
        let stored = r#"{"00081199":{"Value":[{"00081155":{"Value":["1.2.3"]}},{"00081155":{"Value":["1.2.4"]}}]}}"#;
        send(stream, 200, ANSWERED, stored.as_bytes());
    });
    let (_folder, files) = two();
    assert_eq!(server.client().store(&files).unwrap().len(), 2);
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].body == asked[1].body && !asked[0].body.is_empty());
}

#[test]
fn a_connection_that_breaks_while_sending_is_not_tried_again() {
    let server = Server::start(|_, _, _| {});
    let (_folder, files) = two();
    assert!(matches!(server.client().store(&files), Err(DicomWebError::Network { .. })));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn files_that_cannot_be_stored_are_found_before_anything_is_sent() {
    let server = Server::start(|_, _, stream| send(stream, 200, ANSWERED, b"{}"));
    let (folder, files) = two();
    let text = folder.path().join("text");
    std::fs::write(&text, "text").unwrap();
    let copy = folder.path().join("copy");
    std::fs::copy(&files[0], &copy).unwrap();
    let store = |path: PathBuf| server.client().store(&[files[0].clone(), path]).unwrap_err();
    assert!(matches!(store(text), DicomWebError::NotDicomFile { .. }));
    assert!(matches!(store(copy), DicomWebError::SameInstance { .. }));
    assert!(matches!(store(folder.path().join("missing")), DicomWebError::Io { .. }));
    assert!(server.client().store(&[] as &[PathBuf]).unwrap().is_empty());
    assert!(server.asked().is_empty());
}
