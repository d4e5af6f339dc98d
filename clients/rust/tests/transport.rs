//! What every call goes through, told by what arrives at a server and by how replies of all kinds come out.

mod common;

use std::time::{Duration, Instant};

use common::fake::{Fake, Gate, KEY, Reply, TOKEN, decision};
use common::until;
use patwarden::pb::v1::{
    CheckResponse, CreateTokenRequest, CreateTokenResponse, GetTokenRequest, GetTokenResponse, ListResourcesRequest,
    ListResourcesResponse, ListTokensRequest, ListTokensResponse, Reason, RevokeTokenRequest, RevokeTokenResponse,
    RotateTokenRequest, RotateTokenResponse, Token, UpdateTokenRequest, UpdateTokenResponse,
};
use patwarden::{Client, Code, Error, Secret, ServiceKey};
use prost::Message;
use tonic::Request;

const NO_TRAILERS: [(&str, String); 0] = [];

fn allowed() -> CheckResponse {
    CheckResponse { allowed: true, token_valid: true, reason: Reason::Allowed as i32, ..Default::default() }
}

async fn check(client: &Client) -> Result<bool, Error> {
    Ok(client.check(TOKEN, "document:1", "viewer").await?.allowed)
}

fn failing(
    reply: Reply,
    times: usize,
    then: impl Message + Clone + 'static,
) -> impl Fn(&common::fake::Call) -> Reply + Clone {
    move |call| if call.number <= times { reply.clone() } else { Reply::message(then.clone()) }
}

#[tokio::test]
async fn a_call_carries_the_key_the_user_agent_and_a_deadline() {
    let fake = Fake::start(|_| Reply::message(allowed())).await;
    let client = Client::builder(&fake.endpoint, KEY).plaintext().build().unwrap();
    assert!(check(&client).await.unwrap());
    let call = &fake.calls()[0];
    assert_eq!(call.header("authorization"), format!("Bearer {KEY}"));
    let user_agent = call.header("user-agent");
    assert!(user_agent.starts_with(concat!("patwarden-rust/", env!("CARGO_PKG_VERSION"), " ")), "{user_agent}");
}

/// The time that a call was given, milliseconds.
fn time_of(call: &common::fake::Call) -> u64 {
    call.header("grpc-timeout").strip_suffix('m').expect("milliseconds").parse().unwrap()
}

#[tokio::test]
async fn calls_without_a_deadline_get_a_default_one() {
    let fake = Fake::start(|call| match call.method.as_str() {
        "AuthorizationService/Check" => Reply::message(allowed()),
        "AuthorizationService/ListResources" => {
            Reply::message(ListResourcesResponse { reason: Reason::Allowed as i32, ..Default::default() })
        }
        _ => Reply::message(GetTokenResponse::default()),
    })
    .await;
    let defaults = Client::builder(&fake.endpoint, KEY).plaintext().build().unwrap();
    let own = Client::builder(&fake.endpoint, KEY)
        .plaintext()
        .decision_timeout(Duration::from_secs(30))
        .call_timeout(Duration::from_secs(60))
        .build()
        .unwrap();
    for client in [&defaults, &own] {
        check(client).await.unwrap();
        client.tokens().get_token(GetTokenRequest::default()).await.unwrap();
    }
    defaults.check(TOKEN, "document:1", "viewer").timeout(Duration::from_secs(90)).await.unwrap();
    let mut request = Request::new(GetTokenRequest::default());
    request.set_timeout(Duration::from_secs(120));
    defaults.tokens().get_token(request).await.unwrap();
    defaults.list_resources(TOKEN, "document", "viewer").await.unwrap();

    let calls = fake.calls();
    let (last, others) = calls.split_last().unwrap();
    for (call, seconds) in others.iter().zip([1, 10, 30, 60, 90, 120]) {
        let time = time_of(call);
        assert!(time <= seconds * 1000 && time > seconds * 1000 / 2, "{} ms of {seconds} s", time);
    }
    assert_eq!(last.header("grpc-timeout"), "");
}

