//! A guard for routes of axum and other servers with tower layers.

use std::error::Error as StdError;
use std::fmt;
use std::mem;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::client::Client;
use crate::decision::Decision;
use crate::error::Error;
use crate::pb::v1::Reason;
use crate::secret::Secret;

type BoxError = Box<dyn StdError + Send + Sync>;
type ClientIp = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;
type Verifier = dyn Fn(Secret, Route) -> Pin<Box<dyn Future<Output = Result<Decision, BoxError>> + Send>> + Send + Sync;

/// The permission that a request needs: `action` on `resource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The OpenFGA object, `document:roadmap`.
    pub resource: String,
    /// The OpenFGA relation, `viewer`.
    pub action: String,
}

impl Route {
    /// Needs `action` on `resource`.
    pub fn new(resource: impl Into<String>, action: impl Into<String>) -> Self {
        Self { resource: resource.into(), action: action.into() }
    }
}

/// Allows only permitted requests, whose extensions then hold the [`Decision`]. Others are answered 401 without a valid
/// credential, 403 if it does not allow this, 404 for an id that can never exist, and 503 if no decision could be made.
///
/// The credential is read from `Authorization: Bearer`, `X-API-Key`, or the password of `Authorization: Basic` with any
/// user name; never from the query. The same one may be sent in several of them. Two different ones are a 401.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use patwarden::{Decision, Guard, Route};
///
/// fn app(client: patwarden::Client) -> Router {
///     let guard = Guard::new(client);
///     Router::new()
///         .route("/documents/{id}", get(async |Extension(b): Extension<Decision>| b.subject.unwrap_or_default()))
///         .route_layer(guard.layer(|request| {
///             let id = request.uri.path().strip_prefix("/documents/")?;
///             Some(Route::new(format!("document:{id}"), "viewer"))
///         }))
/// }
/// ```
#[derive(Clone)]
pub struct Guard {
    client: Client,
    realm: Arc<str>,
    client_ip: Option<Arc<ClientIp>>,
    verifier: Option<Arc<Verifier>>,
    explain_invalid_token: bool,
}

impl Guard {
    /// A guard that checks by `client`.
    pub fn new(client: Client) -> Self {
        Self { client, realm: "patwarden".into(), client_ip: None, verifier: None, explain_invalid_token: false }
    }

    /// Sets the realm of challenges, printable ASCII; quotes, backslashes and other characters are removed. Default
    /// `patwarden`.
    pub fn realm(mut self, realm: &str) -> Self {
        self.realm =
            realm.chars().filter(|&c| matches!(c, ' '..='~') && c != '"' && c != '\\').collect::<String>().into();
        self
    }

    /// Sets how to read the bearer's address. Default: unknown, and tokens that are limited to networks are refused.
    /// Anybody can send headers such as `X-Forwarded-For`: read one only if a proxy of yours sets it.
    ///
    /// ```
    /// # fn guard(guard: patwarden::Guard) -> patwarden::Guard {
    /// use std::net::SocketAddr;
    /// use axum::extract::ConnectInfo;
    ///
    /// guard.client_ip(|request| Some(request.extensions.get::<ConnectInfo<SocketAddr>>()?.ip()))
    /// # }
    /// ```
    pub fn client_ip(mut self, client_ip: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.client_ip = Some(Arc::new(client_ip));
        self
    }

    /// Lets `verifier` decide about credentials without the prefix of Patwarden's tokens, such as the JWTs of web
    /// users: whether they are valid, and whether they allow the request. Its error is a 503. Default: such credentials
    /// are not valid.
    ///
    /// ```
    /// # async fn verify_jwt(jwt: &str) -> std::io::Result<Option<String>> { Ok(None) }
    /// # async fn ask_openfga(user: &str, route: &patwarden::Route) -> std::io::Result<bool> { Ok(false) }
    /// # fn guard(guard: patwarden::Guard) -> patwarden::Guard {
    /// use patwarden::Decision;
    ///
    /// guard.verifier(async |credential, route| {
    ///     let Some(user) = verify_jwt(credential.expose()).await? else { return Ok(Decision::invalid()) };
    ///     let allowed = ask_openfga(&user, &route).await?;
    ///     Ok::<_, std::io::Error>(if allowed { Decision::allowed(user) } else { Decision::not_permitted(user) })
    /// })
    /// # }
    /// ```
    pub fn verifier<F, E>(mut self, verifier: impl Fn(Secret, Route) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Decision, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.verifier = Some(Arc::new(move |credential, route| {
            let decision = verifier(credential, route);
            Box::pin(async move { decision.await.map_err(Into::into) })
        }));
        self
    }

