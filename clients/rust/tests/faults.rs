//! What goes wrong around a real server: whatever it is, there is an error with a code, and never a wrong answer.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::{control, during, environment, key, patient, token, until};
use patwarden::{Client, Code, Error, Question, Reason};
use tokio::sync::{Mutex, MutexGuard};

/// Faults are everybody's.
async fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::const_new(());
    LOCK.lock().await
}

fn client(endpoint: &str) -> Client {
    patient(endpoint, key("checker")).build().unwrap()
}

async fn may_view(client: &Client, document: &str) -> Result<bool, Error> {
    Ok(client.check(token("alice"), format!("document:{document}"), "viewer").await?.allowed)
}

#[tokio::test]
async fn a_server_that_is_absent_is_unavailable() {
    let error = may_view(&client(&environment().absent), "roadmap").await.unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::Unavailable, None));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_at_the_deadline() {
    for coalescing in [true, false] {
        let client =
            Client::builder(&environment().silent, key("checker")).plaintext().coalescing(coalescing).build().unwrap();
        let check = client.check(token("alice"), "document:roadmap", "viewer").timeout(Duration::from_millis(300));
        assert_eq!(check.await.unwrap_err().code(), Code::DeadlineExceeded);
        // The default: a second.
        assert_eq!(may_view(&client, "roadmap").await.unwrap_err().code(), Code::DeadlineExceeded);
    }
}

#[tokio::test]
async fn a_redirect_is_an_error_and_is_not_followed() {
    let client = client(&environment().redirecting);
    let error = may_view(&client, "roadmap").await.unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::Unknown, None));
    assert!(client.list_resources(token("alice"), "document", "viewer").await.is_err());
    assert_eq!(control("GET", "/redirecting/followed").await, "0");
}

#[tokio::test]
async fn a_connection_that_is_cut_is_unavailable_until_it_can_be_made_again() {
    let _alone = alone().await;
    let client = client(&environment().proxied);
    until("it answers", async || may_view(&client, "roadmap").await.is_ok_and(|allowed| allowed)).await;
    during("/server/cut", async {
        for _ in 0..3 {
            assert_eq!(may_view(&client, "roadmap").await.unwrap_err().code(), Code::Unavailable);
        }
        let list = client.list_resources(token("alice"), "document", "viewer").await;
        assert_eq!(list.unwrap_err().code(), Code::Unavailable);
    })
    .await;
    until("it answers again", async || may_view(&client, "roadmap").await.is_ok_and(|allowed| allowed)).await;
}

#[tokio::test]
async fn a_connection_that_stalls_is_left_at_the_deadline() {
    let _alone = alone().await;
    let client = Client::builder(&environment().proxied, key("checker"))
        .plaintext()
        .decision_timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    until("it answers", async || may_view(&client, "roadmap").await.is_ok_and(|allowed| allowed)).await;
    during("/server/stall", async {
        for _ in 0..3 {
            assert_eq!(may_view(&client, "roadmap").await.unwrap_err().code(), Code::DeadlineExceeded);
        }
    })
    .await;
    until("it answers again", async || may_view(&client, "roadmap").await.is_ok_and(|allowed| allowed)).await;
}

#[tokio::test]
async fn without_openfga_there_is_no_decision_but_dead_tokens_stay_dead() {
    let _alone = alone().await;
    let client = client(&environment().endpoint);
    during("/openfga/cut", async {
        let error = may_view(&client, "roadmap").await.unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::Unavailable, Some("OPENFGA_UNAVAILABLE")));

        let questions = ["alice", "revoked"].map(|alias| Question::new(token(alias), "document:roadmap", "viewer"));
        let mut answers = client.batch_check(questions).await.unwrap().into_iter();
        let error = answers.next().unwrap().unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::Unavailable, Some("OPENFGA_UNAVAILABLE")));
        assert_eq!(answers.next().unwrap().unwrap().reason, Reason::TokenRevoked);

        let together: Vec<_> = ["alice", "revoked", "alice"]
            .map(|alias| tokio::spawn(client.check(token(alias), "document:roadmap", "viewer").into_future()))
            .into();
        let mut outcomes = Vec::new();
        for check in together {
            outcomes.push(check.await.unwrap().map(|decision| decision.reason).map_err(|error| error.code()));
        }
        let undecided = Err(Code::Unavailable);
        assert_eq!(outcomes, [undecided, Ok(Reason::TokenRevoked), undecided]);

        let list = client.list_resources(token("alice"), "document", "viewer").await.unwrap_err();
        assert_eq!((list.code(), list.reason()), (Code::Unavailable, Some("OPENFGA_UNAVAILABLE")));
    })
    .await;
    until("it answers again", async || may_view(&client, "roadmap").await.is_ok_and(|allowed| allowed)).await;
}

#[tokio::test]
async fn when_openfga_stalls_there_is_no_decision() {
    let _alone = alone().await;
    let client = client(&environment().endpoint);
    during("/openfga/stall", async {
        let error = may_view(&client, "roadmap").await.unwrap_err();
        assert!(matches!(error.code(), Code::Unavailable | Code::DeadlineExceeded), "{error:?}");
    })
    .await;
    until("it answers again", async || may_view(&client, "roadmap").await.is_ok_and(|allowed| allowed)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_under_load_costs_retryable_errors_and_no_wrong_answer() {
    let _alone = alone().await;
    let client = Client::builder(&environment().endpoint, key("checker")).plaintext().build().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let (client, stop, answered) = (client.clone(), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                let document = if n % 2 == 0 { "roadmap" } else { "payroll" };
                let mut after_last_error = 0;
                while !stop.load(Ordering::Relaxed) {
                    match may_view(&client, document).await {
                        Ok(allowed) => {
                            assert_eq!(allowed, document == "roadmap");
                            answered.fetch_add(1, Ordering::Relaxed);
                            after_last_error += 1;
                        }
                        Err(error) => {
                            assert!(matches!(error.code(), Code::Unavailable | Code::DeadlineExceeded), "{error:?}");
                            after_last_error = 0;
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                }
                after_last_error
            })
        })
        .collect();
    let more = |count: usize| {
        let goal = answered.load(Ordering::Relaxed) + count;
        let answered = Arc::clone(&answered);
        async move { until("many are answered", async || answered.load(Ordering::Relaxed) >= goal).await }
    };
    more(500).await;
    control("POST", "/restart").await;
    more(2000).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        assert!(task.await.unwrap() > 0, "a caller that is not answered any more");
    }
}
