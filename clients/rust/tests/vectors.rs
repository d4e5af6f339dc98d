//! Every vector of clients/vectors but the guards', each a test of its own.

mod common;

use std::path::Path;

use common::{ExpectedDecision, ExpectedError, client, environment, patiently, runtime, vectors};
use futures_util::future::join_all;
use libtest_mimic::{Arguments, Trial};
use patwarden::pb::v1;
use patwarden::{Check, Client, Code, Consistency, Error, Question, RequestContext, Secret, SecretKind, parse_secret};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde::Deserialize;
use serde_json::Value;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    secrets(&mut trials);
    checks(&mut trials);
    batches(&mut trials);
    lists(&mut trials);
    errors(&mut trials);
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial(name: String, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let _guard = runtime().enter();
        test();
        Ok(())
    })
}

fn secrets(trials: &mut Vec<Trial>) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        name: String,
        text: String,
        brand: String,
        #[serde(rename = "wellFormed")]
        well_formed: bool,
        kind: Option<String>,
        hint: Option<String>,
    }
    for vector in vectors::<Vector>("secrets.json") {
        trials.push(trial(format!("secret: {}", vector.name), move || {
            let parsed = parse_secret(&vector.text, &vector.brand);
            assert_eq!(parsed.is_some(), vector.well_formed);
            let Some(parsed) = parsed else { return };
            let kind = match parsed.kind {
                SecretKind::User => "pat",
                SecretKind::Organization => "oat",
                _ => "other",
            };
            assert_eq!((Some(kind), Some(&parsed.hint)), (vector.kind.as_deref(), vector.hint.as_ref()));
            let secret = Secret::from(&vector.text);
            assert_eq!(
                (secret.to_string(), format!("{secret:?}")),
                (parsed.hint.clone(), format!("Secret({})", parsed.hint))
            );
        }));
    }
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum TokenOf {
    Alias(String),
    Text { text: String },
}

impl TokenOf {
    fn secret(&self) -> Secret {
        match self {
            Self::Alias(alias) => common::token(alias).into(),
            Self::Text { text } => text.into(),
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    client_ip: Option<String>,
    usage_units: Option<i32>,
    usage_id: Option<String>,
}

impl From<Context> for RequestContext {
    fn from(Context { client_ip, usage_units, usage_id }: Context) -> Self {
        Self { client_ip: client_ip.unwrap_or_default(), usage_units, usage_id: usage_id.unwrap_or_default() }
    }
}

fn consistency(name: &str) -> Consistency {
    Consistency::from_str_name(&format!("CONSISTENCY_{name}")).expect("a consistency")
}

#[derive(Clone, Deserialize)]
struct CheckVector {
    name: Option<String>,
    token: TokenOf,
    resource: String,
    action: String,
    context: Option<Context>,
    claims: Option<Vec<String>>,
    consistency: Option<String>,
    #[serde(flatten)]
    expected: Value,
}

#[derive(Deserialize)]
struct Expected<T> {
    expect: Option<T>,
    error: Option<ExpectedError>,
}

impl CheckVector {
    fn check(&self, client: &Client) -> Check {
        let mut check = client.check(self.token.secret(), &self.resource, &self.action);
        if let Some(context) = &self.context {
            check = check.context(context.clone().into());
        }
        if let Some(claims) = &self.claims {
            check = check.claims(claims);
        }
        if let Some(name) = &self.consistency {
            check = check.consistency(consistency(name));
        }
        check
    }

    fn question(&self) -> Question {
        let mut question = Question::new(self.token.secret(), &self.resource, &self.action);
        if let Some(context) = &self.context {
            question = question.context(context.clone().into());
        }
        if let Some(name) = &self.consistency {
            question = question.consistency(consistency(name));
        }
        question
    }

    fn verify(&self, answer: Result<patwarden::Decision, Error>, in_batch: bool) {
        match (serde_json::from_value(self.expected.clone()).expect("an expectation"), answer) {
            (Expected { expect: Some(expected), error: None }, Ok(decision)) => {
                ExpectedDecision::verify(&expected, &decision);
            }
            (Expected { expect: None, error: Some(expected) }, Err(error)) => expected.verify(&error, in_batch),
            (_, answer) => panic!("{answer:?}"),
        }
    }
}

fn checks(trials: &mut Vec<Trial>) {
    let all: Vec<CheckVector> = vectors("checks.json");
    for vector in all.clone() {
        let name = vector.name.clone().expect("a name");
        trials.push(trial(format!("check: {name}"), move || {
            // A client of its own, so that it is not coalesced with other tests'.
            let client = client("checker");
            vector.verify(runtime().block_on(patiently(async || vector.check(&client).await)), false);
        }));
    }
    trials.push(trial("all checks at once, not coalesced".into(), {
        let all = all.clone();
        move || runtime().block_on(at_once(&all, &alone(), false))
    }));
    trials.push(trial("all checks at once, coalesced".into(), move || {
        runtime().block_on(at_once(&all, &client("checker"), true));
    }));
}

async fn at_once(all: &[CheckVector], client: &Client, in_batch: bool) {
    let answers = join_all(all.iter().map(|vector| patiently(async || vector.check(client).await))).await;
    for (vector, answer) in all.iter().zip(answers) {
        vector.verify(answer, in_batch);
    }
}

fn alone() -> Client {
    common::patient(&environment().endpoint, common::key("checker")).coalescing(false).build().unwrap()
}

fn batches(trials: &mut Vec<Trial>) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        name: String,
        items: Vec<CheckVector>,
        expect: Vec<Value>,
    }
    for Vector { name, items, expect } in vectors::<Vector>("batches.json") {
        trials.push(trial(format!("batch: {name}"), move || {
            let questions: Vec<_> = items.iter().map(CheckVector::question).collect();
            let answers = runtime().block_on(client("checker").batch_check(questions).into_future()).unwrap();
            assert_eq!(answers.len(), expect.len());
            for (expected, answer) in expect.into_iter().zip(answers) {
                match (expected.get("error"), answer) {
                    (None, Ok(decision)) => {
                        serde_json::from_value::<ExpectedDecision>(expected).expect("a decision").verify(&decision);
                    }
                    (Some(error), Err(actual)) => {
                        serde_json::from_value::<ExpectedError>(error.clone()).expect("an error").verify(&actual, true);
                    }
                    (_, answer) => panic!("{answer:?} instead of {expected}"),
                }
            }
        }));
    }
}

