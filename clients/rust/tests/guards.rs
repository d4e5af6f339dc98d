//! The guard with real axum routes: every vector of guards.json, and more.

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use common::{client, during, environment, runtime, token, vectors};
use libtest_mimic::{Arguments, Trial};
use patwarden::{Client, Code, Decision, Error, Guard, Reason, Rejection, Route};
use serde::Deserialize;
use tokio::sync::RwLock;
use tower::ServiceExt;

/// Held for writing during a fault, which is everybody's.
static WELL: RwLock<()> = RwLock::const_new(());

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<_> = vectors("guards.json").into_iter().map(vector).collect();
    trials.push(well("the address of the peer counts where the guard is told it", peer_address()));
    trials.push(well("a verifier of the host's own answers for other credentials", verifier()));
    trials.push(well("what is undecided is logged, without a token", log()));
    trials.push(well("a route that nobody may", nobody_may()));
    trials.push(well("a handler asks for what it knows itself", in_handler()));
    trials.push(well("credentials in several headers", several_headers()));
    trials.push(well("the realm cannot break out of its quotes", realm()));
    trials.push(well("a rejection tells the layers outside of the guard why", rejection()));
    libtest_mimic::run(&arguments, trials).exit();
}

fn well(name: &str, test: impl Future<Output = ()> + Send + 'static) -> Trial {
    Trial::test(name, move || {
        runtime().block_on(async {
            let _well = WELL.read().await;
            test.await;
        });
        Ok(())
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    method: String,
    headers: BTreeMap<String, String>,
    query: Option<String>,
    route: RouteOf,
    fault: Option<BTreeMap<String, String>>,
    #[serde(default)]
    explain_invalid_token: bool,
    expect: Expected,
}

#[derive(Clone, Deserialize)]
struct RouteOf {
    resource: String,
    action: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    www_authenticate: Option<String>,
    www_authenticate_without: Option<String>,
    subject: Option<String>,
    body: Option<serde_json::Value>,
}

fn vector(vector: Vector) -> Trial {
    let name = format!("guard: {}", vector.name);
    match vector.fault.clone() {
        None => well(&name, verify(vector)),
        Some(faults) => Trial::test(name, move || {
            runtime().block_on(async {
                let _ill = WELL.write().await;
                let [(side, fault)] = Vec::from_iter(faults).try_into().expect("one fault");
                during(&format!("/{side}/{fault}"), verify(vector)).await;
            });
            Ok(())
        }),
    }
}

/// Answers with the subject.
fn app<R>(guard: &Guard, route: R) -> Router
where
    R: Fn(&axum::http::request::Parts) -> Option<Route> + Clone + Send + Sync + 'static,
{
    let handler = async |Extension(bearer): Extension<Decision>| bearer.subject.unwrap_or_default();
    Router::new().route("/", get(handler)).route_layer(guard.layer(route))
}

fn document(guard: &Guard, name: &'static str) -> Router {
    app(guard, move |_| Some(Route::new(format!("document:{name}"), "viewer")))
}

async fn ask(app: &Router, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::get("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn bearer(alias: &str) -> String {
    format!("Bearer {}", token(alias))
}

async fn verify(vector: Vector) {
    let Vector { method, headers, query, route, explain_invalid_token, expect, .. } = vector;
    let guard = Guard::new(client("checker")).explain_invalid_token(explain_invalid_token);
    let app = app(&guard, move |_| Some(Route::new(&route.resource, &route.action)));
    let uri = format!("/?{}", query.unwrap_or_default());
    let ask = async || {
        let mut request = Request::builder().method(method.as_str()).uri(&uri);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let mut response = ask().await;
    // As in `common::patiently`.
    for _ in 0..20 {
        if response.status() != 503 || expect.status == 503 {
            break;
        }
        response = ask().await;
    }
    assert_eq!(response.status().as_u16(), expect.status);
    let challenge = header(&response, "www-authenticate");
    assert!(challenge.contains(&expect.www_authenticate.unwrap_or_default()), "{challenge}");
    if let Some(without) = expect.www_authenticate_without {
        assert!(!challenge.contains(&without), "{challenge}");
    }
    assert_eq!(challenge.is_empty(), expect.status != 401, "{challenge}");
    assert_eq!(header(&response, "retry-after").parse::<u32>().is_ok(), expect.status == 503);
    let Some(problem) = expect.body else {
        assert_eq!(text(response).await, expect.subject.expect("a subject"));
        return;
    };
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text(response).await).unwrap(), problem);
}

async fn peer_address() {
    let by_connection = |request: &axum::http::request::Parts| -> Option<IpAddr> {
        Some(request.extensions.get::<MockConnectInfo<SocketAddr>>()?.0.ip())
    };
    let guard = Guard::new(client("checker")).client_ip(by_connection);
    for (address, status) in [("192.0.2.7:50000", 200), ("198.51.100.7:50000", 401)] {
        let address: SocketAddr = address.parse().unwrap();
        let app = document(&guard, "roadmap").layer(MockConnectInfo(address));
        assert_eq!(ask(&app, &[("authorization", &bearer("alice_at_office"))]).await.status(), status, "{address}");
    }

    // As it is served.
    let by_connection = |request: &axum::http::request::Parts| -> Option<IpAddr> {
        Some(request.extensions.get::<ConnectInfo<SocketAddr>>()?.ip())
    };
    let app = document(&Guard::new(client("checker")).client_ip(by_connection), "roadmap");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
    for (alias, status) in [("alice", "200"), ("alice_at_office", "401")] {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(server).await.unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nhost: example.com\r\nauthorization: {}\r\nconnection: close\r\n\r\n",
            bearer(alias)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{alias}: {response}");
    }
    serving.abort();
}

async fn verifier() {
    let guard = Guard::new(client("checker")).verifier(async |credential, route: Route| {
        assert_eq!(route, Route::new("document:roadmap", "viewer"));
        match credential.expose() {
            "jwt-of-carol" => Ok(Decision::allowed("user:carol")),
            "jwt-of-dan" => Ok(Decision::not_permitted("user:dan")),
            "jwt-forged" => Ok(Decision::invalid()),
            _ => Err("cannot fetch the keys of the issuer"),
        }
    });
    let app = document(&guard, "roadmap");
    let cases = [
        ("jwt-of-carol", 200, "user:carol"),
        ("jwt-of-dan", 403, ""),
        ("jwt-forged", 401, ""),
        ("jwt-unknown", 503, ""),
        (token("alice"), 200, "user:alice"),
        (token("revoked"), 401, ""),
        // With our prefix, and so none of the verifier's.
        ("pw_pat_cut", 401, ""),
        ("pw_svc_key", 401, ""),
    ];
    for (credential, status, subject) in cases {
        for (name, value) in [("authorization", format!("Bearer {credential}")), ("x-api-key", credential.to_owned())] {
            let response = ask(&app, &[(name, &value)]).await;
            assert_eq!(response.status(), status, "{credential}");
            if status == 200 {
                assert_eq!(text(response).await, subject);
            }
        }
    }
}

/// Where a subscriber of a test writes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer({
        let log = log.clone();
        move || log.clone()
    });
    let _guard = tracing::subscriber::set_default(subscriber.without_time().with_ansi(false).finish());
    let unknown = app(&Guard::new(client("checker")), |_| Some(Route::new("document:roadmap", "owner")));
    assert_eq!(ask(&unknown, &[("authorization", &bearer("alice"))]).await.status(), 503);
    let broken = Guard::new(client("checker"))
        .verifier(async |credential, _| Err::<Decision, _>(format!("cannot verify {}", credential.expose())));
    assert_eq!(ask(&document(&broken, "roadmap"), &[("x-api-key", "jwt")]).await.status(), 503);
    let refused = app(&Guard::new(client("checker")), |_| Some(Route::new("document:a b", "viewer")));
    for token in [token("alice"), token("revoked")] {
        ask(&refused, &[("x-api-key", token)]).await;
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    let begin = " WARN patwarden: no decision about owner of document:roadmap: InvalidArgument UNKNOWN_ACTION: ";
    assert!(lines[0].starts_with(begin) && lines[0].contains("(request "), "{text}");
    assert_eq!(lines[1], " WARN patwarden: no decision about viewer of document:roadmap: cannot verify [redacted]");
    assert!(!text.contains(token("alice")));
}

