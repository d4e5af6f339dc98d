//! Sends checks that are made at the same moment as one BatchCheck.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prost::Message;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tonic::{Code, Request, Status};

use crate::decision::Decision;
use crate::error::{deadline_exceeded, item_status};
use crate::pb::v1::authorization_service_client::AuthorizationServiceClient;
use crate::pb::v1::batch_check_result::Result as ItemResult;
use crate::pb::v1::{BatchCheckItem, BatchCheckRequest, BatchCheckResponse, CheckRequest};
use crate::sync::lock;
use crate::transport::{Once, Transport};

/// The most questions of one BatchCheck.
pub(crate) const MAX_ITEMS: usize = 500;
/// The most bytes of the questions of one BatchCheck, below the 256 KiB that the server accepts.
pub(crate) const MAX_BYTES: usize = 200 * 1024;
/// The most calls at a time. Checks that come meanwhile go into the next one.
const MAX_IN_FLIGHT: usize = 4;
/// A call that takes longer no longer counts: its answer may be lost, and other checks must not wait for it.
const STALLED: Duration = Duration::from_millis(500);

pub(crate) type Answer = Result<Decision, Status>;

pub(crate) struct Coalescer {
    transport: Transport,
    in_flight: Semaphore,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    questions: VecDeque<Question>,
    /// Whether a task is about to take them.
    gathering: bool,
}

struct Question {
    item: BatchCheckItem,
    deadline: Instant,
    asker: oneshot::Sender<Answer>,
}

impl Coalescer {
    pub(crate) fn new(transport: Transport) -> Arc<Self> {
        Arc::new(Self { transport, in_flight: Semaphore::new(MAX_IN_FLIGHT), waiting: Mutex::default() })
    }

    /// Asks once, together with the checks of the same moment, until `deadline`. Dropping the future does not disturb
    /// the others.
    pub(crate) async fn ask(self: &Arc<Self>, item: BatchCheckItem, deadline: Instant) -> Answer {
        let (asker, answer) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            waiting.questions.push_back(Question { item, deadline, asker });
            self.gather(&mut waiting);
        }
        match timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Status::internal("the call was dropped")),
            Err(_) => Err(deadline_exceeded()),
        }
    }

    fn gather(self: &Arc<Self>, waiting: &mut Waiting) {
        if waiting.gathering || waiting.questions.is_empty() {
            return;
        }
        waiting.gathering = true;
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let permit = this.in_flight.acquire().await;
            // Lets tasks that are ready to run ask first.
            tokio::task::yield_now().await;
            let mut call = pin!(this.call(this.take()));
            if timeout(STALLED, &mut call).await.is_err() {
                drop(permit);
                call.await;
            }
        });
    }

    /// Takes the questions of one call. The rest goes into the next one, which does not wait for this one.
    fn take(self: &Arc<Self>) -> Vec<Question> {
        let mut waiting = lock(&self.waiting);
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(question) = waiting.questions.front() {
            bytes += question.item.encoded_len();
            let full = batch.len() == MAX_ITEMS || bytes > MAX_BYTES;
            if full && !batch.is_empty() {
                break;
            }
            batch.extend(waiting.questions.pop_front().filter(|question| !question.asker.is_closed()));
        }
        waiting.gathering = false;
        self.gather(&mut waiting);
        batch
    }

    /// Ends early when no check waits for it any more.
    async fn call(&self, batch: Vec<Question>) {
        let Some(deadline) = batch.iter().map(|question| question.deadline).max() else { return };
        let (items, mut askers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|question| (question.item, question.asker)).unzip();
        let answers = {
            let abandoned = async {
                for asker in &mut askers {
                    asker.closed().await;
                }
            };
            tokio::select! {
                answers = self.answer(items, deadline) => answers,
                () = abandoned => return,
            }
        };
        for (asker, answer) in askers.into_iter().zip(answers) {
            // The receiver may be gone.
            let _ = asker.send(answer);
        }
    }

    /// Returns as many answers as items.
    async fn answer(&self, mut items: Vec<BatchCheckItem>, deadline: Instant) -> Vec<Answer> {
        let mut stub = AuthorizationServiceClient::new(self.transport.clone());
        let count = items.len();
        if count == 1 {
            let reply = stub.check(once(alone(items.remove(0)), deadline)).await;
            return vec![reply.and_then(|reply| reply.into_inner().try_into())];
        }
        let request = BatchCheckRequest { items, ..Default::default() };
        let answers = match stub.batch_check(once(request, deadline)).await {
            Ok(reply) => answers(reply.into_inner(), count).unwrap_or_else(|status| vec![Err(status); count]),
            Err(status) => return vec![Err(status); count],
        };
        // The call itself counted as a success.
        if answers.iter().any(|answer| matches!(answer, Err(status) if status.code() == Code::Unavailable)) {
            self.transport.retry().throttle().count(false);
        }
        answers
    }
}

/// Each check retries by itself, until its own deadline.
fn once<T>(message: T, deadline: Instant) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Once);
    request.set_timeout(deadline.saturating_duration_since(Instant::now()));
    request
}

fn alone(item: BatchCheckItem) -> CheckRequest {
    let BatchCheckItem { token, resource, action, context, consistency } = item;
    CheckRequest { token, resource, action, context, consistency, claims: Vec::new() }
}

/// Returns the answers to `count` items, in order.
pub(crate) fn answers(reply: BatchCheckResponse, count: usize) -> Result<Vec<Answer>, Status> {
    if reply.results.len() != count {
        return Err(Status::internal("the reply has another number of results than items"));
    }
    let answer = |result| match result {
        Some(ItemResult::Decision(decision)) => decision.try_into(),
        Some(ItemResult::Error(error)) => Err(item_status(error.code, &error.reason, &error.message)),
        None => Err(Status::internal("the reply lacks a result")),
    };
    Ok(reply.results.into_iter().map(|result| answer(result.result)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::v1::{BatchCheckResult, CheckError, CheckResponse, Reason};

    fn codes(results: Vec<Option<ItemResult>>, count: usize) -> Result<Vec<Code>, Code> {
        let results = results.into_iter().map(|result| BatchCheckResult { result }).collect();
        let answers = answers(BatchCheckResponse { results }, count).map_err(|status| status.code())?;
        Ok(answers.into_iter().map(|answer| answer.map_or_else(|status| status.code(), |_| Code::Ok)).collect())
    }

    #[test]
    fn a_reply_with_too_few_or_too_many_results_answers_nobody() {
        let allowed =
            CheckResponse { allowed: true, token_valid: true, reason: Reason::Allowed as i32, ..Default::default() };
        let result = Some(ItemResult::Decision(allowed));
        assert_eq!(codes(vec![result.clone()], 2), Err(Code::Internal));
        assert_eq!(codes(vec![result.clone(), result], 1), Err(Code::Internal));
    }

    #[test]
    fn a_result_that_is_neither_decision_nor_error_is_an_error() {
        let error = CheckError { code: 14, reason: "OPENFGA_UNAVAILABLE".into(), message: String::new() };
        let results = vec![None, Some(ItemResult::Error(error)), Some(ItemResult::Decision(CheckResponse::default()))];
        assert_eq!(codes(results, 3), Ok(vec![Code::Internal, Code::Unavailable, Code::Internal]));
    }
}
