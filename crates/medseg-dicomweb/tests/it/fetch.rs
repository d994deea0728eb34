//! Series into folders.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use medseg_dicomweb::multipart::MultipartError;
use medseg_dicomweb::{Client, DicomWebError, Fetched};

use crate::server::{RELATED, Server, body_of, chain, dicom_file, listed, options, send};

/// Fetches the series into a folder that must be whole or absent, without anything beside it.
fn fetch(client: &Client) -> (Result<Fetched, DicomWebError>, Vec<Vec<u8>>) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("scan");
    let fetched = client.fetch_series("1.2.3", "1.2.3.4", &folder);
    let entries = |path: &Path| std::fs::read_dir(path).unwrap().count();
    let Ok(whole) = &fetched else {
        assert_eq!(entries(parent.path()), 0, "something was left: {fetched:?}");
        return (fetched, Vec::new());
    };
    assert_eq!((entries(parent.path()), entries(&folder)), (1, whole.files.len()));
    let contents = whole.files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    (fetched, contents)
}

fn error_of(client: &Client) -> DicomWebError {
    fetch(client).0.unwrap_err()
}

fn three() -> Vec<Vec<u8>> {
    vec![dicom_file("1.2.3.4.1", 100), dicom_file("1.2.3.4.2", 200_000), dicom_file("1.2.3.4.3", 0)]
}

#[test]
fn a_series_arrives_byte_for_byte_whether_or_not_its_size_is_announced() {
    for announced in [Some(3), None] {
        let server = Server::of_series(announced, RELATED, body_of(&three()));
        let (fetched, contents) = fetch(&server.client());
        let fetched = fetched.unwrap();
        assert_eq!(contents, three());
        assert_eq!(fetched.bytes, three().iter().map(|file| file.len() as u64).sum::<u64>());
        assert_eq!(fetched.announced, announced.map(|n| n as u64));
        let names: Vec<_> = fetched.files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["00001.dcm", "00002.dcm", "00003.dcm"]);

        let asked = &server.asked()[1];
        assert_eq!(asked.line, "GET /dicom-web/studies/1.2.3/series/1.2.3.4 HTTP/1.1");
        assert_eq!(asked.header("accept"), Some("multipart/related; type=\"application/dicom\"; transfer-syntax=*"));
        assert_eq!((asked.header("accept-encoding"), asked.header("authorization")), (None, None));
    }
}

#[test]
fn a_series_in_chunks_arrives_too() {
    let server = Server::start(|asked, _, stream| {
        if asked.is_search() {
            return send(stream, 200, &[("Content-Type", "application/json")], listed(Some(3)).as_bytes());
        }
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {RELATED}\r\nTransfer-Encoding: chunked\r\n\r\n");
        for piece in body_of(&three()).chunks(4099) {
            let _ = write!(stream, "{:x}\r\n", piece.len());
            let _ = stream.write_all(piece).and_then(|()| stream.write_all(b"\r\n"));
        }
        let _ = stream.write_all(b"0\r\n\r\n");
    });
    assert_eq!(fetch(&server.client()).1, three());
}

#[test]
fn a_body_that_ends_early_leaves_no_half_series() {
    let body = body_of(&three());
    for length in [0, 1, 50, 1000, 100_000, body.len() - 5] {
        // Cut by the server, which declares the shorter length ...
        let server = Server::of_series(Some(3), RELATED, body[..length].to_vec());
        let error = error_of(&server.client());
        assert!(matches!(error, DicomWebError::Body { source: MultipartError::Truncated, .. }), "{length}: {error:?}");
        // ... and by the network, with a length that is not reached.
        let cut = body[..length].to_vec();
        let server = Server::start(move |asked, _, stream| {
            if asked.is_search() {
                return send(stream, 200, &[("Content-Type", "application/dicom+json")], listed(Some(3)).as_bytes());
            }
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {RELATED}\r\nContent-Length: 500000\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&cut));
        });
        let error = error_of(&server.client());
        assert!(matches!(error, DicomWebError::Network { .. } | DicomWebError::Body { .. }), "{length}: {error:?}");
    }
}