async fn nobody_may() {
    let app = app(&Guard::new(client("checker")), |_| None);
    assert_eq!(ask(&app, &[("authorization", &bearer("alice"))]).await.status(), 403);
    assert_eq!(ask(&app, &[]).await.status(), 401);
}

async fn in_handler() {
    async fn handler(Extension(guard): Extension<Guard>, request: Request) -> Result<String, Response> {
        let (request, _) = request.into_parts();
        let route = Route::new("document:roadmap", "editor");
        let bearer = guard.authorize(&request, route).await.map_err(Rejection::into_response::<Body>)?;
        Ok(bearer.subject.unwrap_or_default())
    }
    let app = Router::new().route("/", get(handler)).layer(Extension(Guard::new(client("checker"))));
    for (alias, status) in [("alice", 200), ("alice_reader", 403), ("revoked", 401)] {
        assert_eq!(ask(&app, &[("authorization", &bearer(alias))]).await.status(), status, "{alias}");
    }
}

async fn several_headers() {
    let app = document(&Guard::new(client("checker")), "roadmap");
    let (alice, bob) = (bearer("alice"), bearer("bob"));
    let basic = format!("Basic {}", environment().tokens["alice"].basic);
    let cases: [(&[(&str, &str)], u16); 8] = [
        (&[("authorization", &alice), ("authorization", &alice)], 200),
        (&[("authorization", &alice), ("authorization", &basic), ("x-api-key", token("alice"))], 200),
        (&[("authorization", &alice), ("authorization", &bob)], 401),
        (&[("x-api-key", token("alice")), ("x-api-key", token("bob"))], 401),
        (&[("authorization", &alice), ("authorization", "Bearer a b")], 401),
        (&[("authorization", "Basic %"), ("x-api-key", token("alice"))], 401),
        // Not for us: proxies have credentials of their own.
        (&[("authorization", "Negotiate abc"), ("x-api-key", token("alice"))], 200),
        (&[("authorization", "Bearer"), ("x-api-key", token("alice"))], 200),
    ];
    for (headers, status) in cases {
        assert_eq!(ask(&app, headers).await.status(), status, "{:?}", headers.iter().map(|(name, _)| name));
    }
}

