import type { FieldSink } from "../hpack/decoder.js";
import { type Field, names } from "../hpack/field.js";

const noFields: Field[] = [];

/**
 * The fields of one header block, checked while they arrive (RFC 9113 §8.2, §8.3): pseudo-fields, `content-length`,
 * `content-type` and `host` by name, all others in order.
 */
export class FieldList implements FieldSink {
  method: string | undefined = undefined;
  scheme: string | undefined = undefined;
  path: string | undefined = undefined;
  authority: string | undefined = undefined;
  status: string | undefined = undefined;
  host: string | undefined = undefined;
  contentType: string | undefined = undefined;
  /** Octets; -1 without the field. */
  contentLength = -1;
  /** All fields that have no place of their own above. */
  fields: Field[] = noFields;
  /** By the count of RFC 9113 §6.5.2. */
  size = 0;
  /** Whether the list was short enough; what came after the limit is not here. */
  isWhole = true;
  /** The first rule that was broken; such a message is malformed. */
  problem: string | undefined = undefined;
  #regularSeen = false;

  add(field: Field): void {
    this.size += field.size;
    if (!field.isValid) {
      this.#refuse("a field has a name or value that is not allowed");
    } else if (field.name.charCodeAt(0) === colon) {
      this.#addPseudo(field);
    } else {
      this.#regularSeen = true;
      this.#addRegular(field);
    }
  }

  /** Returns why this is no request, or undefined (RFC 9113 §8.3.1). */
  requestProblem(): string | undefined {
    if (this.problem !== undefined) return this.problem;
    // An excess may have left some out.
    if (!this.isWhole) return undefined;
    if (this.status !== undefined) return ":status in a request";
    if (this.method === undefined || this.scheme === undefined || this.path === undefined) return "no pseudo-field";
    if (this.method === "" || this.method === "CONNECT") return "bad :method";
    if (this.scheme !== "http" && this.scheme !== "https") return "bad :scheme";
    if (this.path.charCodeAt(0) !== slash && !(this.path === "*" && this.method === "OPTIONS")) return "bad :path";
    if (this.host !== undefined && this.authority !== undefined && this.host !== this.authority) {
      return "host and :authority differ";
    }
    return undefined;
  }

  /** Returns why this is no response, or undefined (RFC 9113 §8.3.2). */
  responseProblem(): string | undefined {
    if (this.problem !== undefined) return this.problem;
    if (this.method !== undefined || this.scheme !== undefined || this.path !== undefined) return "a request";
    if (this.authority !== undefined) return ":authority in a response";
    return this.status !== undefined && /^[1-9]\d\d$/.test(this.status) ? undefined : "bad :status";
  }

  /** Returns why these are no trailers, or undefined (RFC 9113 §8.1). */
  trailersProblem(): string | undefined {
    if (this.problem !== undefined) return this.problem;
    const { method, scheme, path, authority, status } = this;
    return (method ?? scheme ?? path ?? authority ?? status) === undefined ? undefined : "a pseudo-field in trailers";
  }

  #refuse(problem: string): void {
    this.problem ??= problem;
  }

  #addPseudo({ number, value }: Field): void {
    if (this.#regularSeen) this.#refuse("a pseudo-field after another field");
    switch (number) {
      case names.method:
        if (this.method !== undefined) this.#refuse("two :method");
        this.method = value;
        break;
      case names.scheme:
        if (this.scheme !== undefined) this.#refuse("two :scheme");
        this.scheme = value;
        break;
      case names.path:
        if (this.path !== undefined) this.#refuse("two :path");
        this.path = value;
        break;
      case names.authority:
        if (this.authority !== undefined) this.#refuse("two :authority");
        this.authority = value;
        break;
      case names.status:
        if (this.status !== undefined) this.#refuse("two :status");
        this.status = value;
        break;
      default:
        this.#refuse("an unknown pseudo-field");
    }
  }

  #addRegular(field: Field): void {
    const { value } = field;
    switch (field.number) {
      case names.connection:
      case names.keepAlive:
      case names.proxyConnection:
      case names.transferEncoding:
      case names.upgrade:
        this.#refuse("a field of HTTP/1.1 connections");
        break;
      case names.te:
        if (value !== "trailers") this.#refuse("te is not trailers");
        break;
      case names.host:
        if (this.host !== undefined) this.#refuse("two host");
        this.host = value;
        break;
      case names.contentLength:
        if (this.contentLength >= 0 || !/^\d{1,15}$/.test(value)) this.#refuse("bad content-length");
        else this.contentLength = Number(value);
        break;
      case names.contentType:
        // Nobody could tell which of two counts.
        if (this.contentType !== undefined) this.#refuse("two content-type");
        this.contentType = value;
        break;
      default:
        if (this.fields === noFields) this.fields = [];
        this.fields.push(field);
    }
  }
}

const colon = 0x3a;
const slash = 0x2f;
