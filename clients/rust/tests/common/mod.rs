//! The environment of the tests, as `PATWARDEN_CLIENT_TESTS` describes it; see clients/vectors/README.md.
#![allow(dead_code)] // each test file uses its own part

pub mod fake;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use patwarden::{Client, ClientBuilder, Code, Decision, Error};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

#[derive(Deserialize)]
pub struct Environment {
    pub endpoint: String,
    pub proxied: String,
    pub tls: Tls,
    pub redirecting: String,
    pub silent: String,
    pub absent: String,
    pub control: String,
    pub keys: HashMap<String, String>,
    pub vectors: PathBuf,
    pub tokens: HashMap<String, Token>,
}

#[derive(Deserialize)]
pub struct Tls {
    pub endpoint: String,
    pub ca: PathBuf,
    pub client_cert: PathBuf,
    pub client_key: PathBuf,
}

#[derive(Deserialize)]
pub struct Token {
    pub secret: String,
    pub id: String,
    pub subject: String,
    pub basic: String,
}

/// Longer than anything takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn environment() -> &'static Environment {
    static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| {
        let file =
            std::env::var("PATWARDEN_CLIENT_TESTS").expect("PATWARDEN_CLIENT_TESTS is set by test/clients/run.ts");
        let text = std::fs::read_to_string(file).expect("the file that PATWARDEN_CLIENT_TESTS names can be read");
        serde_json::from_str(&text).expect("the environment is as documented")
    });
    &ENVIRONMENT
}

pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

pub fn key(name: &str) -> &'static str {
    &environment().keys[name]
}

pub fn token(alias: &str) -> &'static str {
    &environment().tokens[alias].secret
}

/// Makes a client in plaintext with long timeouts.
pub fn patient(endpoint: &str, key: &str) -> ClientBuilder {
    Client::builder(endpoint, key).plaintext().decision_timeout(PATIENCE).call_timeout(PATIENCE)
}

pub fn client(key_name: &str) -> Client {
    patient(&environment().endpoint, key(key_name)).build().expect("the options are right")
}

pub fn vectors<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = environment().vectors.join(file);
    let text = std::fs::read_to_string(path).expect("the vectors can be read");
    let vectors: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    let vectors: Vec<T> = serde_json::from_value(expand(vectors)).expect("the vectors are as documented");
    assert!(!vectors.is_empty(), "no vectors in {file}");
    vectors
}

/// Fills in `${alias}` and `${alias.id}`.
pub fn expand(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(expand_text(&text)),
        Value::Array(values) => values.into_iter().map(expand).collect(),
        Value::Object(entries) => entries.into_iter().map(|(name, value)| (name, expand(value))).collect(),
        other => other,
    }
}

fn expand_text(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let (name, after) = rest.split_once('}').expect("a closing brace");
    let (alias, field) = name.split_once('.').unwrap_or((name, "secret"));
    let token = &environment().tokens[alias];
    let value = match field {
        "secret" => &token.secret,
        "id" => &token.id,
        "subject" => &token.subject,
        "basic" => &token.basic,
        other => panic!("tokens have no {other}"),
    };
    format!("{before}{value}{}", expand_text(after))
}

/// `INVALID_ARGUMENT`.
pub fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedError {
    pub code: String,
    pub reason: Option<String>,
    pub fields: Option<Vec<String>>,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    #[serde(default)]
    pub retry_delay: bool,
}

impl ExpectedError {
    /// `in_batch`: such an error has no fields, no metadata and no id.
    pub fn verify(&self, error: &Error, in_batch: bool) {
        assert_eq!(code_name(error.code()), self.code, "{error:?}");
        assert_eq!(error.reason(), self.reason.as_deref(), "{error:?}");
        if in_batch {
            return;
        }
        if let Some(fields) = &self.fields {
            let mut expected: Vec<&str> = fields.iter().map(String::as_str).collect();
            let mut actual: Vec<&str> =
                error.field_violations().iter().map(|violation| violation.field.as_str()).collect();
            expected.sort_unstable();
            actual.sort_unstable();
            assert_eq!(actual, expected, "{error:?}");
        }
        for (name, value) in &self.metadata {
            assert_eq!(error.metadata().get(name), Some(value), "{error:?}");
        }
        if self.retry_delay {
            assert!(error.retry_delay().is_some_and(|delay| delay > Duration::ZERO), "{error:?}");
        }
        assert!(error.request_id().is_some(), "{error:?} has no request id");
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedDecision {
    pub allowed: bool,
    pub reason: String,
    pub token_valid: bool,
    pub subject: Option<String>,
    pub token_id: Option<String>,
    pub organization: Option<String>,
    #[serde(default)]
    pub claims: std::collections::BTreeMap<String, String>,
    pub expires: Option<bool>,
}

impl ExpectedDecision {
    pub fn verify(&self, decision: &Decision) {
        let token_id = self.token_id.as_ref().map(|alias| environment().tokens[alias].id.clone());
        assert_eq!(decision.allowed, self.allowed, "{decision:?}");
        assert_eq!(decision.reason.as_str_name(), format!("REASON_{}", self.reason), "{decision:?}");
        assert_eq!(decision.token_valid, self.token_valid, "{decision:?}");
        assert_eq!(decision.subject, self.subject, "{decision:?}");
        assert_eq!(decision.token_id, token_id, "{decision:?}");
        assert_eq!(decision.organization, self.organization, "{decision:?}");
        assert_eq!(decision.claims, self.claims, "{decision:?}");
        assert_eq!(decision.expire_time.is_some(), self.expires.unwrap_or(false), "{decision:?}");
    }
}

/// Calls the control server, and returns the body of its answer.
pub async fn control(method: &str, path: &str) -> String {
    let address = environment().control.strip_prefix("http://").expect("an HTTP origin");
    let mut stream = TcpStream::connect(address).await.expect("the control server listens");
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{method} {path}: {answer}");
    answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
}

/// A fault that lasts as long as the future.
pub async fn during<T>(fault: &str, what: impl Future<Output = T>) -> T {
    let (side, _) = fault.trim_start_matches('/').split_once('/').expect("/server/cut or the like");
    control("POST", fault).await;
    let outcome = tokio::time::timeout(Duration::from_secs(120), what).await;
    control("POST", &format!("/{side}/heal")).await;
    outcome.expect("it ends")
}

/// Retries, because OpenFGA may need longer than the server's deadline on a busy machine.
pub async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 0..20 {
        match ask().await {
            Err(error) if error.code() == Code::DeadlineExceeded => {}
            outcome => return outcome,
        }
    }
    ask().await
}

/// Polls until it returns true.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}
