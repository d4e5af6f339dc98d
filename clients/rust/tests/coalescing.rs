//! Checks made at the same moment are sent as one BatchCheck, and each gets its own answer.

mod common;

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use common::fake::{Call, Fake, Gate, Reply, TOKEN, answer};
use common::until;
use futures_util::future::join_all;
use patwarden::pb::v1::BatchCheckItem;
use patwarden::{Check, Client, Code, Consistency, Decision, Error, Reason};

const CHECK: &str = "AuthorizationService/Check";
const BATCH: &str = "AuthorizationService/BatchCheck";

/// `document:yes…` may be viewed.
fn by_name(question: &BatchCheckItem) -> Result<bool, (i32, &'static str)> {
    Ok(question.resource.starts_with("document:yes"))
}

fn yes(call: &Call) -> Reply {
    answer(call, by_name)
}

fn check(client: &Client, document: impl std::fmt::Display) -> Check {
    client.check(TOKEN, format!("document:{document}"), "viewer")
}

async fn ask_all(checks: impl IntoIterator<Item = Check>) -> Vec<Result<Decision, Error>> {
    join_all(checks.into_iter().map(IntoFuture::into_future)).await
}

fn code(answer: &Result<Decision, Error>) -> Code {
    answer.as_ref().map_or_else(Error::code, |_| Code::Ok)
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(method, count)| (method.to_owned(), count)).into()
}

fn sizes(fake: &Fake) -> Vec<usize> {
    fake.calls().iter().map(|call| call.questions().len()).collect()
}

