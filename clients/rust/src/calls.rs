//! Calls: made by a method of the client, completed by chained methods, sent by `.await`.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use prost::Message;
use tokio::time::Instant;
use tonic::Request;

use crate::client::Client;
use crate::coalesce::{self, Answer, MAX_BYTES, MAX_ITEMS};
use crate::decision::Decision;
use crate::error::Error;
use crate::pb::v1::{
    BatchCheckItem, BatchCheckRequest, CheckRequest, Consistency, IntrospectRequest, IntrospectResponse,
    ListResourcesRequest, RequestContext,
};
use crate::resources::ResourceStream;
use crate::secret::{Secret, kind_of};

type Sent<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// The most calls at a time of a batch that needs several.
const MAX_CALLS: usize = 4;

/// One question of [`Client::batch_check`].
#[derive(Clone, PartialEq)]
pub struct Question(BatchCheckItem);

impl Question {
    /// Asks whether the bearer of `token` may do `action` on `resource`.
    pub fn new(token: impl Into<Secret>, resource: impl Into<String>, action: impl Into<String>) -> Self {
        Self(BatchCheckItem {
            token: token.into().into_exposed(),
            resource: resource.into(),
            action: action.into(),
            ..Default::default()
        })
    }

    /// As [`Check::client_ip`].
    pub fn client_ip(mut self, address: IpAddr) -> Self {
        self.0.context.get_or_insert_default().client_ip = address.to_string();
        self
    }

    /// As [`Check::context`].
    pub fn context(mut self, context: RequestContext) -> Self {
        self.0.context = Some(context);
        self
    }

    /// As [`Check::consistency`].
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.0.set_consistency(consistency);
        self
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("token", &Secret::from(&self.0.token))
            .field("resource", &self.0.resource)
            .field("action", &self.0.action)
            .field("context", &self.0.context)
            .field("consistency", &self.0.consistency())
            .finish()
    }
}

/// A call that is sent when it is awaited, see [`Client::check`].
#[must_use = "nothing is asked until it is awaited"]
pub struct Check {
    client: Client,
    request: CheckRequest,
    timeout: Option<Duration>,
}

impl Check {
    pub(crate) fn new(client: &Client, token: Secret, resource: String, action: String) -> Self {
        let request = CheckRequest { token: token.into_exposed(), resource, action, ..Default::default() };
        Self { client: client.clone(), request, timeout: None }
    }

    /// Sets the bearer's address. Default: unknown, and tokens that are limited to networks are refused. Take it from
    /// the connection, or from a header that a proxy of yours sets.
    pub fn client_ip(mut self, address: IpAddr) -> Self {
        self.request.context.get_or_insert_default().client_ip = address.to_string();
        self
    }

    /// Sets all that is known about the bearer's request: address and billing. Replaces [`client_ip`](Self::client_ip).
    pub fn context(mut self, context: RequestContext) -> Self {
        self.request.context = Some(context);
        self
    }

    /// Sets how fresh the answer must be. Default: the operator's caches may answer.
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.request.set_consistency(consistency);
        self
    }

    /// Sets the names of the token's claims to return, at most 32; `*` alone means all. Default none. Such a Check is
    /// not coalesced.
    pub fn claims(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.request.claims = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the timeout, which includes retries. Default:
    /// [`ClientBuilder::decision_timeout`](crate::ClientBuilder::decision_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn send(self) -> Result<Decision, Error> {
        let Self { client, request, timeout } = self;
        // An empty token is a mistake of the caller, not of the bearer: the server reports it.
        if !request.token.is_empty() && kind_of(&request.token, client.brand()).is_none() {
            return Ok(Decision::malformed());
        }
        let answer = match client.coalescer().filter(|_| request.claims.is_empty()) {
            None => {
                let reply = client.authorization().check(within(timeout, request)).await?;
                reply.into_inner().try_into()
            }
            Some(coalescer) => {
                let CheckRequest { token, resource, action, context, consistency, .. } = request;
                let item = BatchCheckItem { token, resource, action, context, consistency };
                let deadline = deadline(&client, timeout);
                client.transport_ref().retry().run(Some(deadline), || coalescer.ask(item.clone(), deadline)).await
            }
        };
        Ok(answer?)
    }
}

impl IntoFuture for Check {
    type Output = Result<Decision, Error>;
    type IntoFuture = Sent<Decision>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A call that is sent when it is awaited, see [`Client::batch_check`].
#[must_use = "nothing is asked until it is awaited"]
pub struct BatchCheck {
    client: Client,
    questions: Vec<Question>,
    timeout: Option<Duration>,
}

impl BatchCheck {
    pub(crate) fn new(client: &Client, questions: Vec<Question>) -> Self {
        Self { client: client.clone(), questions, timeout: None }
    }