    /// Adds a `reason` to the 401 for a token that exists but cannot be used, for example `TOKEN_EXPIRED` or
    /// `TOKEN_SUSPENDED`. Default false: a thief would learn which tokens were real, and which may become usable again.
    /// Unknown and malformed tokens are never told apart, nor is it told that a token works from other networks.
    pub fn explain_invalid_token(mut self, explain: bool) -> Self {
        self.explain_invalid_token = explain;
        self
    }

    /// Makes a layer for routes: `route` returns what a request needs. `None` is refused with 403.
    pub fn layer<R>(&self, route: R) -> GuardLayer<R>
    where
        R: Fn(&Parts) -> Option<Route> + Clone,
    {
        GuardLayer { guard: self.clone(), route }
    }

    /// Decides about a request in a handler, if only the handler knows what it needs.
    ///
    /// ```
    /// use axum::body::Body;
    /// use axum::http::request::Parts;
    /// use axum::response::Response;
    /// use patwarden::{Guard, Route};
    ///
    /// async fn delete(guard: Guard, request: &Parts, document: &str) -> Result<String, Response> {
    ///     let route = Route::new(document, "editor");
    ///     let bearer = guard.authorize(request, route).await.map_err(|rejection| rejection.into_response::<Body>())?;
    ///     Ok(format!("deleted by {:?}", bearer.subject))
    /// }
    /// ```
    pub async fn authorize(&self, request: &Parts, route: Route) -> Result<Decision, Rejection> {
        self.decide(request, Some(route)).await
    }

    async fn decide(&self, request: &Parts, route: Option<Route>) -> Result<Decision, Rejection> {
        let credential = match shown_in(&request.headers) {
            Shown::Nothing => return Err(self.unauthorized(SEND_ONE, "")),
            Shown::Unreadable => return Err(self.unauthorized(SEND_ONE, INVALID_REQUEST)),
            Shown::Credential(credential) => credential,
        };
        let Some(route) = route else { return Err(Rejection::new(StatusCode::FORBIDDEN, NOT_ALLOWED)) };
        if has_impossible_id(&route.resource) {
            return Err(Rejection::new(StatusCode::NOT_FOUND, "There is no such resource."));
        }
        let decision = self.ask(request, credential, route).await?;
        if !decision.token_valid {
            let reason =
                Some(decision.reason).filter(|reason| self.explain_invalid_token && EXPLAINED.contains(reason));
            let rejection = Rejection { reason: reason.map(name_of), ..self.unauthorized(NOT_VALID, INVALID_TOKEN) };
            return Err(Rejection { decision: Some(decision), ..rejection });
        }
        if !decision.allowed {
            let reason = Some(decision.reason).filter(|reason| *reason != Reason::Unspecified).map(name_of);
            let rejection = Rejection::new(StatusCode::FORBIDDEN, NOT_ALLOWED);
            return Err(Rejection { reason, decision: Some(decision), ..rejection });
        }
        Ok(decision)
    }

    async fn ask(&self, request: &Parts, credential: Secret, route: Route) -> Result<Decision, Rejection> {
        if let Some(verifier) = self.verifier.as_ref().filter(|_| !self.is_ours(&credential)) {
            let (shown, wanted) = (credential.clone(), route.clone());
            let decision = verifier(credential, route).await;
            return decision.map_err(|error| Rejection::undecided(Arc::from(error), &wanted, &shown));
        }
        let check = self.client.check(credential.clone(), &route.resource, &route.action);
        let check = match self.client_ip.as_ref().and_then(|client_ip| client_ip(request)) {
            Some(address) => check.client_ip(address),
            None => check,
        };
        check.await.map_err(|error: Error| Rejection::undecided(Arc::new(error), &route, &credential))
    }

