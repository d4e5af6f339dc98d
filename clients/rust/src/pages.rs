//! Lists that come in pages.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::stream::{self, TryStreamExt};
use tonic::Status;

use crate::error::Error;

/// The entries of all pages. Each page is fetched when the one before is used up. It ends with the first error.
#[must_use = "nothing is fetched until it is polled"]
pub struct Pages<T>(Pin<Box<dyn Stream<Item = Result<T, Error>> + Send>>);

impl<T: Send + 'static> Pages<T> {
    /// `fetch` returns the entries of a page and the token of the next one, which is empty on the last page.
    pub(crate) fn new<F>(first: String, fetch: impl FnMut(String) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(Vec<T>, String), Status>> + Send + 'static,
    {
        let mut fetch = fetch;
        let pages = stream::try_unfold(Some(first), move |page_token| {
            let page = page_token.map(&mut fetch);
            async move {
                let Some(page) = page else { return Ok(None) };
                let (entries, next) = page.await?;
                let entries = stream::iter(entries.into_iter().map(Ok::<T, Error>));
                Ok::<_, Error>(Some((entries, (!next.is_empty()).then_some(next))))
            }
        });
        Self(Box::pin(pages.try_flatten()))
    }
}

impl<T> Stream for Pages<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl<T> std::fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}