    /// As [`Check::timeout`], for all answers together.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn send(self) -> Result<Vec<Result<Decision, Error>>, Error> {
        let Self { client, questions, timeout } = self;
        let deadline = deadline(&client, timeout);
        let call = |items: Vec<BatchCheckItem>| {
            let client = client.clone();
            async move {
                let count = items.len();
                let request = BatchCheckRequest { items, ..Default::default() };
                let left = deadline.saturating_duration_since(Instant::now());
                let reply = client.authorization().batch_check(within(Some(left), request)).await?;
                coalesce::answers(reply.into_inner(), count)
            }
        };
        let answers: Vec<Vec<Answer>> =
            stream::iter(split(questions)).map(call).buffered(MAX_CALLS).try_collect().await?;
        Ok(answers.into_iter().flatten().map(|answer| answer.map_err(Error::from)).collect())
    }
}

impl IntoFuture for BatchCheck {
    type Output = Result<Vec<Result<Decision, Error>>, Error>;
    type IntoFuture = Sent<Vec<Result<Decision, Error>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Splits the items into at least one part, each of which fits into one call.
fn split(questions: Vec<Question>) -> Vec<Vec<BatchCheckItem>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = 0;
    for Question(item) in questions {
        let length = item.encoded_len();
        let part = parts.last_mut().expect("there is at least one");
        if !part.is_empty() && (part.len() == MAX_ITEMS || bytes + length > MAX_BYTES) {
            bytes = 0;
            parts.push(vec![item]);
        } else {
            part.push(item);
        }
        bytes += length;
    }
    parts
}

/// A call that is sent when it is awaited, see [`Client::list_resources`].
#[must_use = "nothing is asked until it is awaited"]
pub struct ListResources {
    client: Client,
    request: ListResourcesRequest,
    timeout: Option<Duration>,
}

impl ListResources {
    pub(crate) fn new(client: &Client, token: Secret, r#type: String, action: String) -> Self {
        let request = ListResourcesRequest { token: token.into_exposed(), r#type, action, ..Default::default() };
        Self { client: client.clone(), request, timeout: None }
    }

    /// As [`Check::client_ip`].
    pub fn client_ip(mut self, address: IpAddr) -> Self {
        self.request.context.get_or_insert_default().client_ip = address.to_string();
        self
    }

    /// As [`Check::context`]; billing has no effect here.
    pub fn context(mut self, context: RequestContext) -> Self {
        self.request.context = Some(context);
        self
    }

    /// As [`Check::consistency`].
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.request.set_consistency(consistency);
        self
    }

    /// Sets the timeout of the whole list. Default: none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn send(self) -> Result<ResourceStream, Error> {
        let reply = self.client.authorization().list_resources(within(self.timeout, self.request)).await?;
        ResourceStream::begin(reply.into_inner()).await
    }
}

impl IntoFuture for ListResources {
    type Output = Result<ResourceStream, Error>;
    type IntoFuture = Sent<ResourceStream>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A call that is sent when it is awaited, see [`Client::introspect`].
#[must_use = "nothing is asked until it is awaited"]
pub struct Introspect {
    client: Client,
    request: IntrospectRequest,
    timeout: Option<Duration>,
}

impl Introspect {
    pub(crate) fn new(client: &Client, token: Secret) -> Self {
        let request = IntrospectRequest { token: token.into_exposed(), ..Default::default() };
        Self { client: client.clone(), request, timeout: None }
    }

    /// As [`Check::client_ip`].
    pub fn client_ip(mut self, address: IpAddr) -> Self {
        self.request.context.get_or_insert_default().client_ip = address.to_string();
        self
    }

    /// As [`Check::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn send(self) -> Result<IntrospectResponse, Error> {
        Ok(self.client.authorization().introspect(within(self.timeout, self.request)).await?.into_inner())
    }
}

impl IntoFuture for Introspect {
    type Output = Result<IntrospectResponse, Error>;
    type IntoFuture = Sent<IntrospectResponse>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// The longest timeout; clocks and headers cannot hold much more.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

fn within<T>(timeout: Option<Duration>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(timeout) = timeout {
        request.set_timeout(timeout.min(LONGEST));
    }
    request
}

fn deadline(client: &Client, timeout: Option<Duration>) -> Instant {
    Instant::now() + timeout.unwrap_or(client.transport_ref().timeouts().decision).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(questions: Vec<Question>) -> Vec<usize> {
        split(questions).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_batch_is_split_by_count_and_by_size() {
        let small = Question::new("t", "document:1", "viewer");
        let large = Question::new("t", "x".repeat(MAX_BYTES / 2), "viewer");
        let huge = Question::new("t", "x".repeat(MAX_BYTES), "viewer");
        assert_eq!(lengths(vec![]), [0]);
        assert_eq!(lengths(vec![small.clone(); 500]), [500]);
        assert_eq!(lengths(vec![small.clone(); 1001]), [500, 500, 1]);
        assert_eq!(lengths(vec![large.clone(), small.clone(), large.clone(), large]), [2, 1, 1]);
        assert_eq!(lengths(vec![huge.clone(), huge, small]), [1, 1, 1]);
    }

    #[test]
    fn a_question_shows_no_token() {
        let token = "pw_pat_0000000000000000000000000000000000000000001428o0m";
        let shown = format!("{:?}", Question::new(token, "document:1", "viewer"));
        assert!(shown.contains("pw_pat_...8o0m") && !shown.contains(token), "{shown}");
    }
}