    fn is_ours(&self, credential: &Secret) -> bool {
        credential.expose().strip_prefix(self.client.brand()).is_some_and(|rest| rest.starts_with('_'))
    }

    fn unauthorized(&self, detail: &'static str, error: &str) -> Rejection {
        let challenge = format!("Bearer realm=\"{}\"{error}", self.realm);
        let challenge = HeaderValue::try_from(challenge).expect("the realm is printable ASCII");
        Rejection { challenge: Some(challenge), ..Rejection::new(StatusCode::UNAUTHORIZED, detail) }
    }
}

const SEND_ONE: &str = "Send one token: as Authorization: Bearer, as X-API-Key or as the password of Basic.";
const NOT_VALID: &str = "The token is not valid: it may be incomplete, expired or revoked.";
const NOT_ALLOWED: &str = "The token does not allow this.";

/// RFC 6750 §3.1: the credential is unreadable or ambiguous.
const INVALID_REQUEST: &str = ", error=\"invalid_request\"";
const INVALID_TOKEN: &str = ", error=\"invalid_token\"";

/// Reasons for which a token cannot be used by anybody now. Others would help a thief.
const EXPLAINED: [Reason; 7] = [
    Reason::TokenExpired,
    Reason::TokenNotYetValid,
    Reason::TokenRevoked,
    Reason::TokenSuperseded,
    Reason::TokenSuspended,
    Reason::TokenPendingApproval,
    Reason::SubjectDisabled,
];

fn name_of(reason: Reason) -> String {
    reason.as_str_name().trim_start_matches("REASON_").to_owned()
}

/// Returns true if the part after the first colon, which comes from the bearer, can never be an id of the server. The
/// type before it comes from the host: an impossible one is its mistake, and a 503.
fn has_impossible_id(resource: &str) -> bool {
    let Some((kind, id)) = resource.split_once(':') else { return false };
    let is_type = kind.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte));
    let is_id = (1..=200).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./@+=~|".contains(&byte));
    is_type && (resource.len() > 256 || !is_id)
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// Why a request is not allowed. The response of the guard has it in its extensions, for layers outside of the guard.
#[derive(Clone, Debug)]
pub struct Rejection {
    status: StatusCode,
    detail: &'static str,
    reason: Option<String>,
    decision: Option<Decision>,
    error: Option<Arc<dyn StdError + Send + Sync>>,
    challenge: Option<HeaderValue>,
    retry_after: Option<HeaderValue>,
}

impl Rejection {
    fn new(status: StatusCode, detail: &'static str) -> Self {
        Self { status, detail, reason: None, decision: None, error: None, challenge: None, retry_after: None }
    }

    /// Logs one line with code, reason, request id and cause. A verifier may have put the credential into its error.
    fn undecided(error: Arc<dyn StdError + Send + Sync>, route: &Route, credential: &Secret) -> Self {
        let Route { resource, action } = route;
        let known = error.downcast_ref::<Error>();
        // The source of our own error is the gRPC status, which says the same.
        let cause = known.map_or_else(|| error.source(), |known| known.status().source());
        let cause = cause.map(|cause| format!("; cause: {cause}")).unwrap_or_default();
        let id = known.and_then(Error::request_id).map(|id| format!(" (request {id})")).unwrap_or_default();
        let why = format!("{error}{id}{cause}").replace(credential.expose(), "[redacted]");
        tracing::warn!(target: "patwarden", "no decision about {action} of {resource}: {why}");
        let delay = known.and_then(Error::retry_delay);
        let seconds = delay.map_or(1, |delay| delay.as_millis().div_ceil(1000).clamp(1, 3600) as u64);
        let reason = known.and_then(Error::reason).map(str::to_owned);
        let rejection = Self::new(StatusCode::SERVICE_UNAVAILABLE, "No decision could be made. Try again.");
        Self { reason, error: Some(error), retry_after: Some(seconds.into()), ..rejection }
    }