#[tokio::test]
async fn the_deadline_ends_a_call_whose_reply_does_not_come() {
    let gate = Gate::default();
    let fake = Fake::start({
        let gate = gate.clone();
        move |_| Reply::message(allowed()).behind(&gate)
    })
    .await;
    let client = fake.client();
    let timeout = Duration::from_millis(200);
    let coalesced = client.check(TOKEN, "document:1", "viewer").timeout(timeout).await;
    let alone = client.check(TOKEN, "document:1", "viewer").claims(["plan"]).timeout(timeout).await;
    let batch = client.batch_check([patwarden::Question::new(TOKEN, "document:1", "viewer")]).timeout(timeout).await;
    let introspection = client.introspect(TOKEN).timeout(timeout).await;
    let mut request = Request::new(GetTokenRequest::default());
    request.set_timeout(timeout);
    let stub = client.tokens().get_token(request).await;
    let list = client.list_resources(TOKEN, "document", "viewer").timeout(timeout).await;
    let codes = [
        coalesced.unwrap_err().code(),
        alone.unwrap_err().code(),
        batch.unwrap_err().code(),
        introspection.unwrap_err().code(),
        stub.unwrap_err().code(),
        list.unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::DeadlineExceeded; 6]);
}

#[tokio::test]
async fn reads_and_revocations_are_repeated_while_the_server_is_unavailable() {
    let fake = Fake::start(failing(Reply::error(14), 2, RevokeTokenResponse::default())).await;
    fake.client().tokens().revoke_token(RevokeTokenRequest::default()).await.unwrap();
    assert_eq!(fake.calls().len(), 3);

    let fake = Fake::start(failing(Reply::error(14), 2, allowed())).await;
    assert!(check(&fake.builder().coalescing(false).build().unwrap()).await.unwrap());
    assert_eq!(fake.calls().len(), 3);
}

#[tokio::test]
async fn no_other_code_is_repeated() {
    for code in (1..=16).filter(|code| *code != 14) {
        let fake = Fake::start(move |_| Reply::error(code)).await;
        let error = check(&fake.client()).await.unwrap_err();
        assert_eq!((error.code() as u8, fake.calls().len()), (code, 1));
    }
}

#[tokio::test]
async fn other_changes_are_not_repeated() {
    let fake = Fake::start(failing(Reply::error(14), 1, UpdateTokenResponse::default())).await;
    let error = fake.client().tokens().update_token(UpdateTokenRequest::default()).await.unwrap_err();
    assert_eq!((error.code(), fake.calls().len()), (Code::Unavailable, 1));
}

#[tokio::test]
async fn what_makes_something_is_repeated_under_one_request_id() {
    let created = CreateTokenResponse { token: Some(Token::default()), secret: TOKEN.into() };
    let fake = Fake::start(failing(Reply::error(14), 2, created)).await;
    let issued =
        fake.client().create_token(CreateTokenRequest { name: "laptop".into(), ..Default::default() }).await.unwrap();
    assert_eq!(issued.secret, Some(Secret::from(TOKEN)));
    assert!(!format!("{issued:?}").contains(TOKEN));
    let requests: Vec<_> =
        fake.calls().iter().map(|call| CreateTokenRequest::decode(call.message.clone()).unwrap()).collect();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].request_id.len(), 36);
    assert!(requests.iter().all(|request| *request == requests[0] && request.name == "laptop"));

    let rotated = RotateTokenResponse { token: Some(Token::default()), secret: TOKEN.into() };
    let fake = Fake::start(failing(Reply::error(14), 1, rotated)).await;
    let request = RotateTokenRequest { request_id: "its own".into(), ..Default::default() };
    fake.client().rotate_token(request.clone()).await.unwrap();
    for call in fake.calls() {
        assert_eq!(RotateTokenRequest::decode(call.message.clone()).unwrap(), request);
    }
}

