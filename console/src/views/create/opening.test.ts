import { describe, expect, it } from "vitest";
import { memoryForms } from "../../app/kept-form.js";
import { formName, openingOf } from "./opening.js";
import { emptyForm } from "./token-form.js";

const hostOf = () => ({ forms: memoryForms(), organization: "organization:acme", template: "ci" });
const opened = (query: string, host = hostOf()) => openingOf(new URLSearchParams(query), "user:alice", host);

describe("the form of a new token starts", () => {
  it("with the host's organization and template", () => {
    expect(opened("")).toMatchObject({
      form: { subject: "user:alice", organization: "organization:acme", name: "" },
      kept: false,
      template: "ci",
    });
  });

  it("with the template of a link, which may also leave it to the host", () => {
    const link = opened("v=1&name=CI&template=read");
    expect(link).toMatchObject({ form: { name: "CI" }, template: "read", problems: [] });
    expect(opened("v=1&name=CI").template).toBe("ci");
  });

  it("without a template for a form like another token's", () => {
    expect(opened("from=tok_1")).toMatchObject({ template: "" });
  });

  it("with what was kept, once, and no template over it", () => {
    const host = hostOf();
    host.forms.keep(formName, { ...emptyForm("user:alice"), name: "kept" });
    expect(opened("", host)).toMatchObject({ form: { name: "kept", organization: "" }, kept: true, template: "" });
    expect(opened("", host)).toMatchObject({ form: { name: "" }, kept: false });
  });

  it("for the organization that the address names, bound to no other", () => {
    expect(opened("for=organization:b").form).toMatchObject({ subject: "organization:b", organization: "" });
  });
});
