//! What the transport must know about a method, by its path, so that it works for the generated stubs too.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use uuid::Uuid;

use crate::pb::v1::{CreateTokenRequest, RotateTokenRequest};

/// The default timeouts. Streams have none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// For Check, BatchCheck and Introspect.
    pub(crate) decision: Duration,
    /// For other unary calls.
    pub(crate) call: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { decision: Duration::from_secs(1), call: Duration::from_secs(10) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Method<'a> {
    service: &'a str,
    name: &'a str,
}

impl<'a> Method<'a> {
    /// `path` is `/patwarden.v1.TokenService/GetToken`.
    pub(crate) fn of(path: &'a str) -> Self {
        let (service, name) = path.trim_start_matches('/').rsplit_once('/').unwrap_or_default();
        Self { service, name }
    }

    fn decides(self) -> bool {
        self.service == "patwarden.v1.AuthorizationService"
    }

    /// Returns true if the reply has many messages. No request has.
    pub(crate) fn streams(self) -> bool {
        self.decides() && self.name == "ListResources"
    }

    pub(crate) fn timeout(self, timeouts: Timeouts) -> Option<Duration> {
        match self {
            method if method.streams() => None,
            method if method.decides() => Some(timeouts.decision),
            _ => Some(timeouts.call),
        }
    }

    /// Returns the request, and whether it is safe to retry: a read, a change that is the same when made twice, or one
    /// that the server recognizes by its `request_id`, which is filled in here. `frame` is the request as gRPC sends
    /// it.
    pub(crate) fn make_repeatable(self, frame: Bytes) -> (Bytes, bool) {
        match self.name {
            "CreateToken" => with_request_id::<CreateTokenRequest>(frame, |request| &mut request.request_id),
            "RotateToken" => with_request_id::<RotateTokenRequest>(frame, |request| &mut request.request_id),
            name => {
                let harmless = ["Get", "List", "Query", "Explain", "Revoke"].iter().any(|verb| name.starts_with(verb));
                (frame, self.decides() || harmless)
            }
        }
    }
}

/// The length of the compression flag and the message length.
const FRAME_HEADER: usize = 5;

fn with_request_id<M: Message + Default>(frame: Bytes, request_id: fn(&mut M) -> &mut String) -> (Bytes, bool) {
    let message = match frame.split_at_checked(FRAME_HEADER) {
        Some(([0, ..], message)) => M::decode(message),
        // A compressed request cannot be read.
        _ => return (frame, false),
    };
    let Ok(mut message) = message else { return (frame, false) };
    let id = request_id(&mut message);
    if !id.is_empty() {
        return (frame, true);
    }
    *id = Uuid::new_v4().to_string();
    let length = message.encoded_len();
    let Ok(length_field) = u32::try_from(length) else { return (frame, false) };
    let mut filled = BytesMut::with_capacity(FRAME_HEADER + length);
    filled.put_u8(0);
    filled.put_u32(length_field);
    filled.put(message.encode_to_vec().as_slice());
    (filled.freeze(), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(message: &impl Message) -> Bytes {
        let bytes = message.encode_to_vec();
        [&[0][..], &u32::try_from(bytes.len()).unwrap().to_be_bytes(), &bytes].concat().into()
    }

    #[test]
    fn every_method_is_repeated_or_not() {
        let repeated = [
            "AuthorizationService/Check",
            "AuthorizationService/BatchCheck",
            "AuthorizationService/ListResources",
            "AuthorizationService/Introspect",
            "TokenService/GetToken",
            "TokenService/ListTokens",
            "TokenService/GetTokenSummary",
            "TokenService/RevokeToken",
            "TokenService/RevokeTokens",
            "TokenService/RevokeSecret",
            "SubjectService/GetSubject",
            "SubjectService/ListSubjects",
            "PolicyService/GetPolicy",
            "AuditService/ListAuditEvents",
            "UsageService/QueryUsage",
            "SelfService/GetCaller",
            "SelfService/ListOrganizations",
            "SelfService/GetCatalog",
            "SelfService/GetCreationLimits",
            "SelfService/ListReachable",
            "SelfService/ExplainToken",
        ];
        let never = [
            "TokenService/UpdateToken",
            "TokenService/SuspendToken",
            "TokenService/ResumeToken",
            "TokenService/ApproveToken",
            "TokenService/DenyToken",
            "SubjectService/DisableSubject",
            "SubjectService/EnableSubject",
            "SubjectService/DeleteSubject",
            "PolicyService/UpdatePolicy",
            "PolicyService/DeletePolicy",
        ];
        for (methods, expected) in [(&repeated[..], true), (&never[..], false)] {
            for method in methods {
                let (_, repeatable) = Method::of(&format!("/patwarden.v1.{method}")).make_repeatable(Bytes::new());
                assert_eq!(repeatable, expected, "{method}");
            }
        }
    }

    #[test]
    fn a_request_id_is_filled_in_where_there_is_none() {
        let method = Method::of("/patwarden.v1.TokenService/CreateToken");
        let request = CreateTokenRequest { subject: "user:alice".into(), ..Default::default() };
        let (filled, repeatable) = method.make_repeatable(frame(&request));
        assert!(repeatable);
        let message = CreateTokenRequest::decode(&filled[FRAME_HEADER..]).unwrap();
        assert_eq!(filled, frame(&message));
        assert_eq!(Uuid::parse_str(&message.request_id).unwrap().get_version_num(), 4);
        assert_eq!(CreateTokenRequest { request_id: String::new(), ..message }, request);
    }

    #[test]
    fn a_request_id_of_the_caller_stays() {
        let method = Method::of("/patwarden.v1.TokenService/RotateToken");
        let sent = frame(&RotateTokenRequest { request_id: "mine".into(), ..Default::default() });
        assert_eq!(method.make_repeatable(sent.clone()), (sent, true));
    }

    #[test]
    fn what_cannot_be_read_is_sent_as_it_is_and_once() {
        let method = Method::of("/patwarden.v1.TokenService/CreateToken");
        for frame in [&b""[..], &[1, 0, 0, 0, 1, 9], &[0, 0, 0, 0, 1, 0xff]] {
            let frame = Bytes::from_static(frame);
            assert_eq!(method.make_repeatable(frame.clone()), (frame, false));
        }
    }

    #[test]
    fn streams_have_no_deadline_of_their_own() {
        let timeout = |path| Method::of(path).timeout(Timeouts::default());
        assert_eq!(timeout("/patwarden.v1.AuthorizationService/ListResources"), None);
        assert_eq!(timeout("/patwarden.v1.AuthorizationService/Check"), Some(Duration::from_secs(1)));
        assert_eq!(timeout("/patwarden.v1.TokenService/ListTokens"), Some(Duration::from_secs(10)));
    }
}
