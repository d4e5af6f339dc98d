import type { Page } from "../kit/browser.js";

/*
 * Steps that the tests of several views take, in English.
 */

/** Fills in a new token that may read the roadmap, on the page of a new token. */
export async function fillIn(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Add Documents" }).click();
  await page.getByRole("checkbox", { name: /^read/ }).check();
  const search = page.getByRole("combobox", { name: /^Search/ });
  await search.fill("roadmap");
  await search.press("Enter");
  await page.getByRole("button", { name: "Remove roadmap" }).waitFor();
}

/** Presses the button of the form. */
export const submit = (page: Page): Promise<void> => page.getByRole("button", { name: "Create token" }).click();

/** Waits until the secret of a token is offered. */
export const offered = (page: Page, name: string): Promise<void> =>
  page.getByRole("heading", { name: `Secret of ${name}` }).waitFor();

/** Makes a token on the page of a new token, up to the offer of its secret. */
export async function makeToken(page: Page, name: string): Promise<void> {
  await fillIn(page, name);
  await submit(page);
  await offered(page, name);
}

/** Shows the offered secret, reads it, and hides it again. */
export async function readSecret(page: Page): Promise<string> {
  const show = page.getByRole("button", { name: "Show secret" });
  await show.click();
  const secret = await page.getByRole("textbox", { name: /^Secret of/ }).inputValue();
  await show.click();
  return secret;
}

/** Shows the secret, says that it is stored, and leaves it. */
export async function finish(page: Page): Promise<void> {
  await readSecret(page);
  await page.getByRole("checkbox", { name: "I have stored the secret" }).check();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("navigation", { name: "Parts of the token" }).waitFor();
}
