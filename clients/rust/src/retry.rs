//! Retries. tonic has no gRPC service config, so this is its retry policy, as in gRFC A6: UNAVAILABLE only, with
//! exponential backoff, and throttled for the whole client.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Status};

use crate::sync::lock;

/// The most attempts of one call, including the first.
pub(crate) const MAX_ATTEMPTS: u32 = 4;
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(1);
const MAX_TOKENS: f64 = 10.0;
const TOKEN_RATIO: f64 = 0.1;

pub(crate) struct Retry {
    max_attempts: u32,
    throttle: Throttle,
}

impl Retry {
    pub(crate) fn new(max_attempts: u32) -> Self {
        Self { max_attempts, throttle: Throttle(Mutex::new(MAX_TOKENS)) }
    }

    /// Counts the outcome of each attempt.
    pub(crate) fn throttle(&self) -> &Throttle {
        &self.throttle
    }

    /// Attempts until the outcome is not UNAVAILABLE, while the throttle permits it and the next attempt can begin
    /// before `deadline`.
    pub(crate) async fn run<T, F>(&self, deadline: Option<Instant>, mut attempt: impl FnMut() -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut ceiling = INITIAL_BACKOFF;
        for _ in 1..self.max_attempts {
            let status = match attempt().await {
                Err(status) if status.code() == Code::Unavailable => status,
                outcome => return outcome,
            };
            let next = Instant::now() + ceiling.mul_f64(0.8 + 0.4 * fastrand::f64());
            if !self.throttle.permits() || deadline.is_some_and(|deadline| next >= deadline) {
                return Err(status);
            }
            tokio::time::sleep_until(next).await;
            ceiling = (ceiling * 2).min(MAX_BACKOFF);
        }
        attempt().await
    }
}

/// Stops retries when more than one call in ten fails, and permits them again after successes.
pub(crate) struct Throttle(Mutex<f64>);

impl Throttle {
    pub(crate) fn count(&self, succeeded: bool) {
        let mut tokens = lock(&self.0);
        *tokens = if succeeded { (*tokens + TOKEN_RATIO).min(MAX_TOKENS) } else { (*tokens - 1.0).max(0.0) };
    }

    fn permits(&self) -> bool {
        *lock(&self.0) > MAX_TOKENS / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how often `retry` attempts a call with these outcomes, of which the last is repeated.
    async fn attempts(retry: &Retry, deadline: Option<Instant>, outcomes: &[Code]) -> (u32, Code) {
        let mut count = 0;
        let attempt = || {
            let code = outcomes[(count as usize).min(outcomes.len() - 1)];
            count += 1;
            std::future::ready(if code == Code::Ok { Ok(()) } else { Err(Status::new(code, "")) })
        };
        let outcome = retry.run(deadline, attempt).await;
        (count, outcome.map_or_else(|status| status.code(), |()| Code::Ok))
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_after_four_attempts() {
        let start = Instant::now();
        assert_eq!(attempts(&Retry::new(4), None, &[Code::Unavailable]).await, (4, Code::Unavailable));
        // 50 + 100 + 200 ms, each give or take a fifth.
        assert!((Duration::from_millis(280)..=Duration::from_millis(425)).contains(&start.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn ends_with_the_first_success() {
        let outcomes = [Code::Unavailable, Code::Unavailable, Code::Ok];
        assert_eq!(attempts(&Retry::new(4), None, &outcomes).await, (3, Code::Ok));
    }

    #[tokio::test(start_paused = true)]
    async fn makes_no_second_attempt_for_any_other_code() {
        for code in (1..=16).map(Code::from_i32).filter(|code| *code != Code::Unavailable) {
            assert_eq!(attempts(&Retry::new(4), None, &[code]).await, (1, code));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn begins_no_attempt_after_the_deadline() {
        let deadline = Instant::now() + Duration::from_millis(100);
        assert_eq!(attempts(&Retry::new(4), Some(deadline), &[Code::Unavailable]).await, (2, Code::Unavailable));
        assert!(Instant::now() < deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn the_throttle_closes_by_failures_and_opens_by_successes() {
        let retry = Retry::new(4);
        for _ in 0..5 {
            retry.throttle().count(false);
        }
        assert_eq!(attempts(&retry, None, &[Code::Unavailable]).await, (1, Code::Unavailable));
        for _ in 0..2 {
            retry.throttle().count(true);
        }
        assert_eq!(attempts(&retry, None, &[Code::Unavailable]).await, (4, Code::Unavailable));
    }
}
