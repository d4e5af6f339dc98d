//! The credential of the calling service.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderValue;
use tonic::Status;

use crate::error::{Error, invalid_option};
use crate::secret::Secret;

type Callback =
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<Secret, Box<dyn StdError + Send + Sync>>> + Send>> + Send + Sync;

/// The credential of the caller: a service key or the access token of a user. It is never printed.
#[derive(Clone)]
pub struct ServiceKey(Source);

#[derive(Clone)]
enum Source {
    Fixed(Secret),
    Callback(Arc<Callback>),
}

impl ServiceKey {
    /// Calls `callback` for the key of each call, within the call's timeout: cache a key that is expensive to get. If
    /// it fails, the call is not made and fails with UNAUTHENTICATED; the callback's error is the source of the status.
    ///
    /// ```
    /// # async fn read_key() -> std::io::Result<String> { Ok(String::new()) }
    /// let key = patwarden::ServiceKey::callback(|| async { read_key().await });
    /// ```
    pub fn callback<F, K, E>(callback: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<K, E>> + Send + 'static,
        K: Into<Secret>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self(Source::Callback(Arc::new(move || {
            let key = callback();
            Box::pin(async move { key.await.map(Into::into).map_err(Into::into) })
        })))
    }
}

impl<K: Into<Secret>> From<K> for ServiceKey {
    fn from(key: K) -> Self {
        Self(Source::Fixed(key.into()))
    }
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceKey(***)")
    }
}

/// Makes the value of the header `authorization`.
pub(crate) enum Authorization {
    Fixed(HeaderValue),
    Callback(Arc<Callback>),
}

impl TryFrom<ServiceKey> for Authorization {
    type Error = Error;

    fn try_from(ServiceKey(source): ServiceKey) -> Result<Self, Error> {
        match source {
            Source::Fixed(key) => Ok(Self::Fixed(bearer(&key).ok_or_else(|| {
                invalid_option("the service key must not be empty, and must not have characters such as line breaks")
            })?)),
            Source::Callback(callback) => Ok(Self::Callback(callback)),
        }
    }
}

impl Authorization {
    pub(crate) async fn header(&self) -> Result<HeaderValue, Status> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Callback(callback) => {
                let key = callback().await.map_err(|error| {
                    let mut status = Status::unauthenticated("the callback for the service key failed");
                    status.set_source(Arc::from(error));
                    status
                })?;
                bearer(&key)
                    .ok_or_else(|| Status::unauthenticated("the callback for the service key returned no valid key"))
            }
        }
    }
}

fn bearer(key: &Secret) -> Option<HeaderValue> {
    if key.expose().is_empty() {
        return None;
    }
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose())).ok()?;
    // Kept out of HPACK's dynamic table and of Debug.
    value.set_sensitive(true);
    Some(value)
}
