//! The client and its options.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use tonic::Status;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::calls::{BatchCheck, Check, Introspect, ListResources, Question};
use crate::coalesce::Coalescer;
use crate::error::{Error, invalid_option};
use crate::key::ServiceKey;
use crate::method::Timeouts;
use crate::pages::Pages;
use crate::pb::v1::audit_service_client::AuditServiceClient;
use crate::pb::v1::authorization_service_client::AuthorizationServiceClient;
use crate::pb::v1::policy_service_client::PolicyServiceClient;
use crate::pb::v1::self_service_client::SelfServiceClient;
use crate::pb::v1::subject_service_client::SubjectServiceClient;
use crate::pb::v1::token_service_client::TokenServiceClient;
use crate::pb::v1::usage_service_client::UsageServiceClient;
use crate::pb::v1::{
    AuditEvent, CreateTokenRequest, ListAuditEventsRequest, ListTokensRequest, QueryUsageRequest, RotateTokenRequest,
    Token, UsageRow,
};
use crate::retry::{MAX_ATTEMPTS, Retry};
use crate::secret::{DEFAULT_BRAND, Secret, is_brand};
use crate::transport::Transport;

const USER_AGENT: &str = concat!("patwarden-rust/", env!("CARGO_PKG_VERSION"));
/// For one connection, including TLS. Calls have their own timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// While calls are running, a connection that is silent for so long is pinged.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A client of one Patwarden deployment. Make one for the process: it is cheap to clone, connects with its first call
/// and reconnects by itself. It lives as long as its last clone and the Tokio runtime that it was made in.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    coalescer: Option<Arc<Coalescer>>,
    brand: Arc<str>,
}

impl Client {
    /// Makes a client with all defaults, and so with TLS, see [`builder`](Self::builder).
    pub fn new(endpoint: impl Into<String>, key: impl Into<ServiceKey>) -> Result<Self, Error> {
        Self::builder(endpoint, key).build()
    }

    /// Begins a client of the server at `endpoint`, `host:port`, with the service key `key`. Default: TLS with the
    /// system's roots.
    pub fn builder(endpoint: impl Into<String>, key: impl Into<ServiceKey>) -> ClientBuilder {
        ClientBuilder {
            endpoint: endpoint.into(),
            key: key.into(),
            ca_certificate: None,
            identity: None,
            plaintext: Plaintext::No,
            timeouts: Timeouts::default(),
            max_attempts: MAX_ATTEMPTS,
            coalescing: true,
            brand: DEFAULT_BRAND.to_owned(),
        }
    }

    /// Decides whether the bearer of `token` may do `action` on `resource`. A denial is a
    /// [`Decision`](crate::Decision); an [`Error`] means that none could be made. A malformed token is answered without
    /// a call.
    ///
    /// Checks that are made at the same moment are sent as one BatchCheck, unless they ask for claims.
    ///
    /// ```no_run
    /// # async fn run(client: patwarden::Client, token: &str, peer: std::net::IpAddr) -> Result<(), patwarden::Error> {
    /// let decision = client.check(token, "document:roadmap", "viewer").client_ip(peer).await?;
    /// let status = if decision.allowed { 200 } else if decision.token_valid { 403 } else { 401 };
    /// # Ok(()) }
    /// ```
    pub fn check(&self, token: impl Into<Secret>, resource: impl Into<String>, action: impl Into<String>) -> Check {
        Check::new(self, token.into(), resource.into(), action.into())
    }

