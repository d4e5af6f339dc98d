//! The transport of every call, also of the generated stubs: adds the service key and the deadline, retries, and checks
//! how replies end.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, request, response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status, TimeoutExpired};
use tower_service::Service;

use crate::error::deadline_exceeded;
use crate::key::Authorization;
use crate::method::{Method, Timeouts};
use crate::retry::Retry;

const TIMEOUT: &str = "grpc-timeout";
const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";
const REQUEST_ID: &str = "x-request-id";

/// The longest reply to a unary call, bytes: the server's longest message and the five bytes before it.
const MAX_REPLY: usize = 4 * 1024 * 1024 + 5;

/// The transport of the generated stubs, [`Client::transport`](crate::Client::transport). It adds the service key
/// unless the request has its own `authorization`, sets default timeouts, retries where that is safe, and fills in the
/// `request_id` of CreateToken and RotateToken. Cloning is cheap.
#[derive(Clone)]
pub struct Transport {
    channel: Channel,
    shared: Arc<Shared>,
}

struct Shared {
    authorization: Authorization,
    retry: Retry,
    timeouts: Timeouts,
}

/// An extension of requests that are not retried here, because their sender does it.
#[derive(Clone, Copy)]
pub(crate) struct Once;

impl Transport {
    pub(crate) fn new(channel: Channel, authorization: Authorization, retry: Retry, timeouts: Timeouts) -> Self {
        Self { channel, shared: Arc::new(Shared { authorization, retry, timeouts }) }
    }

    pub(crate) fn retry(&self) -> &Retry {
        &self.shared.retry
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.shared.timeouts
    }

    async fn send(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let (head, body) = request.into_parts();
        let method = Method::of(head.uri.path());
        let timeout = requested_timeout(&head.headers).or(method.timeout(self.timeouts()));
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        // No method accepts more than one message.
        let frame = body.collect().await?.to_bytes();
        let (frame, repeatable) = method.make_repeatable(frame);
        let repeats = repeatable && head.extensions.get::<Once>().is_none();
        let attempts = async {
            let head = self.authorize(head).await?;
            let attempt = || self.attempt(&head, &frame, deadline);
            if repeats { self.retry().run(deadline, attempt).await } else { attempt().await }
        };
        match deadline {
            Some(deadline) => timeout_at(deadline, attempts).await.unwrap_or_else(|_| Err(deadline_exceeded())),
            None => attempts.await,
        }
    }

    async fn authorize(&self, mut head: request::Parts) -> Result<request::Parts, Status> {
        if !head.headers.contains_key(AUTHORIZATION) {
            head.headers.insert(AUTHORIZATION, self.shared.authorization.header().await?);
        }
        Ok(head)
    }

    async fn attempt(
        &self,
        head: &request::Parts,
        frame: &Bytes,
        deadline: Option<Instant>,
    ) -> Result<Response<Body>, Status> {
        let outcome = self.exchange(head, frame, deadline).await;
        let failed = outcome.as_ref().is_err_and(|status| status.code() == Code::Unavailable);
        self.retry().throttle().count(!failed);
        outcome
    }

    async fn exchange(
        &self,
        head: &request::Parts,
        frame: &Bytes,
        deadline: Option<Instant>,
    ) -> Result<Response<Body>, Status> {
        let mut request = Request::from_parts(head.clone(), Body::new(Full::new(frame.clone())));
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            request.headers_mut().insert(TIMEOUT, timeout_header(left));
        }
        // A clone of a channel is not ready when its original is.
        let mut channel = self.channel.clone();
        poll_fn(|cx| channel.poll_ready(cx)).await.map_err(broken)?;
        let (reply, body) = channel.call(request).await.map_err(broken)?.into_parts();
        if Method::of(head.uri.path()).streams() {
            begun(reply, body, deadline).await
        } else {
            whole(reply, body).await
        }
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    /// Always ready: [`call`](Self::call) waits for the connection.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

/// Reads a reply to its end, so that all of its failures belong to the attempt.
async fn whole(mut head: response::Parts, body: Body) -> Result<Response<Body>, Status> {
    let collected = Limited::new(body, MAX_REPLY).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() { Status::resource_exhausted("the reply is too long") } else { broken(error) }
    })?;
    let mut trailers = collected.trailers().cloned();
    end_of(&mut head, trailers.as_mut())?;
    let trailers = std::future::ready(trailers.map(Ok));
    Ok(Response::from_parts(head, Body::new(Full::new(collected.to_bytes()).with_trailers(trailers))))
}

/// Reads a stream up to its first message, so that failures before it belong to the attempt.
async fn begun(mut head: response::Parts, mut body: Body, deadline: Option<Instant>) -> Result<Response<Body>, Status> {
    let ended = head.status != StatusCode::OK || head.headers.contains_key(STATUS);
    let (first, mut trailers) = loop {
        match body.frame().await.transpose().map_err(broken)?.map(Frame::into_data) {
            Some(Ok(message)) if message.is_empty() => {}
            Some(Ok(message)) => break (Some(message), None),
            Some(Err(frame)) => break (None, frame.into_trailers().ok()),
            None => break (None, None),
        }
    };
    let Some(first) = first.filter(|_| !ended) else {
        end_of(&mut head, trailers.as_mut())?;
        head.headers.insert(STATUS, HeaderValue::from_static("0"));
        return Ok(Response::from_parts(head, Body::empty()));
    };
    let request_id = head.headers.get(REQUEST_ID).cloned();
    let time_over = deadline.map(|deadline| Box::pin(sleep_until(deadline)));
    let messages = Messages { first: Some(first), body, time_over, request_id, ended: false };
    Ok(Response::from_parts(head, Body::new(messages)))
}

