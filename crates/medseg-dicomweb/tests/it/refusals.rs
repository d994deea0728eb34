//! Credentials, statuses and redirects.

use std::time::{Duration, Instant};

use medseg_dicomweb::{Access, CA, CERTIFICATE, Client, ClientOptions, DicomWebError, KEY, PASSWORD, TOKEN, USER};

use crate::server::{Server, chain, listed, options, send, user};

const JSON: &[(&str, &str)] = &[("Content-Type", "application/dicom+json")];

/// Whether a text has one of the forms in which the credentials could appear.
fn shows_secret(text: &str) -> bool {
    ["hush", "YW5uYTpodXNo"].iter().any(|secret| text.contains(secret))
}

#[test]
fn credentials_go_to_the_server_and_nowhere_else() {
    let server = Server::start(|_, _, stream| send(stream, 200, JSON, listed(Some(1)).as_bytes()));
    let client = server.client_with(user(), options());
    client.series_of("1.2.3").unwrap();
    assert_eq!(server.asked()[0].header("authorization"), Some("Basic YW5uYTpodXNo"));
    assert!(!shows_secret(&format!("{client:?} {:?} {:#?}", user(), client)));

    let token = Access::from_variables(|name| (name == TOKEN).then(|| "hush".into())).unwrap();
    server.client_with(token, options()).series_of("1.2.3").unwrap();
    assert_eq!(server.asked()[1].header("authorization"), Some("Bearer hush"));
}

#[test]
fn refusals_name_the_status_and_never_the_credentials() {
    for (status, word) in [
        (401, "MEDSEG_DICOMWEB_USER"),
        (403, "do not allow"),
        (404, "check the address"),
        (500, "failed"),
        (418, "418"),
    ] {
        let server = Server::start(move |asked, _, stream| {
            // A page that repeats what it got.
            let page = format!("{:?}", asked.headers);
            send(stream, status, &[("WWW-Authenticate", "Basic realm=\"hush\"")], page.as_bytes());
        });
        let error = server.client_with(user(), options()).series_of("1.2.3").unwrap_err();
        assert!(matches!(error, DicomWebError::Status { status: found, .. } if found == status));
        let text = chain(&error);
        assert!(text.contains(&format!("HTTP status {status}")) && text.contains(word), "{text}");
        assert!(
            text.contains(&format!("{}/studies/1.2.3/series", server.address)) && !text.contains("includefield"),
            "{text}"
        );
        assert!(!shows_secret(&format!("{text} {error:?}")));
        assert_eq!(server.asked().len(), 1, "asking again would not help");
    }
}

#[test]
fn a_busy_server_is_asked_again_a_few_times() {
    for status in [503, 429] {
        let server = Server::start(move |_, number, stream| {
            if number < 2 {
                send(stream, status, &[], b"")
            } else {
                send(stream, 200, JSON, listed(Some(1)).as_bytes())
            }
        });
        assert_eq!(server.client().series_of("1.2.3").unwrap().len(), 1);
        assert_eq!(server.asked().len(), 3);
    }
    let server = Server::start(|_, _, stream| send(stream, 503, &[("Retry-After", "100000")], b""));
    let start = Instant::now();
    let options = options().with_max_backoff(Duration::from_millis(10));
    let error = server.client_with(Access::none(), options).series_of("1.2.3").unwrap_err();
    assert!(matches!(error, DicomWebError::Status { status: 503, .. }));
    assert_eq!(server.asked().len(), 3);
    assert!(start.elapsed() < Duration::from_secs(5), "Retry-After is bounded");
}

