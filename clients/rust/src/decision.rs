//! The answer to a Check.

use std::collections::BTreeMap;
use std::time::SystemTime;

use tonic::Status;

use crate::pb::v1::{CheckResponse, Reason};

/// The answer to a Check: whether it is allowed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// True only if every step allowed the request.
    pub allowed: bool,
    /// Why. [`Reason::Unspecified`] is a reason that is newer than this library: use the other fields.
    pub reason: Reason,
    /// False: the token cannot be used (answer 401). True: it can, but perhaps not for this (answer 403).
    pub token_valid: bool,
    /// Who the token acts as, `user:alice`. Set whenever the token was recognized, also for refusals.
    pub subject: Option<String>,
    /// The public id of the token, `tok_…`. Set whenever the token was recognized.
    pub token_id: Option<String>,
    /// The organization that the token is bound to, or is.
    pub organization: Option<String>,
    /// When the token expires. `None` when it never expires or was not recognized.
    pub expire_time: Option<SystemTime>,
    /// The requested claims that the token has.
    pub claims: BTreeMap<String, String>,
}

impl Decision {
    /// Allows `subject`, for a host's own verifier of other credentials.
    pub fn allowed(subject: impl Into<String>) -> Self {
        Self { allowed: true, subject: Some(subject.into()), ..Self::new(Reason::Allowed, true) }
    }

    /// Denies `subject`, whose credential is valid, for a host's own verifier.
    pub fn not_permitted(subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..Self::new(Reason::NotPermitted, true) }
    }

    /// Rejects an invalid credential, for a host's own verifier.
    pub fn invalid() -> Self {
        Self::new(Reason::TokenUnknown, false)
    }

    /// The server's answer to a malformed token.
    pub(crate) fn malformed() -> Self {
        Self::new(Reason::TokenMalformed, false)
    }

    fn new(reason: Reason, token_valid: bool) -> Self {
        Self {
            allowed: false,
            reason,
            token_valid,
            subject: None,
            token_id: None,
            organization: None,
            expire_time: None,
            claims: BTreeMap::new(),
        }
    }
}

impl TryFrom<CheckResponse> for Decision {
    type Error = Status;

    fn try_from(response: CheckResponse) -> Result<Self, Status> {
        // An empty message decodes as a denial.
        if response.reason == Reason::Unspecified as i32 || (response.allowed && !response.token_valid) {
            return Err(Status::internal("the reply has no decision"));
        }
        Ok(Self {
            allowed: response.allowed,
            reason: response.reason(),
            token_valid: response.token_valid,
            subject: unless_empty(response.subject),
            token_id: unless_empty(response.token_id),
            organization: unless_empty(response.organization),
            expire_time: response.expire_time.map(to_system_time).transpose()?,
            claims: response.claims,
        })
    }
}

fn unless_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn to_system_time(time: prost_types::Timestamp) -> Result<SystemTime, Status> {
    SystemTime::try_from(time).map_err(|_| Status::internal("the reply has an invalid time"))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn decide(response: CheckResponse) -> Result<Decision, Code> {
        Decision::try_from(response).map_err(|status| status.code())
    }

    #[test]
    fn a_message_without_a_reason_is_no_decision() {
        assert_eq!(decide(CheckResponse::default()), Err(Code::Internal));
        let allowed = CheckResponse { allowed: true, token_valid: true, ..Default::default() };
        assert_eq!(decide(allowed), Err(Code::Internal));
    }

    #[test]
    fn a_yes_for_a_token_that_is_no_good_is_no_decision() {
        let contradiction = CheckResponse { allowed: true, reason: Reason::TokenRevoked as i32, ..Default::default() };
        assert_eq!(decide(contradiction), Err(Code::Internal));
    }

    #[test]
    fn a_reason_that_is_not_known_leaves_the_rest() {
        let young = CheckResponse { reason: 9999, token_valid: true, ..Default::default() };
        let decision = decide(young).unwrap();
        assert_eq!((decision.allowed, decision.reason, decision.token_valid), (false, Reason::Unspecified, true));
    }
}
