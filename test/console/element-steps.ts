import type { Locator } from "../kit/browser.js";

/** Makes a token that may view document:roadmap, and returns its secret as the view shows it. */
export async function makeToken(element: Locator, name: string): Promise<string> {
  await fillForm(element, name);
  await element.getByRole("button", { name: "Create token" }).click();
  return readSecret(element, name);
}

/** Opens the form of a new token from the list, and fills it in. */
export async function fillForm(element: Locator, name: string): Promise<void> {
  await element.getByRole("button", { name: "New token" }).first().click();
  await element.getByLabel("Name", { exact: true }).fill(name);
  await element.getByRole("button", { name: "Add document" }).click();
  await element.getByLabel("viewer", { exact: true }).check();
  const resource = element.getByRole("combobox", { name: /^Search document/ });
  await resource.fill("roadmap");
  await resource.press("Enter");
  await element.getByRole("button", { name: "Remove roadmap" }).waitFor();
}

/** Shows the new secret of a token, returns it, and says that it is stored. */
export async function readSecret(element: Locator, name: string): Promise<string> {
  await element.getByRole("button", { name: "Show secret" }).click();
  const secret = await element.getByRole("textbox", { name: `Secret of ${name}` }).inputValue();
  await element.getByLabel("I have stored the secret").check();
  await element.getByRole("button", { name: "Done" }).click();
  return secret;
}

/** Gives the token whose view is open a new secret, and returns it. */
export async function rotateToken(element: Locator, name: string): Promise<string> {
  await element.getByRole("button", { name: "New secret" }).first().click();
  await element.getByRole("button", { name: "New secret" }).last().click();
  return readSecret(element, name);
}

/** Revokes the token whose view is open. */
export async function revokeToken(element: Locator, name: string): Promise<void> {
  await element.getByRole("button", { name: "Revoke", exact: true }).click();
  await element.getByLabel("Type the token's name to confirm").fill(name);
  await element.getByRole("button", { name: "Revoke token" }).click();
  await element.getByRole("dialog").getByText("Ended on every server.").waitFor();
  await element.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
}