fn lists(trials: &mut Vec<Trial>) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        resources: Vec<String>,
        token_valid: bool,
        reason: String,
        incomplete: bool,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        name: String,
        token: TokenOf,
        r#type: String,
        action: String,
        context: Option<Context>,
        consistency: Option<String>,
        expect: Option<List>,
        error: Option<ExpectedError>,
    }
    for vector in vectors::<Vector>("lists.json") {
        trials.push(trial(format!("list: {}", vector.name), move || {
            let outcome = runtime().block_on(async {
                let mut call = client("checker").list_resources(vector.token.secret(), vector.r#type, vector.action);
                if let Some(context) = vector.context {
                    call = call.context(context.into());
                }
                if let Some(name) = vector.consistency {
                    call = call.consistency(consistency(&name));
                }
                call.await?.into_list().await
            });
            match (vector.expect, vector.error, outcome) {
                (Some(expected), None, Ok(mut list)) => {
                    list.resources.sort_unstable();
                    assert_eq!(list.resources, expected.resources);
                    assert_eq!(list.reason.as_str_name(), format!("REASON_{}", expected.reason));
                    assert_eq!((list.token_valid, list.incomplete), (expected.token_valid, expected.incomplete));
                }
                (None, Some(expected), Err(error)) => expected.verify(&error, false),
                (_, _, outcome) => panic!("{outcome:?}"),
            }
        }));
    }
}

fn errors(trials: &mut Vec<Trial>) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        name: String,
        key: String,
        call: String,
        request: Value,
        error: ExpectedError,
    }
    let pool = descriptors();
    for vector in vectors::<Vector>("errors.json") {
        let pool = pool.clone();
        trials.push(trial(format!("error: {}", vector.name), move || {
            let request = encode(&pool, &vector.call, vector.request);
            let error = runtime().block_on(call(&client(&vector.key), &vector.call, &request));
            vector.error.verify(&error, false);
        }));
    }
}

fn descriptors() -> DescriptorPool {
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let files = ["audit", "authorization", "policy", "self", "subject", "token", "usage"];
    let files = files.map(|file| format!("patwarden/v1/{file}.proto"));
    let set = protox::compile(files, [protos]).expect("the protos compile");
    DescriptorPool::decode(set.encode_to_vec().as_slice()).expect("a descriptor set")
}

/// From proto3 JSON, which prost does not read.
fn encode(pool: &DescriptorPool, call: &str, request: Value) -> Vec<u8> {
    let name: String = call.split('_').map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..])).collect();
    let descriptor = pool.get_message_by_name(&format!("patwarden.v1.{name}Request")).expect("a request message");
    DynamicMessage::deserialize(descriptor, request).expect("a request in JSON").encode_to_vec()
}

/// The error of a call that must fail.
async fn call(client: &Client, call: &str, request: &[u8]) -> Error {
    macro_rules! dispatch {
        ($($stub:ident: $($method:ident($request:ident))*;)*) => {
            match call {
                $($(stringify!($method) => {
                    let request = v1::$request::decode(request).expect("its own encoding");
                    client.$stub().$method(request).await.map(|_| ())
                })*)*
                other => panic!("there is no call {other}"),
            }
        };
    }
    let outcome = dispatch! {
        authorization: check(CheckRequest) batch_check(BatchCheckRequest) list_resources(ListResourcesRequest) introspect(IntrospectRequest);
        tokens: create_token(CreateTokenRequest) get_token(GetTokenRequest) list_tokens(ListTokensRequest)
            update_token(UpdateTokenRequest) rotate_token(RotateTokenRequest) revoke_token(RevokeTokenRequest)
            revoke_tokens(RevokeTokensRequest) revoke_secret(RevokeSecretRequest) suspend_token(SuspendTokenRequest)
            resume_token(ResumeTokenRequest) approve_token(ApproveTokenRequest) deny_token(DenyTokenRequest)
            get_token_summary(GetTokenSummaryRequest);
        subjects: get_subject(GetSubjectRequest) disable_subject(DisableSubjectRequest)
            enable_subject(EnableSubjectRequest) delete_subject(DeleteSubjectRequest)
            list_subjects(ListSubjectsRequest);
        policies: get_policy(GetPolicyRequest) update_policy(UpdatePolicyRequest) delete_policy(DeletePolicyRequest);
        audit: list_audit_events(ListAuditEventsRequest);
        usage: query_usage(QueryUsageRequest);
        self_service: get_caller(GetCallerRequest) list_organizations(ListOrganizationsRequest) get_catalog(GetCatalogRequest)
            get_creation_limits(GetCreationLimitsRequest) list_reachable(ListReachableRequest)
            explain_token(ExplainTokenRequest);
    };
    let error = Error::from(outcome.expect_err("an error"));
    assert_ne!(error.code(), Code::Ok);
    error
}