#[tokio::test]
async fn attempts_can_be_limited() {
    for (attempts, expected) in [(0, 1), (1, 1), (2, 2), (9, 5)] {
        let fake = Fake::start(|_| Reply::error(14)).await;
        let client = fake.builder().max_attempts(attempts).build().unwrap();
        assert_eq!(check(&client).await.unwrap_err().code(), Code::Unavailable);
        // With many attempts it is the throttle that ends it.
        assert_eq!(fake.calls().len(), expected);
    }
}

#[tokio::test]
async fn what_is_down_is_not_held_down_by_repeats() {
    let fake = Fake::start(|_| Reply::error(14)).await;
    let client = fake.client();
    for _ in 0..20 {
        check(&client).await.unwrap_err();
    }
    let calls = fake.calls().len();
    assert!(calls <= 20 + 5, "{calls} calls");
}

#[tokio::test]
async fn an_error_may_come_in_the_headers_or_in_the_trailers() {
    let in_headers = Reply {
        http_status: 200,
        headers: vec![("grpc-status", "9".into()), ("grpc-message", "not%20now".into())],
        ..Reply::default()
    };
    let in_trailers = Reply {
        trailers: Some(vec![("grpc-status", "9".into()), ("grpc-message", "not%20now".into())]),
        ..Reply::error(9)
    };
    for reply in [in_headers, in_trailers] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let client = fake.client();
        let error = check(&client).await.unwrap_err();
        assert_eq!((error.code(), error.message(), error.reason()), (Code::FailedPrecondition, "not now", None));
        let error = client.list_resources(TOKEN, "document", "viewer").await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::FailedPrecondition, "not now"));
    }
}

#[tokio::test]
async fn details_that_are_damaged_do_not_hide_the_code() {
    let damages = [
        ("grpc-status-details-bin", "%%%"),
        ("grpc-status-details-bin", "AAAA,AAAA"),
        ("grpc-status-details-bin", "/////w"),
        ("grpc-status-details-bin", ""),
        ("grpc-message", "%ff%fe"),
        ("grpc-message", "%"),
    ];
    for (name, damage) in damages {
        for in_headers in [false, true] {
            let end = vec![("grpc-status", "7".into()), (name, damage.to_owned())];
            let reply = Reply { http_status: 200, ..Reply::default() };
            let reply =
                if in_headers { Reply { headers: end, ..reply } } else { Reply { trailers: Some(end), ..reply } };
            let fake = Fake::start(move |_| reply.clone()).await;
            let client = fake.client();
            assert_eq!(check(&client).await.unwrap_err().code(), Code::PermissionDenied, "{name}: {damage}");
            let list = client.list_resources(TOKEN, "document", "viewer").await;
            assert_eq!(list.unwrap_err().code(), Code::PermissionDenied, "{name}: {damage}");
        }
    }
}

#[tokio::test]
async fn details_that_are_damaged_do_not_spoil_a_success() {
    let damage = || ("grpc-status-details-bin", "%%%".to_owned());
    let message = ListResourcesResponse { reason: Reason::Allowed as i32, ..Default::default() };
    for headers in [vec![], vec![damage()]] {
        let (for_list, trailers) = (headers.clone(), vec![("grpc-status", "0".into()), damage()]);
        let list = Reply { headers: for_list, trailers: Some(trailers.clone()), ..Reply::message(message.clone()) };
        let yes = Reply { headers, trailers: Some(trailers), ..Reply::message(allowed()) };
        let fake =
            Fake::start(move |call| if call.method.ends_with("/Check") { yes.clone() } else { list.clone() }).await;
        let client = fake.client();
        assert!(check(&client).await.unwrap());
        client.list_resources(TOKEN, "document", "viewer").await.unwrap().into_list().await.unwrap();
    }
}

#[tokio::test]
async fn the_request_id_of_the_headers_is_the_errors() {
    let reply = Reply { headers: vec![("x-request-id", "id-1".into())], ..Reply::error(5) };
    let fake = Fake::start(move |_| reply.clone()).await;
    assert_eq!(check(&fake.client()).await.unwrap_err().request_id(), Some("id-1"));
}