#[test]
fn a_boundary_that_does_not_fit_is_an_error() {
    let other = "multipart/related; type=\"application/dicom\"; boundary=other";
    let error = error_of(&Server::of_series(Some(3), other, body_of(&three())).client());
    assert!(matches!(error, DicomWebError::Body { source: MultipartError::Preamble { .. }, .. }), "{error:?}");
    let longer = "multipart/related; type=\"application/dicom\"; boundary=edg";
    let error = error_of(&Server::of_series(Some(3), longer, body_of(&three())).client());
    assert!(matches!(error, DicomWebError::Body { source: MultipartError::Delimiter, .. }), "{error:?}");
    for none in
        ["multipart/related; type=\"application/dicom\"", "text/html", "application/dicom", "image/png; boundary=edge"]
    {
        let error = error_of(&Server::of_series(Some(3), none, body_of(&three())).client());
        assert!(matches!(&error, DicomWebError::ContentType { found, .. } if found == none), "{error:?}");
    }
}

#[test]
fn an_endless_part_ends_at_a_limit() {
    let endless = |_: &()| {
        Server::start(|asked, _, stream| {
            if asked.is_search() {
                return send(stream, 200, &[("Content-Type", "application/dicom+json")], listed(Some(1)).as_bytes());
            }
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {RELATED}\r\n\r\n--edge\r\nA: b\r\n\r\n");
            let mut sent = stream.write_all(head.as_bytes());
            while sent.is_ok() {
                sent = stream.write_all(&[0; 4096]);
            }
        })
    };
    let server = endless(&());
    let error = error_of(&server.client_with(medseg_dicomweb::Access::none(), options().with_max_file_bytes(1 << 20)));
    assert!(matches!(error, DicomWebError::Body { source: MultipartError::PartTooLong { limit: 1_048_576 }, .. }));
    let error =
        error_of(&server.client_with(medseg_dicomweb::Access::none(), options().with_max_series_bytes(1 << 20)));
    assert!(matches!(error, DicomWebError::Limit { limit: 1_048_576, .. }), "{error:?}");
}

