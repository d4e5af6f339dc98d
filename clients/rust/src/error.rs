//! The one error type.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every `google.rpc.ErrorInfo` of Patwarden.
pub(crate) const DOMAIN: &str = "patwarden.v1";

/// Why a call failed, so that there is no decision, neither yes nor no: answer 503.
///
/// Match on [`code`](Self::code) and [`reason`](Self::reason), not on the text. It contains no credential. Cloning is
/// cheap.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    status: Status,
    reason: Option<String>,
    metadata: HashMap<String, String>,
    field_violations: Vec<FieldViolation>,
    request_id: Option<String>,
    retry_delay: Option<Duration>,
}

/// A problem with one field of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldViolation {
    /// Path of the proto field, `grant.rules[0].actions[1]`. Empty for the whole message.
    pub field: String,
    /// The problem, in English.
    pub description: String,
}

impl Error {
    /// The gRPC code. The transport returns UNAVAILABLE when the server cannot be reached or the connection breaks, and
    /// DEADLINE_EXCEEDED after the timeout. This library returns UNAUTHENTICATED when the callback for the service key
    /// fails, INVALID_ARGUMENT for invalid options, and INTERNAL for an invalid reply.
    pub fn code(&self) -> Code {
        self.0.status.code()
    }

    /// The name of the `ErrorReason` without its prefix, `OPENFGA_UNAVAILABLE`. `None` when the error comes from the
    /// transport or this library, not from Patwarden.
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// A text for developers.
    pub fn message(&self) -> &str {
        self.0.status.message()
    }

    /// Details of the reason, such as `permission` for CALLER_FORBIDDEN, see `errors.proto`.
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.0.metadata
    }

    /// The invalid fields, for INVALID_ARGUMENT. Items of a batch have none.
    pub fn field_violations(&self) -> &[FieldViolation] {
        &self.0.field_violations
    }

    /// Finds the call in the server's log. Items of a batch have none.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The delay after which the server expects a retry to succeed, if it says so.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_delay
    }

    /// The gRPC status. Its `source` is the error of the transport.
    pub fn status(&self) -> &Status {
        &self.0.status
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN).cloned();
        let (reason, metadata) = match info {
            Some(info) => (Some(info.reason), info.metadata),
            None => (None, HashMap::new()),
        };
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        let field_violations = violations
            .iter()
            .map(|violation| FieldViolation {
                field: violation.field.clone(),
                description: violation.description.clone(),
            })
            .collect();
        let request_id = details
            .request_info()
            .map(|info| info.request_id.clone())
            .or_else(|| Some(status.metadata().get("x-request-id")?.to_str().ok()?.to_owned()))
            .filter(|id| !id.is_empty());
        let retry_delay = details.retry_info().and_then(|info| info.retry_delay);
        Self(Arc::new(Inner { status, reason, metadata, field_violations, request_id, retry_delay }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.code())?;
        if let Some(reason) = self.reason() {
            write!(f, " {reason}")?;
        }
        if !self.message().is_empty() {
            write!(f, ": {}", self.message())?;
        }
        for violation in self.field_violations() {
            write!(f, "; {}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.code())
            .field("reason", &self.0.reason)
            .field("message", &self.message())
            .field("metadata", &self.0.metadata)
            .field("field_violations", &self.0.field_violations)
            .field("request_id", &self.0.request_id)
            .field("retry_delay", &self.0.retry_delay)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0.status)
    }
}

/// Returns the status that a single call for the item of a batch would have had.
pub(crate) fn item_status(code: i32, reason: &str, message: &str) -> Status {
    let code = match Code::from_i32(code) {
        Code::Ok => Code::Unknown,
        code => code,
    };
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new()))
}

pub(crate) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("no answer within the timeout")
}

pub(crate) fn invalid_option(message: impl Into<String>) -> Error {
    Status::invalid_argument(message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_failed_with_the_code_of_success_is_an_error() {
        assert_eq!(item_status(0, "", "").code(), Code::Unknown);
    }

    #[test]
    fn a_reason_of_another_domain_is_none_of_ours() {
        let details = ErrorDetails::with_error_info("RATE_LIMITED", "proxy.example.com", HashMap::new());
        let error = Error::from(Status::with_error_details(Code::Unavailable, "", details));
        assert_eq!((error.code(), error.reason()), (Code::Unavailable, None));
    }

    #[test]
    fn details_that_are_damaged_leave_the_code() {
        let error = Error::from(Status::with_details(Code::PermissionDenied, "no", vec![0xff; 9].into()));
        assert_eq!((error.code(), error.reason(), error.message()), (Code::PermissionDenied, None, "no"));
    }

    #[test]
    fn shows_code_reason_text_and_fields() {
        let mut details = ErrorDetails::with_error_info("INVALID_FIELD", DOMAIN, HashMap::new());
        details.add_bad_request_violation("resource", "must be type:id");
        let error = Error::from(Status::with_error_details(Code::InvalidArgument, "bad", details));
        assert_eq!(error.to_string(), "InvalidArgument INVALID_FIELD: bad; resource: must be type:id");
    }
}