#[tokio::test]
async fn checks_of_one_moment_are_one_call_and_each_gets_its_own_answer() {
    let fake = Fake::start(yes).await;
    let client = fake.client();
    let names: Vec<_> = (0..64).map(|n| format!("{}{n}", if n % 3 == 0 { "yes" } else { "no" })).collect();
    let answers = ask_all(names.iter().map(|name| check(&client, name))).await;
    for (name, answer) in names.iter().zip(answers) {
        let decision = answer.unwrap();
        assert_eq!(decision.subject, Some(format!("document:{name}")));
        assert_eq!(decision.allowed, name.starts_with("yes"));
    }
    assert_eq!(fake.counts(), counts([(BATCH, 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_on_several_threads_share_calls() {
    let fake = Fake::start(yes).await;
    let client = fake.client();
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move {
                for round in 0..20 {
                    let name = format!("yes{n}-{round}");
                    let decision = check(&client, &name).await.unwrap();
                    assert_eq!((decision.allowed, decision.subject), (true, Some(format!("document:{name}"))));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(sizes(&fake).iter().sum::<usize>(), 64 * 20);
    assert!(fake.calls().len() < 64 * 20 / 2, "{} calls", fake.calls().len());
}

#[tokio::test]
async fn a_lone_check_is_a_check() {
    let fake = Fake::start(yes).await;
    let client = fake.client();
    for _ in 0..3 {
        assert!(check(&client, "yes").await.unwrap().allowed);
    }
    assert_eq!(fake.counts(), counts([(CHECK, 3)]));
}

#[tokio::test]
async fn each_keeps_its_context_and_its_consistency() {
    let fake = Fake::start(yes).await;
    let client = fake.client();
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    let answers = ask_all([
        check(&client, "plain"),
        check(&client, "from").client_ip(address),
        check(&client, "fresh").consistency(Consistency::HigherConsistency),
    ])
    .await;
    assert!(answers.iter().all(Result::is_ok));
    let calls = fake.calls();
    let told: Vec<_> = calls[0]
        .questions()
        .into_iter()
        .map(|question| {
            let address = question.context.as_ref().map(|context| context.client_ip.clone());
            (question.resource.clone(), address, question.consistency())
        })
        .collect();
    let expected = [
        ("document:plain", None, Consistency::Unspecified),
        ("document:from", Some("192.0.2.7"), Consistency::Unspecified),
        ("document:fresh", None, Consistency::HigherConsistency),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(resource, address, consistency)| (resource.to_owned(), address.map(str::to_owned), consistency))
        .collect();
    assert_eq!((calls.len(), told), (1, expected));
}

#[tokio::test]
async fn checks_that_ask_for_claims_go_alone() {
    let fake = Fake::start(yes).await;
    let client = fake.client();
    let checks = [check(&client, "1"), check(&client, "2"), check(&client, "3").claims(["plan"])];
    ask_all(checks).await.into_iter().for_each(|answer| assert!(answer.is_ok()));
    assert_eq!(fake.counts(), counts([(BATCH, 1), (CHECK, 1)]));
}

#[tokio::test]
async fn can_be_turned_off() {
    let fake = Fake::start(yes).await;
    let client = fake.builder().coalescing(false).build().unwrap();
    ask_all((0..5).map(|n| check(&client, n))).await;
    assert_eq!(fake.counts(), counts([(CHECK, 5)]));
}

#[tokio::test]
async fn text_that_is_no_token_is_answered_without_a_call() {
    let fake = Fake::start(yes).await;
    for client in [fake.client(), fake.builder().coalescing(false).build().unwrap()] {
        for text in ["nonsense", &TOKEN[1..], &format!("{TOKEN} "), &"x".repeat(100_000)] {
            let decision = client.check(text, "document:yes", "viewer").claims(["plan"]).await.unwrap();
            assert_eq!(
                (decision.allowed, decision.token_valid, decision.reason),
                (false, false, Reason::TokenMalformed)
            );
        }
    }
    let other_brand = fake.builder().brand("acme").build().unwrap();
    assert_eq!(check(&other_brand, "yes").await.unwrap().reason, Reason::TokenMalformed);
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn more_than_500_are_several_calls() {
    let fake = Fake::start(yes).await;
    let client = fake.client();
    let answers = ask_all((0..1001).map(|n| check(&client, format!("yes{n}")))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().allowed));
    let mut sizes = sizes(&fake);
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 500, 500]);
}

#[tokio::test]
async fn more_than_200_kib_are_several_calls() {
    let fake = Fake::start(yes).await;
    let client = fake.client();
    let large = "x".repeat(80 * 1024);
    let answers = ask_all((0..5).map(|n| check(&client, format!("yes{n}{large}")))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().allowed));
    let mut sizes = sizes(&fake);
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2, 2]);
    assert!(fake.calls().iter().all(|call| call.message.len() <= 200 * 1024 + 100));
}

#[tokio::test]
async fn at_most_four_calls_are_on_their_way_and_the_rest_gathers() {
    loop {
        let began = Instant::now();
        let gate = Gate::default();
        let fake = Fake::start({
            let gate = gate.clone();
            move |call| answer(call, by_name).behind(&gate)
        })
        .await;
        let client = fake.client();
        let mut tasks = Vec::new();
        for n in 1..=4 {
            tasks.push(tokio::spawn(check(&client, format!("yes{n}")).into_future()));
            until("the call has come", async || fake.calls().len() == n).await;
        }
        tasks.extend((5..20).map(|n| tokio::spawn(check(&client, format!("yes{n}")).into_future())));
        tokio::time::sleep(Duration::from_millis(100)).await;
        let held = sizes(&fake);
        gate.open();
        for task in tasks {
            assert!(task.await.unwrap().unwrap().allowed);
        }
        // On a slow machine the calls may count as stalled, which another test is about.
        if began.elapsed() < Duration::from_millis(450) {
            assert_eq!(held, [1, 1, 1, 1]);
            assert_eq!(sizes(&fake), [1, 1, 1, 1, 15]);
            return;
        }
    }
}

#[tokio::test]
async fn stalled_calls_do_not_hold_up_others() {
    let gate = Gate::default();
    let fake = Fake::start({
        let gate = gate.clone();
        move |call| answer(call, by_name).behind(&gate)
    })
    .await;
    let client = fake.client();
    let mut tasks = Vec::new();
    // More than four, all of them held, so that each call beyond takes the place of a stalled one.
    for n in 1..=6 {
        tasks.push(tokio::spawn(check(&client, format!("yes{n}")).into_future()));
        until("the call has come", async || fake.calls().len() == n).await;
    }
    gate.open();
    for task in tasks {
        assert!(task.await.unwrap().unwrap().allowed);
    }
}

#[tokio::test]
async fn the_deadline_of_one_is_not_that_of_the_others() {
    let gate = Gate::default();
    let fake = Fake::start({
        let gate = gate.clone();
        move |call| answer(call, by_name).behind(&gate)
    })
    .await;
    let client = fake.client();
    let patient = tokio::spawn(check(&client, "yes1").into_future());
    let hasty = tokio::spawn(check(&client, "yes2").timeout(Duration::from_millis(300)).into_future());
    assert_eq!(code(&hasty.await.unwrap()), Code::DeadlineExceeded);
    assert!(!patient.is_finished());
    gate.open();
    assert!(patient.await.unwrap().unwrap().allowed);
    assert_eq!(sizes(&fake), [2]);
    // The time that the call is given is that of the patient one.
    assert_ne!(fake.calls()[0].header("grpc-timeout"), "300m");
}

#[tokio::test]
async fn one_that_waits_no_longer_concerns_no_other() {
    let gate = Gate::default();
    let fake = Fake::start({
        let gate = gate.clone();
        move |call| answer(call, by_name).behind(&gate)
    })
    .await;
    let client = fake.client();
    let tasks: Vec<_> = (0..3).map(|n| tokio::spawn(check(&client, format!("yes{n}")).into_future())).collect();
    until("the call has come", async || fake.calls().len() == 1).await;
    tasks[1].abort();
    gate.open();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.map(|answer| answer.unwrap().allowed).ok());
    }
    assert_eq!(outcomes, [Some(true), None, Some(true)]);
}