#[test]
fn endless_headers_preambles_and_lists_end_at_a_limit() {
    for start in ["--edge\r\nA: b\r\n", "--edge", "", "--edge\r\n"] {
        let server = Server::start(move |asked, _, stream| {
            let kind = if asked.is_search() { "application/dicom+json" } else { RELATED };
            let start = if asked.is_search() { listed(None) } else { start.to_owned() };
            let mut sent = write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n{start}");
            while sent.is_ok() && !asked.is_search() {
                sent = stream.write_all(&[b' '; 4096]);
            }
        });
        let error = error_of(&server.client());
        assert!(matches!(error, DicomWebError::Body { .. }), "{start}: {error:?}");
    }
    let server = Server::start(|_, _, stream| {
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n\r\n[");
        while sent.is_ok() {
            sent = stream.write_all(&[b' '; 4096]);
        }
    });
    assert!(matches!(error_of(&server.client()), DicomWebError::Limit { .. }));
}

#[test]
fn too_many_parts_are_refused_as_soon_as_they_come() {
    let many: Vec<_> = (0..20).map(|n| dicom_file(&format!("1.2.{n}"), 10)).collect();
    let error = error_of(&Server::of_series(Some(3), RELATED, body_of(&many)).client());
    assert!(matches!(error, DicomWebError::Incomplete { expected: 3, found: 4, .. }), "{error:?}");
    let none = medseg_dicomweb::Access::none;
    let error = error_of(
        &Server::of_series(None, RELATED, body_of(&many)).client_with(none(), options().with_max_instances(5)),
    );
    assert!(matches!(error, DicomWebError::Limit { limit: 5, .. }), "{error:?}");
    let server = Server::of_series(Some(20), RELATED, body_of(&many));
    let error = error_of(&server.client_with(none(), options().with_max_instances(5)));
    assert!(matches!(error, DicomWebError::Limit { limit: 5, .. }), "{error:?}");
    assert_eq!(server.asked().len(), 1, "nothing is fetched that is announced as too large");
}

#[test]
fn fewer_instances_than_announced_and_none_are_errors() {
    let error = error_of(&Server::of_series(Some(4), RELATED, body_of(&three())).client());
    assert!(matches!(error, DicomWebError::Incomplete { expected: 4, found: 3, .. }), "{error:?}");
    assert!(matches!(
        error_of(&Server::of_series(None, RELATED, body_of(&[])).client()),
        DicomWebError::NoSeries { .. }
    ));
}

#[test]
fn parts_that_are_no_dicom_files_or_come_twice_are_refused() {
    let html = vec![dicom_file("1.2", 5), b"<html>login</html>".to_vec()];
    let error = error_of(&Server::of_series(Some(2), RELATED, body_of(&html)).client());
    assert!(matches!(error, DicomWebError::NotDicom { number: 2, .. }), "{error:?}");
    let named = vec![dicom_file("../../../etc/passwd", 5)];
    let error = error_of(&Server::of_series(Some(1), RELATED, body_of(&named)).client());
    assert!(matches!(error, DicomWebError::NotDicom { number: 1, .. }), "{error:?}");
    let twice = vec![dicom_file("1.2", 5), dicom_file("1.2", 6)];
    let error = error_of(&Server::of_series(Some(2), RELATED, body_of(&twice)).client());
    assert!(matches!(&error, DicomWebError::Repeated { instance, .. } if instance == "1.2"), "{error:?}");
    let text = String::from_utf8_lossy(&body_of(&[dicom_file("1.2", 5)])).replace("application/dicom", "text/html");
    assert!(matches!(
        error_of(&Server::of_series(Some(1), RELATED, text.into_bytes()).client()),
        DicomWebError::NotDicom { .. }
    ));
}

#[test]
fn a_compressed_answer_is_refused_unread() {
    let server = Server::start(|asked, _, stream| {
        if asked.is_search() {
            return send(stream, 200, &[("Content-Type", "application/dicom+json")], listed(Some(3)).as_bytes());
        }
        send(stream, 200, &[("Content-Type", RELATED), ("Content-Encoding", "gzip")], &body_of(&three()));
    });
    assert!(error_of(&server.client()).to_string().contains("encoded as gzip"));
}

#[test]
fn a_server_that_stalls_is_left() {
    for (head, body) in [(false, 0), (true, 0), (true, 100_000)] {
        let server = Server::start(move |asked, _, stream| {
            if asked.is_search() {
                return send(stream, 200, &[("Content-Type", "application/dicom+json")], listed(Some(3)).as_bytes());
            }
            if head {
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {RELATED}\r\n\r\n");
                let _ = stream.write_all(&body_of(&three())[..body]);
            }
            std::thread::sleep(Duration::from_secs(12));
        });
        let start = Instant::now();
        let options = options().with_stall_timeout(Duration::from_millis(400));
        let error = error_of(&server.client_with(medseg_dicomweb::Access::none(), options));
        assert!(chain(&error).contains("timeout"), "{}", chain(&error));
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

#[test]
fn a_server_that_never_ends_is_left_after_the_longest_transfer() {
    let server = Server::start(|asked, _, stream| {
        if asked.is_search() {
            return send(stream, 200, &[("Content-Type", "application/dicom+json")], listed(Some(3)).as_bytes());
        }
        let mut sent = write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {RELATED}\r\n\r\n--edge\r\nA: b\r\n\r\n");
        while sent.is_ok() {
            std::thread::sleep(Duration::from_millis(20));
            sent = stream.write_all(b"0");
        }
    });
    let options = options().with_transfer_timeout(Duration::from_millis(900));
    let start = Instant::now();
    let error = error_of(&server.client_with(medseg_dicomweb::Access::none(), options));
    assert!(chain(&error).contains("timeout"), "{}", chain(&error));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let server = Server::of_series(Some(3), RELATED, body_of(&three()));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "text").unwrap();
    let fetch = |path: &Path| server.client().fetch_series("1.2.3", "1.2.3.4", path);
    assert!(matches!(fetch(folder.path()), Err(DicomWebError::Occupied { .. })));
    assert!(matches!(fetch(&folder.path().join("mine")), Err(DicomWebError::Io { .. })));
    assert_eq!(std::fs::read(folder.path().join("mine")).unwrap(), b"text");
    assert!(server.asked().is_empty());
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(fetch(&empty).unwrap().files.len(), 3);
}

#[test]
fn uids_that_are_none_never_reach_the_server() {
    let server = Server::of_series(Some(3), RELATED, body_of(&three()));
    let folder = tempfile::tempdir().unwrap();
    for bad in ["", "1.2/../..", "1.2?x=1", "1 2", "abc", "1.2\r\nHost: evil"] {
        for (study, series) in [(bad, "1.2"), ("1.2", bad)] {
            let error = server.client().fetch_series(study, series, folder.path().join("x")).unwrap_err();
            assert!(matches!(error, DicomWebError::Uid { .. }), "{error:?}");
            assert!(!error.to_string().contains('\n'));
        }
    }
    assert!(server.asked().is_empty());
}
