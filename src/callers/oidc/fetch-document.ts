const maxDocumentBytes = 262_144;

/** A fetched JSON object with its ETag. */
export interface FetchedDocument {
  readonly document: Readonly<Record<string, unknown>>;
  readonly etag: string | undefined;
}

type Headers = Readonly<Record<string, string>>;

/**
 * Fetches a JSON object of at most 256 KiB. Throws for any other response. The error names the status but contains no
 * part of the document.
 */
export async function fetchDocument(address: string, signal: AbortSignal): Promise<FetchedDocument["document"]> {
  return (await documentOf(await request(address, signal))).document;
}

/** Fetches like `fetchDocument`. Returns undefined when the document still has this ETag (RFC 9110 §13.1.2). */
export async function fetchIfChanged(
  address: string,
  signal: AbortSignal,
  etag: string | undefined,
  headers: Headers = {},
): Promise<FetchedDocument | undefined> {
  const condition = etag === undefined ? undefined : { "if-none-match": etag };
  const response = await request(address, signal, { ...headers, ...condition });
  return condition && response.status === 304 ? undefined : documentOf(response);
}

/** Sends a GET request. Redirects are errors: they could lead to a host that nobody configured. */
function request(address: string, signal: AbortSignal, headers?: Headers): Promise<Response> {
  return fetch(address, { redirect: "error", signal, headers: { accept: "application/json", ...headers } });
}

async function documentOf(response: Response): Promise<FetchedDocument> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the server answered ${response.status}`);
  }
  const document = parsed(await limitedText(response));
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new Error("the document is not a JSON object");
  }
  // The type was checked above.
  return { document: document as FetchedDocument["document"], etag: response.headers.get("etag") ?? undefined };
}

/** Returns undefined for text that is not JSON: the parser's error would quote the text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function limitedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxDocumentBytes) throw new Error("the document is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
