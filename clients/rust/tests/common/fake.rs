//! A gRPC server that answers as a test says, and records its calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use patwarden::pb::v1::batch_check_result::Result as ItemResult;
use patwarden::pb::v1::{
    BatchCheckItem, BatchCheckRequest, BatchCheckResponse, BatchCheckResult, CheckError, CheckRequest, CheckResponse,
    Reason,
};
use patwarden::{Client, ClientBuilder};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A well-formed token that nobody has made.
pub const TOKEN: &str = "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA";
pub const KEY: &str = "service-key-canary";

/// A call that came.
#[derive(Clone)]
pub struct Call {
    /// `AuthorizationService/Check`.
    pub method: String,
    pub headers: HeaderMap,
    pub message: Bytes,
    /// Counts the calls of all methods, from 1.
    pub number: usize,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn is_batch(&self) -> bool {
        self.method == "AuthorizationService/BatchCheck"
    }

    /// The questions of a Check or BatchCheck.
    pub fn questions(&self) -> Vec<BatchCheckItem> {
        if self.is_batch() {
            return BatchCheckRequest::decode(self.message.clone()).unwrap().items;
        }
        let CheckRequest { token, resource, action, context, consistency, .. } =
            CheckRequest::decode(self.message.clone()).unwrap();
        vec![BatchCheckItem { token, resource, action, context, consistency }]
    }
}

#[derive(Clone, Default)]
pub struct Reply {
    pub http_status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub messages: Vec<Vec<u8>>,
    /// `None`: it ends without trailers.
    pub trailers: Option<Vec<(&'static str, String)>>,
    pub delay: Duration,
    /// It waits until this is open.
    pub gate: Option<Gate>,
}

/// Closed until it is opened.
#[derive(Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Gate {
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn wait(&self) {
        self.0.subscribe().wait_for(|open| *open).await.expect("its sender is here");
    }
}

impl Reply {
    pub fn message(message: impl Message) -> Self {
        Self {
            http_status: 200,
            messages: vec![message.encode_to_vec()],
            trailers: Some(vec![("grpc-status", "0".into())]),
            ..Self::default()
        }
    }

    pub fn error(code: u8) -> Self {
        Self { http_status: 200, trailers: Some(vec![("grpc-status", code.to_string())]), ..Self::default() }
    }

    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    pub fn behind(self, gate: &Gate) -> Self {
        Self { gate: Some(gate.clone()), ..self }
    }
}

pub fn decision(allowed: bool, question: &BatchCheckItem) -> CheckResponse {
    CheckResponse {
        allowed,
        token_valid: true,
        reason: if allowed { Reason::Allowed } else { Reason::NotPermitted } as i32,
        // So that a test sees whose answer it has got.
        subject: question.resource.clone(),
        ..Default::default()
    }
}

/// Answers for most tests: `answer` says for each question whether it is allowed, or the code and reason of its error.
pub fn answer(call: &Call, answer: impl Fn(&BatchCheckItem) -> Result<bool, (i32, &'static str)>) -> Reply {
    let questions = call.questions();
    let result = |question: &BatchCheckItem| match answer(question) {
        Ok(allowed) => ItemResult::Decision(decision(allowed, question)),
        Err((code, reason)) => ItemResult::Error(CheckError { code, reason: reason.into(), message: String::new() }),
    };
    let mut results = questions.iter().map(result);
    if call.is_batch() {
        let results = results.map(|result| BatchCheckResult { result: Some(result) }).collect();
        return Reply::message(BatchCheckResponse { results });
    }
    match results.next() {
        Some(ItemResult::Decision(decision)) => Reply::message(decision),
        Some(ItemResult::Error(error)) => Reply::error(u8::try_from(error.code).unwrap()),
        None => unreachable!("a Check has one question"),
    }
}

pub struct Fake {
    pub endpoint: String,
    calls: Arc<Mutex<Vec<Call>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Fake {
    pub async fn start(reply: impl Fn(&Call) -> Reply + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let app = Router::new().fallback({
            let calls = Arc::clone(&calls);
            move |request: Request| {
                let (calls, reply) = (Arc::clone(&calls), reply.clone());
                async move {
                    let call = {
                        let (head, body) = request.into_parts();
                        let frame = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                        let mut calls = calls.lock().unwrap();
                        let method = head.uri.path().strip_prefix("/patwarden.v1.").unwrap_or_default().to_owned();
                        let call =
                            Call { method, headers: head.headers, message: frame.slice(5..), number: calls.len() + 1 };
                        calls.push(call.clone());
                        call
                    };
                    let reply = reply(&call);
                    tokio::time::sleep(reply.delay).await;
                    if let Some(gate) = &reply.gate {
                        gate.wait().await;
                    }
                    respond(reply)
                }
            }
        });
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { endpoint, calls, server }
    }

    pub fn builder(&self) -> ClientBuilder {
        super::patient(&self.endpoint, KEY)
    }

    pub fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// How often each method was called.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.calls() {
            *counts.entry(call.method).or_default() += 1;
        }
        counts
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn respond(reply: Reply) -> Response {
    use http_body_util::{BodyExt, Full};

    let mut data = Vec::new();
    for message in &reply.messages {
        data.push(0);
        data.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        data.extend(message);
    }
    let trailers = reply.trailers.map(|trailers| Ok(to_map(&trailers)));
    let body = Full::new(Bytes::from(data)).with_trailers(std::future::ready(trailers));
    let mut response = Response::builder().status(reply.http_status).body(Body::new(body)).unwrap();
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response.headers_mut().extend(to_map(&reply.headers));
    response
}

fn to_map(entries: &[(&'static str, String)]) -> HeaderMap {
    entries
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
        .collect()
}
