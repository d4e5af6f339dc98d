//! The answer to ListResources.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_core::Stream;
use tonic::{Status, Streaming};

use crate::error::Error;
use crate::pb::v1::{ListResourcesResponse, Reason};

/// The resources on which a token may act, `type:id`, in no order, as they arrive:
/// [`Client::list_resources`](crate::Client::list_resources).
///
/// It ends with the first error: the list is then incomplete.
#[derive(Debug)]
pub struct ResourceStream {
    reason: Reason,
    token_valid: bool,
    incomplete: bool,
    resources: vec::IntoIter<String>,
    /// `None` after the end.
    messages: Option<Streaming<ListResourcesResponse>>,
}

/// A whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resources {
    /// The resources, `type:id`, in no order.
    pub resources: Vec<String>,
    /// The list may lack entries because OpenFGA ran out of time or failed for some.
    pub incomplete: bool,
    /// As [`ResourceStream::reason`].
    pub reason: Reason,
    /// As [`Decision::token_valid`](crate::Decision::token_valid).
    pub token_valid: bool,
}

impl ResourceStream {
    pub(crate) async fn begin(mut messages: Streaming<ListResourcesResponse>) -> Result<Self, Error> {
        let first = messages.message().await?.filter(|first| first.reason != Reason::Unspecified as i32);
        let first = first.ok_or_else(|| Status::internal("the reply has no list"))?;
        Ok(Self {
            reason: first.reason(),
            token_valid: first.token_valid,
            incomplete: first.incomplete,
            resources: first.resources.into_iter(),
            messages: Some(messages),
        })
    }

    /// [`Reason::Allowed`] if the token can be used, even if the list is empty; otherwise why there is no list.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// As [`Decision::token_valid`](crate::Decision::token_valid).
    pub fn token_valid(&self) -> bool {
        self.token_valid
    }

    /// True, at the end of the stream, if the list may lack entries because OpenFGA ran out of time or failed for some.
    pub fn incomplete(&self) -> bool {
        self.incomplete
    }

    /// Collects the rest of the list.
    pub async fn into_list(mut self) -> Result<Resources, Error> {
        let mut resources: Vec<String> = self.resources.by_ref().collect();
        if let Some(mut messages) = self.messages.take() {
            while let Some(message) = messages.message().await? {
                self.incomplete |= message.incomplete;
                resources.extend(message.resources);
            }
        }
        Ok(Resources { resources, incomplete: self.incomplete, reason: self.reason, token_valid: self.token_valid })
    }
}

impl Stream for ResourceStream {
    type Item = Result<String, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(resource) = self.resources.next() {
                return Poll::Ready(Some(Ok(resource)));
            }
            let Some(messages) = &mut self.messages else { return Poll::Ready(None) };
            match ready!(Pin::new(messages).poll_next(cx)) {
                Some(Ok(message)) => {
                    self.incomplete |= message.incomplete;
                    self.resources = message.resources.into_iter();
                }
                Some(Err(status)) => {
                    self.messages = None;
                    return Poll::Ready(Some(Err(status.into())));
                }
                None => self.messages = None,
            }
        }
    }
}