    /// Makes many checks, and returns a decision or an error for each, in order. More than 500, or 200 KiB, need
    /// several calls, at most four at a time. It fails as a whole if one of these fails.
    ///
    /// ```no_run
    /// # async fn run(client: patwarden::Client, token: &str) -> Result<(), patwarden::Error> {
    /// use patwarden::Question;
    ///
    /// let documents = ["document:roadmap", "document:payroll"];
    /// let answers = client.batch_check(documents.map(|document| Question::new(token, document, "viewer"))).await?;
    /// for (document, answer) in documents.iter().zip(answers) {
    ///     println!("{document}: {}", answer?.allowed);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn batch_check(&self, questions: impl IntoIterator<Item = Question>) -> BatchCheck {
        BatchCheck::new(self, questions.into_iter().collect())
    }

    /// Lists the resources of a type on which the bearer of `token` may do `action`. The list is for display:
    /// [`check`](Self::check) before acting on an entry.
    ///
    /// ```no_run
    /// # async fn run(client: patwarden::Client, token: &str) -> Result<(), patwarden::Error> {
    /// let list = client.list_resources(token, "document", "viewer").await?.into_list().await?;
    /// println!("{:?}{}", list.resources, if list.incomplete { " and maybe more" } else { "" });
    /// # Ok(()) }
    /// ```
    pub fn list_resources(
        &self,
        token: impl Into<Secret>,
        r#type: impl Into<String>,
        action: impl Into<String>,
    ) -> ListResources {
        ListResources::new(self, token.into(), r#type.into(), action.into())
    }

    /// Returns the state of a token, without asking OpenFGA. Needs the caller permission `introspect`.
    pub fn introspect(&self, token: impl Into<Secret>) -> Introspect {
        Introspect::new(self, token.into())
    }

    /// Creates a token. No other reply has its secret, and the result does not print it.
    ///
    /// A retry makes no second token: a `request_id` is filled in if there is none.
    pub async fn create_token(&self, request: CreateTokenRequest) -> Result<IssuedToken, Error> {
        let reply = self.tokens().create_token(request).await?.into_inner();
        IssuedToken::new(reply.token, reply.secret)
    }

    /// Gives a token a new secret. It is retried like [`create_token`](Self::create_token).
    pub async fn rotate_token(&self, request: RotateTokenRequest) -> Result<IssuedToken, Error> {
        let reply = self.tokens().rotate_token(request).await?.into_inner();
        IssuedToken::new(reply.token, reply.secret)
    }

    /// Streams all tokens that match the request, newest first, from the page of its `page_token` on.
    ///
    /// ```no_run
    /// # async fn run(client: patwarden::Client) -> Result<(), patwarden::Error> {
    /// use futures_util::TryStreamExt;
    /// use patwarden::pb::v1::ListTokensRequest;
    ///
    /// let mut tokens = client.list_tokens(ListTokensRequest { subject: "user:alice".into(), ..Default::default() });
    /// while let Some(token) = tokens.try_next().await? {
    ///     println!("{} {}", token.id, token.name);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn list_tokens(&self, request: ListTokensRequest) -> Pages<Token> {
        let stub = self.tokens();
        Pages::new(request.page_token.clone(), move |page_token| {
            let (mut stub, request) = (stub.clone(), ListTokensRequest { page_token, ..request.clone() });
            async move {
                let page = stub.list_tokens(request).await?.into_inner();
                Ok((page.tokens, page.next_page_token))
            }
        })
    }

    /// Streams all audit events that match the request, newest first, from the page of its `page_token` on.
    pub fn list_audit_events(&self, request: ListAuditEventsRequest) -> Pages<AuditEvent> {
        let stub = self.audit();
        Pages::new(request.page_token.clone(), move |page_token| {
            let (mut stub, request) = (stub.clone(), ListAuditEventsRequest { page_token, ..request.clone() });
            async move {
                let page = stub.list_audit_events(request).await?.into_inner();
                Ok((page.events, page.next_page_token))
            }
        })
    }

    /// Streams all rows of usage, from the page of the request's `page_token` on.
    pub fn query_usage(&self, request: QueryUsageRequest) -> Pages<UsageRow> {
        let stub = self.usage();
        Pages::new(request.page_token.clone(), move |page_token| {
            let (mut stub, request) = (stub.clone(), QueryUsageRequest { page_token, ..request.clone() });
            async move {
                let page = stub.query_usage(request).await?.into_inner();
                Ok((page.rows, page.next_page_token))
            }
        })
    }

    /// The generated stub of AuthorizationService.
    pub fn authorization(&self) -> AuthorizationServiceClient<Transport> {
        AuthorizationServiceClient::new(self.transport())
    }

    /// The generated stub of TokenService. Its messages print their secrets; the results of
    /// [`create_token`](Self::create_token) and [`rotate_token`](Self::rotate_token) do not.
    pub fn tokens(&self) -> TokenServiceClient<Transport> {
        TokenServiceClient::new(self.transport())
    }

    /// The generated stub of SubjectService.
    pub fn subjects(&self) -> SubjectServiceClient<Transport> {
        SubjectServiceClient::new(self.transport())
    }

    /// The generated stub of PolicyService.
    pub fn policies(&self) -> PolicyServiceClient<Transport> {
        PolicyServiceClient::new(self.transport())
    }

    /// The generated stub of AuditService.
    pub fn audit(&self) -> AuditServiceClient<Transport> {
        AuditServiceClient::new(self.transport())
    }

    /// The generated stub of UsageService.
    pub fn usage(&self) -> UsageServiceClient<Transport> {
        UsageServiceClient::new(self.transport())
    }

    /// The generated stub of SelfService.
    pub fn self_service(&self) -> SelfServiceClient<Transport> {
        SelfServiceClient::new(self.transport())
    }

    /// The transport of the stubs, for stubs with other settings.
    pub fn transport(&self) -> Transport {
        self.transport.clone()
    }

    pub(crate) fn transport_ref(&self) -> &Transport {
        &self.transport
    }

    pub(crate) fn coalescer(&self) -> Option<&Arc<Coalescer>> {
        self.coalescer.as_ref()
    }

    pub(crate) fn brand(&self) -> &str {
        &self.brand
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A token and its secret, as made by [`Client::create_token`] and [`Client::rotate_token`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IssuedToken {
    /// The stored token, with defaults filled in.
    pub token: Token,
    /// The secret, which is never shown again. `None` after `validate_only`.
    pub secret: Option<Secret>,
}

impl IssuedToken {
    fn new(token: Option<Token>, secret: String) -> Result<Self, Error> {
        let token = token.ok_or_else(|| Status::internal("the reply has no token"))?;
        Ok(Self { token, secret: (!secret.is_empty()).then(|| secret.into()) })
    }
}

/// Where plaintext is allowed.
#[derive(Clone, Copy)]
enum Plaintext {
    No,
    Loopback,
    Anywhere,
}

/// Options of a [`Client`], begun by [`Client::builder`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    endpoint: String,
    key: ServiceKey,
    ca_certificate: Option<Certificate>,
    identity: Option<Identity>,
    plaintext: Plaintext,
    timeouts: Timeouts,
    max_attempts: u32,
    coalescing: bool,
    brand: String,
}

impl ClientBuilder {
    /// Trusts only this CA, in PEM. Default: the system's roots.
    pub fn ca_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.ca_certificate = Some(Certificate::from_pem(pem));
        self
    }

    /// Sets the client certificate, in PEM with the intermediate ones, and its private key in PEM. Default: none.
    pub fn client_certificate(mut self, certificate: impl AsRef<[u8]>, private_key: impl AsRef<[u8]>) -> Self {
        self.identity = Some(Identity::from_pem(certificate, private_key));
        self
    }

    /// Disables TLS, for this host only: `localhost`, 127.0.0.0/8 or `[::1]`. Other endpoints are refused. Default:
    /// TLS.
    pub fn plaintext(mut self) -> Self {
        self.plaintext = Plaintext::Loopback;
        self
    }

    /// Disables TLS for any server: the network can read the service key and every token, and change the answers.
    /// Default: TLS.
    pub fn dangerously_send_key_in_plaintext(mut self) -> Self {
        self.plaintext = Plaintext::Anywhere;
        self
    }

    /// Sets the timeout of Check, BatchCheck and Introspect, which includes retries. Default 1 s.
    pub fn decision_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.decision = timeout;
        self
    }

    /// Sets the timeout of other unary calls, which includes retries. Default 10 s.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.call = timeout;
        self
    }

    /// Sets the most attempts of a call while the server is UNAVAILABLE. Default 4; 1 disables retries.
    ///
    /// Retried are AuthorizationService, reads, revocations, and CreateToken and RotateToken with their `request_id`,
    /// after about 50, 100 and 200 ms, within the timeout. There are no retries while more than one call in ten fails.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sends Checks that are made at the same moment as one BatchCheck. Default true.
    pub fn coalescing(mut self, coalescing: bool) -> Self {
        self.coalescing = coalescing;
        self
    }

    /// Sets the server's `tokens.brand`. Default `pw`. Tokens of another brand are answered as malformed, without a
    /// call.
    pub fn brand(mut self, brand: impl Into<String>) -> Self {
        self.brand = brand.into();
        self
    }

    /// Makes the client; it does not connect yet. Fails with INVALID_ARGUMENT for invalid options, and outside of a
    /// Tokio runtime.
    pub fn build(self) -> Result<Client, Error> {
        if !is_brand(&self.brand) {
            return Err(invalid_option("the brand must be 2 to 10 of a-z and 0-9, a letter first"));
        }
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(invalid_option("a client must be made within a Tokio runtime"));
        }
        let endpoint = self.endpoint()?;
        let retry = Retry::new(self.max_attempts);
        let transport = Transport::new(endpoint.connect_lazy(), self.key.try_into()?, retry, self.timeouts);
        let coalescer = self.coalescing.then(|| Coalescer::new(transport.clone()));
        Ok(Client { transport, coalescer, brand: self.brand.into() })
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        let authority: Authority = self.endpoint.parse().map_err(|_| not_an_endpoint())?;
        if authority.port().is_none() || authority.as_str().contains('@') {
            return Err(not_an_endpoint());
        }
        let scheme = match self.plaintext {
            Plaintext::No => "https",
            _ if self.ca_certificate.is_some() || self.identity.is_some() => {
                return Err(invalid_option("certificates are for TLS, and cannot be combined with plaintext"));
            }
            Plaintext::Loopback if !is_loopback(authority.host()) => {
                return Err(invalid_option("plaintext is for this host only, and the endpoint is not: use TLS"));
            }
            Plaintext::Loopback | Plaintext::Anywhere => "http",
        };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))
            .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
            .map_err(|_| not_an_endpoint())?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        match self.plaintext {
            Plaintext::No => endpoint.tls_config(self.tls()?).map_err(bad_tls),
            Plaintext::Loopback | Plaintext::Anywhere => Ok(endpoint),
        }
    }

    fn tls(&self) -> Result<ClientTlsConfig, Error> {
        let tls = ClientTlsConfig::new().timeout(CONNECT_TIMEOUT);
        let tls = match &self.ca_certificate {
            Some(certificate) => tls.ca_certificate(certificate.clone()),
            None if cfg!(any(feature = "tls-native-roots", feature = "tls-webpki-roots")) => tls.with_enabled_roots(),
            None => return Err(invalid_option("TLS needs a CA certificate, or a feature with roots")),
        };
        Ok(match &self.identity {
            Some(identity) => tls.identity(identity.clone()),
            None => tls,
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("key", &self.key).finish_non_exhaustive()
    }
}

fn not_an_endpoint() -> Error {
    invalid_option("the endpoint must be host:port")
}

fn bad_tls(error: tonic::transport::Error) -> Error {
    let mut status = Status::invalid_argument("cannot use the certificates or keys for TLS");
    status.set_source(Arc::new(error));
    status.into()
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
