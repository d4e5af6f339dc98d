//! A guard before routes of axum, or of anything else that takes tower layers.

use std::error::Error as StdError;
use std::fmt;
use std::mem;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::client::Client;
use crate::decision::Decision;
use crate::error::Error;
use crate::secret::Secret;

type BoxError = Box<dyn StdError + Send + Sync>;
type ClientIp = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;
type Verifier = dyn Fn(Secret, Route) -> Pin<Box<dyn Future<Output = Result<Decision, BoxError>> + Send>> + Send + Sync;

/// What a request wants: to do `action` to `resource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The OpenFGA object, `document:roadmap`.
    pub resource: String,
    /// The OpenFGA relation, `viewer`.
    pub action: String,
}

impl Route {
    /// To do `action` to `resource`.
    pub fn new(resource: impl Into<String>, action: impl Into<String>) -> Self {
        Self { resource: resource.into(), action: action.into() }
    }
}

/// Lets requests pass whose bearer may do what they want, and answers the others: 401 without a good credential, 403 when its bearer
/// may not, 503 when that cannot be told. What passes carries its [`Decision`] in the request's extensions.
///
/// The credential is read from `Authorization: Bearer`, from the password of `Authorization: Basic`, of any user name, and from
/// `X-API-Key`; never from the query. It may stand in more than one of them if it is the same. Two different ones are a 401.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use patwarden::{Decision, Guard, Route};
///
/// fn app(client: patwarden::Client) -> Router {
///     let guard = Guard::new(client);
///     Router::new()
///         .route("/documents/{id}", get(async |Extension(bearer): Extension<Decision>| bearer.subject.unwrap_or_default()))
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
}

impl Guard {
    /// A guard that asks by `client`.
    pub fn new(client: Client) -> Self {
        Self { client, realm: "patwarden".into(), client_ip: None, verifier: None }
    }

    /// The realm of challenges. Default `patwarden`. Of printable ASCII; quotes, backslashes and everything else is left out.
    pub fn realm(mut self, realm: &str) -> Self {
        self.realm =
            realm.chars().filter(|&c| matches!(c, ' '..='~') && c != '"' && c != '\\').collect::<String>().into();
        self
    }

    /// Where a request comes from. Default: unknown, which refuses tokens that are limited to networks. Headers such as
    /// `X-Forwarded-For` can be sent by anybody; read them only where a proxy of your own sets them.
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

    /// Hands credentials without the prefix of Patwarden's tokens, such as the JWTs of web users, to `verifier`, with what the request
    /// wants. It answers for both: whether the credential is good, and whether its bearer may. An error of it is a 503. Default: such
    /// credentials are no good.
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

    /// A layer before routes: `route` says what a request wants. `None` lets it pass by nobody, with 403.
    pub fn layer<R>(&self, route: R) -> GuardLayer<R>
    where
        R: Fn(&Parts) -> Option<Route> + Clone,
    {
        GuardLayer { guard: self.clone(), route }
    }

    /// Decides about a request within a handler, where what it wants is known only there.
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
            Shown::Nothing => return Err(self.unauthorized(None, "")),
            Shown::Unreadable => return Err(self.unauthorized(None, INVALID_REQUEST)),
            Shown::Credential(credential) => credential,
        };
        let Some(route) = route else { return Err(Rejection::new(StatusCode::FORBIDDEN)) };
        let decision = match &self.verifier {
            Some(verifier) if !self.is_ours(&credential) => {
                verifier(credential, route).await.map_err(|error| Rejection::undecided(Arc::from(error), None))?
            }
            _ => {
                let check = self.client.check(credential, route.resource, route.action);
                let check = match self.client_ip.as_ref().and_then(|client_ip| client_ip(request)) {
                    Some(address) => check.client_ip(address),
                    None => check,
                };
                check.await.map_err(|error: Error| {
                    let retry_delay = error.retry_delay();
                    Rejection::undecided(Arc::new(error), retry_delay)
                })?
            }
        };
        if !decision.token_valid {
            return Err(self.unauthorized(Some(decision), INVALID_TOKEN));
        }
        if !decision.allowed {
            return Err(Rejection { decision: Some(decision), ..Rejection::new(StatusCode::FORBIDDEN) });
        }
        Ok(decision)
    }

    fn is_ours(&self, credential: &Secret) -> bool {
        credential.expose().strip_prefix(self.client.brand()).is_some_and(|rest| rest.starts_with('_'))
    }

    fn unauthorized(&self, decision: Option<Decision>, error: &str) -> Rejection {
        let challenge = format!("Bearer realm=\"{}\"{error}", self.realm);
        let challenge = HeaderValue::try_from(challenge).expect("the realm is printable ASCII");
        Rejection { decision, challenge: Some(challenge), ..Rejection::new(StatusCode::UNAUTHORIZED) }
    }
}

/// RFC 6750 §3.1. It cannot be told which credential is meant, or what it is.
const INVALID_REQUEST: &str = ", error=\"invalid_request\"";
const INVALID_TOKEN: &str = ", error=\"invalid_token\"";

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// Why a request did not pass. It is in the extensions of the response that the guard makes, which has no body: a layer outside of the
/// guard can write one, and log the error.
#[derive(Clone, Debug)]
pub struct Rejection {
    status: StatusCode,
    decision: Option<Decision>,
    error: Option<Arc<dyn StdError + Send + Sync>>,
    challenge: Option<HeaderValue>,
    retry_after: Option<HeaderValue>,
}

impl Rejection {
    fn new(status: StatusCode) -> Self {
        Self { status, decision: None, error: None, challenge: None, retry_after: None }
    }

    fn undecided(error: Arc<dyn StdError + Send + Sync>, retry_delay: Option<Duration>) -> Self {
        let seconds = retry_delay.map_or(1, |delay| delay.as_millis().div_ceil(1000).clamp(1, 3600) as u64);
        Self { error: Some(error), retry_after: Some(seconds.into()), ..Self::new(StatusCode::SERVICE_UNAVAILABLE) }
    }

    /// 401, 403 or 503.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Why the credential is no good, or its bearer may not. `None` when nothing was asked, and with a 503. What of it the bearer may
    /// know is for you to say; strangers learn less from one answer for all.
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// Why there is no decision, with a 503: an [`Error`], or what the verifier returned.
    pub fn error(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.error.as_deref()
    }

    /// The response to it: `WWW-Authenticate` with a 401, `Retry-After` with a 503, no body.
    pub fn into_response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status;
        for (name, value) in [(WWW_AUTHENTICATE, &self.challenge), (RETRY_AFTER, &self.retry_after)] {
            if let Some(value) = value {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Made by [`Guard::layer`].
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
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        // The one that was polled ready goes along; its clone was not.
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
    /// Something that is no credential, or two that differ.
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

/// `None`: no credential can be read. `Some(None)`: none is shown, or one by a scheme that is not ours.
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