#[tokio::test]
async fn one_that_has_gone_before_the_call_is_not_asked() {
    let gate = Gate::default();
    let fake = Fake::start({
        let gate = gate.clone();
        move |call| answer(call, by_name).behind(&gate)
    })
    .await;
    let client = fake.client();
    for n in 1..=4 {
        tokio::spawn(check(&client, n).into_future());
        until("the call has come", async || fake.calls().len() == n).await;
    }
    let tasks: Vec<_> = (5..8).map(|n| tokio::spawn(check(&client, format!("yes{n}")).into_future())).collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    tasks[0].abort();
    tokio::task::yield_now().await;
    gate.open();
    for task in tasks.into_iter().skip(1) {
        assert!(task.await.unwrap().unwrap().allowed);
    }
    assert_eq!(sizes(&fake), [1, 1, 1, 1, 2]);
}

#[tokio::test]
async fn calls_that_nobody_waits_for_make_room() {
    let gate = Gate::default();
    let fake = Fake::start({
        let gate = gate.clone();
        move |call| if call.number <= 4 { yes(call).behind(&gate) } else { yes(call) }
    })
    .await;
    let client = fake.client();
    for n in 1..=4 {
        let task = tokio::spawn(check(&client, n).into_future());
        until("the call has come", async || fake.calls().len() == n).await;
        task.abort();
    }
    assert!(check(&client, "yes").await.unwrap().allowed);
}

#[tokio::test]
async fn an_item_that_fails_is_the_error_of_who_asked_it() {
    let fake = Fake::start(|call| {
        answer(call, |question| match question.resource.as_str() {
            "document:bad" => Err((3, "INVALID_FIELD")),
            "document:zero" => Err((0, "")),
            _ => by_name(question),
        })
    })
    .await;
    let client = fake.client();
    let answers = ask_all(["yes", "bad", "zero", "no"].map(|name| check(&client, name))).await;
    let codes: Vec<_> = answers.iter().map(code).collect();
    assert_eq!(codes, [Code::Ok, Code::InvalidArgument, Code::Unknown, Code::Ok]);
    assert_eq!(answers[1].as_ref().unwrap_err().reason(), Some("INVALID_FIELD"));
    assert_eq!(fake.counts(), counts([(BATCH, 1)]));
}

#[tokio::test]
async fn an_item_that_is_unavailable_is_asked_again_and_only_that() {
    let fake = Fake::start(|call| {
        let first = call.number == 1;
        answer(call, move |question| match question.resource.as_str() {
            "document:yes2" if first => Err((14, "OPENFGA_UNAVAILABLE")),
            _ => by_name(question),
        })
    })
    .await;
    let client = fake.client();
    let answers = ask_all((0..4).map(|n| check(&client, format!("yes{n}")))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().allowed));
    assert_eq!(sizes(&fake), [4, 1]);
}

#[tokio::test]
async fn a_call_that_is_unavailable_is_made_again() {
    let fake = Fake::start(|call| if call.number == 1 { Reply::error(14) } else { yes(call) }).await;
    let client = fake.client();
    let answers = ask_all((0..8).map(|n| check(&client, format!("yes{n}")))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().allowed));
    assert_eq!(sizes(&fake).iter().sum::<usize>(), 16);
}

#[tokio::test]
async fn a_call_that_fails_is_the_error_of_all_who_asked() {
    let fake = Fake::start(|_| Reply::error(7)).await;
    let client = fake.client();
    let answers = ask_all((0..8).map(|n| check(&client, n))).await;
    assert!(answers.iter().all(|answer| code(answer) == Code::PermissionDenied));
    assert_eq!(fake.counts(), counts([(BATCH, 1)]));
}

#[tokio::test]
async fn a_reply_that_lacks_an_answer_answers_nobody() {
    let fake = Fake::start(|call| {
        let mut questions = call.questions();
        questions.pop();
        let results = questions
            .iter()
            .map(|question| patwarden::pb::v1::BatchCheckResult {
                result: Some(patwarden::pb::v1::batch_check_result::Result::Decision(common::fake::decision(
                    true, question,
                ))),
            })
            .collect();
        Reply::message(patwarden::pb::v1::BatchCheckResponse { results })
    })
    .await;
    let client = fake.client();
    let answers = ask_all((0..3).map(|n| check(&client, n))).await;
    assert!(answers.iter().all(|answer| code(answer) == Code::Internal));
}

#[tokio::test]
async fn nothing_is_asked_before_it_is_awaited() {
    let fake = Fake::start(yes).await;
    let client = fake.client();
    drop(check(&client, "yes"));
    drop(check(&client, "yes").into_future());
    assert!(check(&client, "yes").await.is_ok());
    assert_eq!(fake.calls().len(), 1);
}
