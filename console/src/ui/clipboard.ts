/** Copies a text. Resolves to whether the browser has confirmed it; never throws. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Absent without TLS, or denied.
    return false;
  }
}
