/** Yields all pages of a list. `read` returns the page of a page token; the first is empty. */
export async function* allPages<P extends { readonly nextPageToken: string }>(
  read: (pageToken: string) => Promise<P>,
): AsyncGenerator<P, void> {
  for (let pageToken = ""; ; ) {
    const page = await read(pageToken);
    yield page;
    pageToken = page.nextPageToken;
    if (pageToken === "") return;
  }
}