    /// 401, 403, 404 or 503.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The decision that the credential is not valid, or does not allow this. `None` if there is none. The body of the
    /// response tells the bearer less, see [`Guard::explain_invalid_token`].
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// Why there is no decision, with a 503: an [`Error`], or the error of the verifier.
    pub fn error(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.error.as_deref()
    }

    /// Makes the response, with `WWW-Authenticate` for a 401 and `Retry-After` for a 503. The body is
    /// `application/problem+json` (RFC 9457) with the reason of the decision or error.
    pub fn into_response<B: From<String>>(self) -> Response<B> {
        let mut response = Response::new(self.problem().into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in [(WWW_AUTHENTICATE, &self.challenge), (RETRY_AFTER, &self.retry_after)] {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
        response.extensions_mut().insert(self);
        response
    }

    /// The texts are ours and need no escape, and a reason that would need one is left out.
    fn problem(&self) -> String {
        let title = self.status.canonical_reason().unwrap_or_default();
        let is_name = |reason: &&String| reason.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let reason = self.reason.as_ref().filter(is_name).map(|reason| format!(r#","reason":"{reason}""#));
        format!(
            r#"{{"type":"about:blank","title":"{title}","status":{},"detail":"{}"{}}}"#,
            self.status.as_u16(),
            self.detail,
            reason.unwrap_or_default()
        )
    }
}

/// The layer of [`Guard::layer`].
#[derive(Clone, Debug)]
pub struct GuardLayer<R> {
    guard: Guard,
    route: R,
}

impl<S, R: Clone> Layer<S> for GuardLayer<R> {
    type Service = Guarded<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded { inner, guard: self.guard.clone(), route: self.route.clone() }
    }
}

/// A service behind a [`Guard`].
#[derive(Clone, Debug)]
pub struct Guarded<S, R> {
    inner: S,
    guard: Guard,
    route: R,
}

impl<S, R, RequestBody, ResponseBody> Service<Request<RequestBody>> for Guarded<S, R>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Future: Send,
    R: Fn(&Parts) -> Option<Route>,
    RequestBody: Send + 'static,
    ResponseBody: From<String>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        // Takes the service that was polled ready; its clone was not.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let guard = self.guard.clone();
        let (mut head, body) = request.into_parts();
        let route = (self.route)(&head);
        Box::pin(async move {
            match guard.decide(&head, route).await {
                Ok(decision) => {
                    head.extensions.insert(decision);
                    inner.call(Request::from_parts(head, body)).await
                }
                Err(rejection) => Ok(rejection.into_response()),
            }
        })
    }
}

enum Shown {
    Nothing,
    Credential(Secret),
    /// An unreadable credential, or different ones.
    Unreadable,
}

fn shown_in(headers: &HeaderMap) -> Shown {
    let authorizations = headers.get_all(AUTHORIZATION).iter().map(|value| in_authorization(value.to_str().ok()?));
    let api_keys = headers.get_all("x-api-key").iter().map(|value| Some(unless_empty(value.to_str().ok()?.trim())));
    let mut shown = Shown::Nothing;
    for credential in authorizations.chain(api_keys) {
        shown = match (credential, shown) {
            (Some(None), shown) => shown,
            (Some(Some(credential)), Shown::Nothing) => Shown::Credential(credential),
            (Some(Some(credential)), Shown::Credential(other)) if credential == other => Shown::Credential(other),
            _ => Shown::Unreadable,
        };
    }
    shown
}

/// Returns `None` for an unreadable credential, and `Some(None)` for none, or for another scheme.
fn in_authorization(value: &str) -> Option<Option<Secret>> {
    let (scheme, rest) = value.trim().split_once([' ', '\t']).unwrap_or((value.trim(), ""));
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return (!rest.contains([' ', '\t'])).then(|| unless_empty(rest));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
        return Some(unless_empty(pair.split_once(':')?.1));
    }
    Some(None)
}

fn unless_empty(text: &str) -> Option<Secret> {
    (!text.is_empty()).then(|| text.into())
}