async fn realm() {
    let guard = Guard::new(client("checker")).realm("my \"API\\\"\r\nx: é");
    let response = ask(&document(&guard, "roadmap"), &[]).await;
    assert_eq!(header(&response, "www-authenticate"), "Bearer realm=\"my APIx: \"");
}

async fn rejection() {
    async fn told(app: Router, headers: &[(&str, &str)]) -> Rejection {
        let response = ask(&app, headers).await;
        let rejection = response.extensions().get::<Rejection>().expect("a rejection").clone();
        assert_eq!(rejection.status(), response.status());
        rejection
    }
    let guard = Guard::new(client("checker"));
    let nothing_shown = told(document(&guard, "roadmap"), &[]).await;
    assert!(nothing_shown.decision().is_none() && nothing_shown.error().is_none());
    let revoked = told(document(&guard, "roadmap"), &[("authorization", &bearer("revoked"))]).await;
    assert_eq!(revoked.decision().map(|decision| decision.reason), Some(Reason::TokenRevoked));
    let denied = told(document(&guard, "payroll"), &[("authorization", &bearer("alice"))]).await;
    assert_eq!(denied.decision().and_then(|decision| decision.subject.as_deref()), Some("user:alice"));

    let absent = Guard::new(Client::builder(&environment().absent, "key").plaintext().build().unwrap());
    let undecided = told(document(&absent, "roadmap"), &[("authorization", &bearer("alice"))]).await;
    assert_eq!(undecided.status(), StatusCode::SERVICE_UNAVAILABLE);
    let error = undecided.error().and_then(|error| error.downcast_ref::<Error>()).expect("an error of this library");
    assert_eq!(error.code(), Code::Unavailable);
    let printed = format!("{undecided:?} {revoked:?} {guard:?}");
    assert!(!printed.contains(token("alice")) && !printed.contains(token("revoked")));
}
