//! Options, each of which is set here to something else than its default, and TLS.

mod common;

use common::{environment, key, patient, token};
use patwarden::{Client, ClientBuilder, Code, Error};

const KEY: &str = "service-key-canary";

fn refused(built: Result<Client, Error>) -> String {
    let error = built.map(|_| ()).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    let text = format!("{error} {error:?}");
    assert!(!text.contains(KEY), "{text}");
    error.message().to_owned()
}

#[tokio::test]
async fn plaintext_is_for_this_host() {
    for here in ["127.0.0.1:9081", "localhost:9081", "LOCALHOST:9081", "[::1]:9081", "127.9.9.9:1"] {
        Client::builder(here, KEY).plaintext().build().unwrap_or_else(|error| panic!("{here}: {error}"));
    }
    for elsewhere in ["patwarden.example.com:9081", "10.0.0.1:9081", "localhost.example.com:1", "[2001:db8::1]:1"] {
        let message = refused(Client::builder(elsewhere, KEY).plaintext().build());
        assert!(message.contains("plaintext"), "{elsewhere}: {message}");
        Client::builder(elsewhere, KEY).dangerously_send_key_in_plaintext().build().unwrap();
    }
}

#[tokio::test]
async fn what_is_no_endpoint_is_refused() {
    let endpoints = [
        "",
        "/",
        "127.0.0.1",
        "http://127.0.0.1:1",
        "127.0.0.1:9081/path",
        "127.0.0.1:1?q",
        "user:pw@127.0.0.1:1",
        "a b",
    ];
    for endpoint in endpoints {
        for builder in [Client::builder(endpoint, KEY), Client::builder(endpoint, KEY).plaintext()] {
            let message = refused(builder.build());
            assert!(message.contains("endpoint"), "{endpoint}: {message}");
        }
    }
}

#[tokio::test]
async fn other_options_that_cannot_be_are_refused() {
    let plaintext = |key: &str| Client::builder("127.0.0.1:1", key).plaintext();
    for brand in ["", "p", "PW", "p_w", "acmeproduct"] {
        assert!(refused(plaintext(KEY).brand(brand).build()).contains("brand"));
    }
    for key in ["", &format!("{KEY}\n"), &format!("\u{1}{KEY}")] {
        assert!(refused(plaintext(key).build()).contains("service key"));
    }
    assert!(refused(plaintext(KEY).ca_certificate("").build()).contains("TLS"));
    assert!(refused(plaintext(KEY).client_certificate("", "").build()).contains("TLS"));
    assert!(refused(Client::builder("127.0.0.1:1", KEY).client_certificate("no", "PEM").build()).contains("TLS"));
}

#[test]
fn a_client_is_made_within_a_runtime() {
    assert!(refused(Client::builder("127.0.0.1:1", KEY).plaintext().build()).contains("Tokio"));
}

async fn is_allowed(client: Client) -> Result<bool, Error> {
    Ok(client.check(token("alice"), "document:roadmap", "viewer").await?.allowed)
}

fn read(file: &std::path::Path) -> Vec<u8> {
    std::fs::read(file).unwrap()
}

/// By TLS.
fn secured(endpoint: &str) -> ClientBuilder {
    Client::builder(endpoint, key("checker")).decision_timeout(common::PATIENCE)
}

#[tokio::test]
async fn tls_with_an_own_ca_and_a_client_certificate() {
    let tls = &environment().tls;
    let client = secured(&tls.endpoint)
        .ca_certificate(read(&tls.ca))
        .client_certificate(read(&tls.client_cert), read(&tls.client_key))
        .build()
        .unwrap();
    assert!(is_allowed(client).await.unwrap());
}

#[tokio::test]
async fn tls_without_the_right_certificates_is_no_answer() {
    let tls = &environment().tls;
    let no_client_certificate = secured(&tls.endpoint).ca_certificate(read(&tls.ca));
    assert_eq!(is_allowed(no_client_certificate.build().unwrap()).await.unwrap_err().code(), Code::Unavailable);
    let by_system_roots = secured(&tls.endpoint).client_certificate(read(&tls.client_cert), read(&tls.client_key));
    // Where there are no roots at all, it is refused at once.
    match by_system_roots.build() {
        Ok(client) => assert_eq!(is_allowed(client).await.unwrap_err().code(), Code::Unavailable),
        Err(error) => assert_eq!(error.code(), Code::InvalidArgument),
    }
}

#[tokio::test]
async fn tls_and_plaintext_do_not_understand_each_other() {
    let tls = &environment().tls;
    let tls_to_plaintext = secured(&environment().endpoint).ca_certificate(read(&tls.ca)).build().unwrap();
    assert_eq!(is_allowed(tls_to_plaintext).await.unwrap_err().code(), Code::Unavailable);
    let plaintext_to_tls = patient(&tls.endpoint, key("checker")).build().unwrap();
    assert_eq!(is_allowed(plaintext_to_tls).await.unwrap_err().code(), Code::Unavailable);
}