#[test]
fn broken_and_refused_connections_are_tried_again() {
    let server = Server::start(|_, number, stream| {
        if number > 0 {
            send(stream, 200, JSON, listed(Some(1)).as_bytes());
        }
    });
    assert_eq!(server.client().series_of("1.2.3").unwrap().len(), 1);
    assert_eq!(server.asked().len(), 2);

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::with_access(&format!("http://{free}"), Access::none(), options()).unwrap();
    let error = client.series_of("1.2.3").unwrap_err();
    assert!(matches!(error, DicomWebError::Network { .. }), "{error:?}");
    assert!(
        chain(&error).starts_with(&format!("cannot reach http://{free}/studies/1.2.3/series: ")),
        "{}",
        chain(&error)
    );
}

#[test]
fn a_redirect_is_named_but_not_followed() {
    let other = Server::start(|_, _, stream| send(stream, 200, JSON, listed(Some(1)).as_bytes()));
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/there?session=hush", other.address);
        let server = Server::start(move |_, _, stream| send(stream, status, &[("Location", &target)], b""));
        let client = server.client_with(user(), options());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file.dcm");
        std::fs::write(&file, crate::server::dicom_file("1.2", 10)).unwrap();
        for error in [
            client.series_of("1.2.3").unwrap_err(),
            client.fetch_series("1.2", "1.2.3.4", folder.path().join("x")).unwrap_err(),
            client.store(&[file]).unwrap_err(),
        ] {
            let text = format!("{} {error:?}", chain(&error));
            assert!(text.contains(&format!("points to {}/there;", other.address)), "{text}");
            assert!(!shows_secret(&text), "{text}");
        }
    }
    assert!(other.asked().is_empty());
}

#[test]
fn credentials_do_not_leave_the_machine_unencrypted_unless_allowed() {
    let new = |address, access, options| Client::with_access(address, access, options);
    let default = ClientOptions::default;
    let error = new("http://pacs.example/dicom-web", user(), default()).unwrap_err();
    assert!(matches!(&error, DicomWebError::Unencrypted { host } if host == "pacs.example"));
    assert!(!shows_secret(&format!("{error} {error:?}")));
    for (address, access, options) in [
        ("http://pacs.example/dicom-web", Access::none(), default()),
        ("https://pacs.example/dicom-web", user(), default()),
        ("http://127.0.0.1/dicom-web", user(), default()),
        ("http://[::1]:8042", user(), default()),
        ("http://pacs.example", user(), default().with_plain_http_credentials(true)),
    ] {
        assert!(new(address, access, options).is_ok(), "{address}");
    }
    let error = new("https://anna:hush@pacs.example", Access::none(), default()).unwrap_err();
    assert!(matches!(error, DicomWebError::Address { .. }));
    assert!(!shows_secret(&format!("{error} {error:?}")));
}

#[test]
fn an_environment_that_makes_no_sense_is_refused_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let text = path("text.pem", "hush");
    let damaged = path("damaged.pem", "-----BEGIN CERTIFICATE-----\nhush!\n-----END CERTIFICATE-----\n");
    let missing = folder.path().join("missing.pem").into_os_string().into_string().unwrap();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[(USER, "anna")], PASSWORD),
        (&[(PASSWORD, "hush")], USER),
        (&[(USER, "anna"), (PASSWORD, "")], PASSWORD),
        (&[(USER, "an:na"), (PASSWORD, "hush")], USER),
        (&[(TOKEN, "hush\r\nHost: evil")], TOKEN),
        (&[(TOKEN, "hush"), (USER, "anna"), (PASSWORD, "hush")], TOKEN),
        (&[(CA, &text)], CA),
        (&[(CA, &damaged)], CA),
        (&[(CA, &missing)], CA),
        (&[(CERTIFICATE, &text)], KEY),
        (&[(KEY, &text)], CERTIFICATE),
    ];
    for (set, named) in cases {
        let lookup = |name: &str| set.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).into());
        let error = Access::from_variables(lookup).unwrap_err();
        assert!(matches!(&error, DicomWebError::Environment { variable, .. } if variable == named), "{error:?}");
        assert!(!shows_secret(&format!("{error} {error:?}")), "{error}");
    }
    assert!(!Access::from_variables(|_| Some("".into())).unwrap().has_credentials());
}