#[tokio::test]
async fn a_yes_that_does_not_end_well_is_no_yes() {
    let yes = || Reply::message(allowed());
    let replies = [
        Reply { trailers: None, ..yes() },
        Reply { trailers: Some(NO_TRAILERS.into()), ..yes() },
        Reply { trailers: Some(vec![("grpc-status", "13".into())]), ..yes() },
        Reply { trailers: Some(vec![("grpc-status", "unknown".into())]), ..yes() },
        Reply { trailers: Some(vec![("x-other", "1".into())]), ..yes() },
        Reply { http_status: 403, trailers: None, ..yes() },
        Reply { http_status: 403, ..yes() },
        Reply { headers: vec![("grpc-status", "7".into())], ..yes() },
        Reply { messages: vec![], ..yes() },
        Reply { messages: vec![vec![0xff; 20]], ..yes() },
        Reply { messages: vec![vec![]], ..yes() },
        Reply { headers: vec![("grpc-encoding", "gzip".into())], ..yes() },
    ];
    for reply in replies {
        let (trailers, status) = (reply.trailers.clone(), reply.http_status);
        let fake = Fake::start(move |_| reply.clone()).await;
        for client in [fake.client(), fake.builder().coalescing(false).build().unwrap()] {
            let outcome = check(&client).await;
            assert!(outcome.is_err(), "{outcome:?} of HTTP {status} {trailers:?}");
        }
    }
}

#[tokio::test]
async fn http_errors_of_proxies_are_errors_with_a_code() {
    let codes =
        [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (500, 2), (502, 14), (503, 14), (504, 14), (307, 2)];
    for (http_status, code) in codes {
        let fake = Fake::start(move |_| Reply { http_status, ..Reply::default() }).await;
        let client = fake.client();
        let error = check(&client).await.unwrap_err();
        assert_eq!((error.code() as i32, error.reason()), (code, None), "{http_status}");
        assert_eq!(fake.calls().len() > 1, code == 14, "{http_status}");
        let error = client.list_resources(TOKEN, "document", "viewer").await.unwrap_err();
        assert_eq!(error.code() as i32, code, "{http_status}");
    }
}

#[tokio::test]
async fn a_reply_that_is_too_long_is_refused() {
    let fake = Fake::start(|_| Reply { messages: vec![vec![0; 5 * 1024 * 1024]], ..Reply::message(allowed()) }).await;
    assert_eq!(check(&fake.client()).await.unwrap_err().code(), Code::ResourceExhausted);
}

fn list(resources: &[&str], incomplete: bool) -> Vec<u8> {
    let resources = resources.iter().map(|resource| (*resource).to_owned()).collect();
    ListResourcesResponse { resources, incomplete, reason: Reason::Allowed as i32, token_valid: true }.encode_to_vec()
}

#[tokio::test]
async fn a_list_is_a_stream_that_tells_at_its_end_whether_it_is_whole() {
    use futures_util::TryStreamExt;

    let messages = vec![list(&["document:1", "document:2"], false), list(&[], false), list(&["document:3"], true)];
    let fake = Fake::start(move |_| Reply { messages: messages.clone(), ..Reply::message(allowed()) }).await;
    let mut stream = fake.client().list_resources(TOKEN, "document", "viewer").await.unwrap();
    assert_eq!((stream.reason(), stream.token_valid(), stream.incomplete()), (Reason::Allowed, true, false));
    let resources: Vec<_> = (&mut stream).try_collect().await.unwrap();
    assert_eq!((resources.join(" ").as_str(), stream.incomplete()), ("document:1 document:2 document:3", true));

    let list = fake.client().list_resources(TOKEN, "document", "viewer").await.unwrap().into_list().await.unwrap();
    assert_eq!((list.resources, list.incomplete), (resources, true));
}

