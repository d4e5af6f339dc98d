#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod calls;
mod client;
mod coalesce;
mod decision;
mod error;
#[cfg(feature = "tower")]
mod guard;
mod key;
mod method;
mod pages;
mod resources;
mod retry;
mod secret;
mod sync;
mod transport;

pub use calls::{BatchCheck, Check, Introspect, ListResources, Question};
pub use client::{Client, ClientBuilder, IssuedToken};
pub use decision::Decision;
pub use error::{Error, FieldViolation};
#[cfg(feature = "tower")]
pub use guard::{Guard, GuardLayer, Guarded, Rejection, Route};
pub use key::ServiceKey;
pub use pages::Pages;
pub use pb::v1::{Consistency, Reason, RequestContext};
pub use resources::{ResourceStream, Resources};
pub use secret::{DEFAULT_BRAND, ParsedSecret, Secret, SecretKind, parse_secret};
pub use tonic::Code;
pub use transport::Transport;

/// The API as generated from its `.proto` files: all messages, and a stub for each service.
pub mod pb {
    /// Package `patwarden.v1`.
    #[allow(missing_docs, clippy::all, rustdoc::all)]
    pub mod v1 {
        include!("pb/patwarden.v1.rs");
    }
}
