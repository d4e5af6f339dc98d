//! The real service by the whole client: tokens through their life, lists in pages, and what is large.

mod common;

use common::{client, patiently, token};
use futures_util::TryStreamExt;
use patwarden::pb::v1::{
    CreateTokenRequest, Grant, ListAuditEventsRequest, ListTokensRequest, QueryUsageRequest, RevokeTokenRequest,
    RotateTokenRequest, Rule, create_token_request::Lifetime,
};
use patwarden::{Client, Code, Error, Question, Reason, Secret};

async fn may_view(client: &Client, document: &str) -> Result<bool, Error> {
    let check = async || client.check(token("alice"), format!("document:{document}"), "viewer").await;
    Ok(patiently(check).await?.allowed)
}

/// For viewing documents, of a user of this test's own.
async fn issue(admin: &Client, user: &str) -> (String, Secret) {
    let viewing = Rule { actions: vec!["viewer".into()], resources: vec!["document:*".into()] };
    let request = CreateTokenRequest {
        subject: format!("user:{user}"),
        name: "laptop".into(),
        grant: Some(Grant { full: false, rules: vec![viewing] }),
        lifetime: Some(Lifetime::Ttl(prost_types::Duration { seconds: 3600, nanos: 0 })),
        ..Default::default()
    };
    let issued = admin.create_token(request).await.unwrap();
    (issued.token.id, issued.secret.unwrap())
}

/// Not used by another run of the tests.
fn somebody() -> String {
    format!("rust-{}", uuid::Uuid::new_v4())
}

#[tokio::test]
async fn a_token_through_its_life() {
    let (admin, backend, user) = (client("admin"), client("checker"), somebody());
    let (id, secret) = issue(&admin, &user).await;
    let decide = async |secret: &Secret| {
        patiently(async || backend.check(secret, "document:roadmap", "viewer").await).await.unwrap()
    };

    let decision = decide(&secret).await;
    assert_eq!((decision.allowed, decision.reason, decision.token_valid), (false, Reason::NotPermitted, true));
    assert_eq!((decision.subject, decision.token_id.as_ref()), (Some(format!("user:{user}")), Some(&id)));
    assert!(decision.expire_time.unwrap() > std::time::SystemTime::now());

    let introspection = backend.introspect(&secret).await.unwrap();
    assert!(introspection.active);
    assert_eq!(introspection.token.unwrap().secrets[0].hint, secret.hint());

    let rotated = admin.rotate_token(RotateTokenRequest { id: id.clone(), ..Default::default() }).await.unwrap();
    let new_secret = rotated.secret.unwrap();
    assert_eq!(decide(&secret).await.reason, Reason::TokenSuperseded);
    assert_eq!(decide(&new_secret).await.reason, Reason::NotPermitted);

    admin.tokens().revoke_token(RevokeTokenRequest { id, ..Default::default() }).await.unwrap();
    assert_eq!(decide(&new_secret).await.reason, Reason::TokenRevoked);
    assert!(!backend.introspect(&new_secret).await.unwrap().active);
}

#[tokio::test]
async fn validating_only_makes_no_secret() {
    let request = CreateTokenRequest {
        subject: format!("user:{}", somebody()),
        name: "laptop".into(),
        validate_only: true,
        ..Default::default()
    };
    assert_eq!(client("admin").create_token(request).await.unwrap().secret, None);
}

#[tokio::test]
async fn lists_come_page_by_page() {
    let (admin, user) = (client("admin"), somebody());
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(issue(&admin, &user).await.0);
    }
    // Newest first.
    ids.reverse();
    let subject = format!("user:{user}");
    let tokens = admin.list_tokens(ListTokensRequest { subject: subject.clone(), page_size: 1, ..Default::default() });
    let listed: Vec<_> = tokens.map_ok(|token| token.id).try_collect().await.unwrap();
    assert_eq!(listed, ids);

    let events = admin.list_audit_events(ListAuditEventsRequest {
        subject: subject.clone(),
        page_size: 2,
        ..Default::default()
    });
    let events: Vec<_> = events.map_ok(|event| (event.action, event.token_id)).try_collect().await.unwrap();
    let expected: Vec<_> = ids.iter().map(|id| ("token.created".to_owned(), id.clone())).collect();
    assert_eq!(events, expected);

    let rows: Vec<_> =
        admin.query_usage(QueryUsageRequest { subject, ..Default::default() }).try_collect().await.unwrap();
    assert!(rows.is_empty(), "nothing was decided: {rows:?}");
}

#[tokio::test]
async fn a_list_may_be_longer_than_one_message() {
    let list = client("checker").list_resources(token("librarian"), "document", "viewer").await.unwrap();
    let mut resources = list.into_list().await.unwrap();
    assert!(!resources.incomplete);
    resources.resources.sort_unstable();
    resources.resources.dedup();
    assert_eq!(resources.resources.len(), 2500);
}

#[tokio::test]
async fn a_question_that_is_too_long_is_refused() {
    let client = client("checker");
    let error = may_view(&client, &"x".repeat(300 * 1024)).await.unwrap_err();
    assert!(matches!(error.code(), Code::ResourceExhausted | Code::InvalidArgument), "{error:?}");
    assert!(may_view(&client, "roadmap").await.unwrap());
}

#[tokio::test]
async fn more_questions_than_one_call_holds_are_answered_in_their_order() {
    let client = client("checker");
    // Most are answered without OpenFGA, which so many would keep busy.
    let aliases = (0..1200).map(|n| if n % 100 == 99 { "alice" } else { "revoked" });
    let questions = aliases.clone().map(|alias| Question::new(token(alias), "document:roadmap", "viewer"));
    let answers = client.batch_check(questions).await.unwrap();
    assert_eq!(answers.len(), 1200);
    for (alias, answer) in aliases.zip(answers) {
        match answer {
            Ok(decision) => assert_eq!(decision.allowed, alias == "alice"),
            // On a busy machine.
            Err(error) => assert_eq!((error.code(), alias), (Code::DeadlineExceeded, "alice")),
        }
    }
}