#[tokio::test]
async fn a_list_that_ends_in_an_error_is_none() {
    let error = vec![("grpc-status", "14".into())];
    for trailers in [Some(error), Some(vec![("x-other", "1".into())]), Some(NO_TRAILERS.into()), None] {
        let messages = vec![list(&["document:1"], false)];
        let reply = Reply { messages, trailers, ..Reply::message(allowed()) };
        let fake = Fake::start(move |_| reply.clone()).await;
        let stream = fake.client().list_resources(TOKEN, "document", "viewer").await.unwrap();
        let error = stream.into_list().await.unwrap_err();
        assert!(matches!(error.code(), Code::Unavailable | Code::Unknown), "{error}");
        assert_eq!(fake.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_list_without_a_first_message_is_none() {
    let nothing = Reply { messages: vec![], ..Reply::message(allowed()) };
    let no_reason = Reply::message(ListResourcesResponse::default());
    for reply in [nothing, no_reason] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let error = fake.client().list_resources(TOKEN, "document", "viewer").await.unwrap_err();
        assert_eq!(error.code(), Code::Internal);
    }
}

#[tokio::test]
async fn a_list_that_has_not_begun_is_asked_for_again() {
    let first = ListResourcesResponse { reason: Reason::Allowed as i32, ..Default::default() };
    let in_headers = Reply { http_status: 200, headers: vec![("grpc-status", "14".into())], ..Reply::default() };
    for reply in [Reply::error(14), in_headers] {
        let fake = Fake::start(failing(reply, 2, first.clone())).await;
        fake.client().list_resources(TOKEN, "document", "viewer").await.unwrap();
        fake.client().authorization().list_resources(ListResourcesRequest::default()).await.unwrap();
        assert_eq!(fake.calls().len(), 4);
    }
}

#[tokio::test]
async fn pages_are_fetched_one_after_the_other() {
    use futures_util::TryStreamExt;

    let fake = Fake::start(|call| {
        let request = ListTokensRequest::decode(call.message.clone()).unwrap();
        assert_eq!((request.subject.as_str(), request.page_size), ("user:alice", 2));
        let (ids, next): (&[&str], _) = match request.page_token.as_str() {
            "" => (&["1", "2"], "second"),
            // A page may have nothing on it and yet be followed.
            "second" => (&[], "third"),
            "third" => (&["3"], ""),
            other => panic!("{other}"),
        };
        let tokens = ids.iter().map(|id| Token { id: (*id).into(), ..Default::default() }).collect();
        Reply::message(ListTokensResponse { tokens, next_page_token: next.into() })
    })
    .await;
    let request = ListTokensRequest { subject: "user:alice".into(), page_size: 2, ..Default::default() };
    let mut pages = fake.client().list_tokens(request.clone());
    assert_eq!(fake.calls().len(), 0);
    assert_eq!(pages.try_next().await.unwrap().unwrap().id, "1");
    assert_eq!(fake.calls().len(), 1);
    let rest: Vec<_> = pages.map_ok(|token| token.id).try_collect().await.unwrap();
    assert_eq!((rest.join(" ").as_str(), fake.calls().len()), ("2 3", 3));

    let later = fake.client().list_tokens(ListTokensRequest { page_token: "third".into(), ..request });
    assert_eq!(later.try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_error_ends_the_pages() {
    use futures_util::StreamExt;

    let fake = Fake::start(|_| Reply::error(7)).await;
    let mut pages = fake.client().list_tokens(ListTokensRequest::default());
    assert_eq!(pages.next().await.unwrap().unwrap_err().code(), Code::PermissionDenied);
    assert!(pages.next().await.is_none());
}

#[tokio::test]
async fn the_key_may_come_from_a_callback() {
    use std::sync::atomic::{AtomicU32, Ordering};

    let fake = Fake::start(|_| Reply::message(allowed())).await;
    let asked = AtomicU32::new(0);
    let key = ServiceKey::callback(move || {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        async move { Ok::<_, std::io::Error>(format!("key-{number}")) }
    });
    let client = common::patient(&fake.endpoint, "").build().map(|_| ()).unwrap_err();
    assert_eq!(client.code(), Code::InvalidArgument);
    let client = Client::builder(&fake.endpoint, key).plaintext().build().unwrap();
    check(&client).await.unwrap();
    check(&client).await.unwrap();
    let keys: Vec<_> = fake.calls().iter().map(|call| call.header("authorization").to_owned()).collect();
    assert_eq!(keys, ["Bearer key-0", "Bearer key-1"]);
}

#[tokio::test]
async fn without_a_key_nothing_is_called() {
    use std::error::Error as _;

    let fake = Fake::start(|_| Reply::message(allowed())).await;
    let failing = ServiceKey::callback(|| async { Err::<String, _>(std::io::Error::other("vault is sealed")) });
    let empty = ServiceKey::callback(|| async { Ok::<_, std::io::Error>("") });
    let broken = ServiceKey::callback(|| async { Ok::<_, std::io::Error>("a\nb") });
    for key in [failing, empty, broken] {
        let client = Client::builder(&fake.endpoint, key).plaintext().build().unwrap();
        let error = check(&client).await.unwrap_err();
        assert_eq!(error.code(), Code::Unauthenticated);
        let stub = client.tokens().list_tokens(ListTokensRequest::default()).await.unwrap_err();
        assert_eq!(stub.code(), Code::Unauthenticated);
        assert!(!error.to_string().contains("vault"));
        let cause = error.source().and_then(std::error::Error::source).map(ToString::to_string);
        assert!(cause.is_none_or(|cause| cause == "vault is sealed"));
    }
    let never = ServiceKey::callback(std::future::pending::<std::io::Result<String>>);
    let client = Client::builder(&fake.endpoint, never)
        .plaintext()
        .decision_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    assert_eq!(check(&client).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn a_request_may_bring_a_credential_of_its_own() {
    let fake = Fake::start(|_| Reply::message(GetTokenResponse::default())).await;
    let mut request = Request::new(GetTokenRequest::default());
    request.metadata_mut().insert("authorization", "Bearer users-own".parse().unwrap());
    fake.client().tokens().get_token(request).await.unwrap();
    assert_eq!(fake.calls()[0].headers.get_all("authorization").iter().collect::<Vec<_>>(), ["Bearer users-own"]);
}

#[tokio::test]
async fn nothing_that_is_printed_holds_a_key_or_a_token() {
    let fake = Fake::start(|_| Reply::error(16)).await;
    let builder = fake.builder();
    let client = fake.client();
    let error = check(&client).await.unwrap_err();
    let absent = Client::builder("127.0.0.1:1", KEY).plaintext().build().unwrap();
    let unreachable = check(&absent).await.unwrap_err();
    let list = client.list_resources(TOKEN, "document", "viewer").await.unwrap_err();
    let printed = format!(
        "{builder:?} {client:?} {:?} {:?} {error:?} {error} {:?} {unreachable:?} {unreachable} {:?} {list:?} {:?}",
        client.transport(),
        client.tokens(),
        error.status(),
        unreachable.status(),
        ServiceKey::from(KEY),
    );
    assert!(!printed.contains(KEY) && !printed.contains(TOKEN), "{printed}");
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_call_is_unavailable() {
    let gate = Gate::default();
    let fake = Fake::start({
        let gate = gate.clone();
        move |_| Reply::message(decision(true, &Default::default())).behind(&gate)
    })
    .await;
    // A proxy of one connection, to be cut.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let endpoint = fake.endpoint.clone();
    let proxy = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = tokio::net::TcpStream::connect(endpoint).await.unwrap();
        drop(listener);
        tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
    });
    let client = common::patient(&address, KEY).build().unwrap();
    let begin = Instant::now();
    let call = tokio::spawn(async move { check(&client).await });
    until("the call has come", async || fake.calls().len() == 1).await;
    proxy.abort();
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert!(begin.elapsed() < common::PATIENCE);
}