/// Returns how a reply ended. Without a status it is a failure, whatever it contains.
fn end_of(head: &mut response::Parts, trailers: Option<&mut HeaderMap>) -> Result<(), Status> {
    let request_id = head.headers.get(REQUEST_ID).cloned();
    let ends = [Some(&mut head.headers), trailers];
    let end = ends.into_iter().flatten().find(|headers| headers.contains_key(STATUS));
    let status = end.and_then(|end| {
        repair(end, request_id);
        Status::from_header_map(end)
    });
    match status {
        Some(status) if status.code() != Code::Ok => Err(status),
        Some(_) if head.status == StatusCode::OK => Ok(()),
        _ => Err(status_of_http(head.status)),
    }
}

/// Repairs trailers for tonic, which panics over details that are not base64, and replaces the code by UNKNOWN when the
/// message is not UTF-8.
fn repair(end: &mut HeaderMap, request_id: Option<HeaderValue>) {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    if end.get(DETAILS).is_some_and(|details| BASE64.decode(details).is_err()) {
        end.remove(DETAILS);
    }
    let code = end.get(STATUS).map(|code| Code::from_bytes(code.as_bytes()));
    if end.contains_key(MESSAGE) && Status::from_header_map(end).map(|status| status.code()) != code {
        end.remove(MESSAGE);
    }
    if let Some(id) = request_id {
        end.entry(REQUEST_ID).or_insert(id);
    }
}

/// Maps a reply without a gRPC status, as gRPC's doc/http-grpc-status-mapping.md says.
fn status_of_http(status: StatusCode) -> Status {
    let code = match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502..=504 => Code::Unavailable,
        _ => Code::Unknown,
    };
    Status::new(code, format!("HTTP {} without a gRPC status", status.as_u16()))
}

/// The connection failed or broke.
fn broken(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Status {
    let error: Arc<dyn StdError + Send + Sync> = Arc::from(error.into());
    let causes = || std::iter::successors(Some(&*error as &(dyn StdError + 'static)), |error| (**error).source());
    // tonic has its own timer for the timeout header.
    if causes().any(|cause| cause.is::<TimeoutExpired>()) {
        return deadline_exceeded();
    }
    let mut text = String::new();
    for cause in causes() {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    let mut status = Status::unavailable(text);
    status.set_source(error);
    status
}

/// Streams messages until the timeout, and repairs the trailers.
struct Messages {
    first: Option<Bytes>,
    body: Body,
    time_over: Option<Pin<Box<Sleep>>>,
    request_id: Option<HeaderValue>,
    ended: bool,
}

impl http_body::Body for Messages {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => frame.map(|frame| frame.map_err(broken)),
            Poll::Pending => {
                let Some(time_over) = &mut self.time_over else { return Poll::Pending };
                ready!(time_over.as_mut().poll(cx));
                Some(Err(deadline_exceeded()))
            }
        };
        let frame = frame.transpose().and_then(|frame| match frame.map(Frame::into_trailers) {
            Some(Err(frame)) => Ok(frame),
            Some(Ok(mut end)) if end.contains_key(STATUS) => {
                repair(&mut end, self.request_id.take());
                Ok(Frame::trailers(end))
            }
            _ => Err(status_of_http(StatusCode::OK)),
        });
        self.ended = !frame.as_ref().is_ok_and(Frame::is_data);
        Poll::Ready(Some(frame))
    }
}

fn requested_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?;
    let (value, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let value: u64 = value.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value.checked_mul(3600)?),
        "M" => Duration::from_secs(value.checked_mul(60)?),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

/// Formats a timeout for gRPC, which allows eight digits.
fn timeout_header(timeout: Duration) -> HeaderValue {
    let millis = timeout.as_millis();
    let text =
        if millis < 100_000_000 { format!("{millis}m") } else { format!("{}S", timeout.as_secs().min(99_999_999)) };
    HeaderValue::try_from(text).expect("digits and a letter")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(text: &str) -> Option<Duration> {
        requested_timeout(&HeaderMap::from_iter([(TIMEOUT.parse().unwrap(), HeaderValue::from_str(text).unwrap())]))
    }

    #[test]
    fn reads_timeouts_in_every_unit() {
        let cases =
            [("2H", 7200.0), ("3M", 180.0), ("4S", 4.0), ("5m", 0.005), ("6u", 0.000_006), ("7n", 0.000_000_007)];
        for (text, seconds) in cases {
            assert_eq!(timeout(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "S", "5", "-1S", "5 S", "1.5S", "99999999999999999999H"] {
            assert_eq!(timeout(text), None, "{text}");
        }
    }

    #[test]
    fn writes_timeouts_in_eight_digits() {
        for (duration, text) in [
            (Duration::ZERO, "0m"),
            (Duration::from_millis(1500), "1500m"),
            (Duration::from_secs(99_999), "99999000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::MAX, "99999999S"),
        ] {
            assert_eq!(timeout_header(duration), text);
        }
    }

    #[test]
    fn a_reply_without_a_status_did_not_end_well() {
        for (http, code) in
            [(200, Code::Unknown), (307, Code::Unknown), (401, Code::Unauthenticated), (503, Code::Unavailable)]
        {
            let (mut head, ()) = Response::builder().status(http).body(()).unwrap().into_parts();
            assert_eq!(end_of(&mut head, None).unwrap_err().code(), code, "{http}");
            assert_eq!(end_of(&mut head, Some(&mut HeaderMap::new())).unwrap_err().code(), code, "{http}");
        }
    }
}
