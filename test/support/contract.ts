import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { RouterRoute } from 'hono/types';
import { errorsAnywhere, errorsWithKey, openApi } from '../../src/http/openapi.ts';

/** An answer as it came over the wire. */
export interface WireAnswer {
  readonly status: number;
  /** The header Content-Type; empty if there is none. */
  readonly type: string;
  /** Parsed if it is JSON; undefined for an empty body or one that is not read. */
  readonly body: unknown;
}

interface Described {
  readonly content?: Record<string, object>;
}

/** Validates answers against the OpenAPI document. It is compiled once for all tests of a process, as it is needed. */
class Contract {
  readonly #paths: Record<string, Record<string, { responses: Record<string, Described> }>>;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #addresses: readonly { readonly address: string; readonly pattern: RegExp }[];

  constructor(routes: readonly RouterRoute[]) {
    const document = JSON.parse(JSON.stringify(openApi(routes)));
    // A default export of CommonJS.
    (formats as unknown as typeof formats.default)(this.#ajv);
    this.#ajv.addSchema(document, 'api');
    this.#paths = document.paths;
    const parameters = (address: string) => address.split('{').length;
    this.#addresses = Object.keys(document.paths)
      .toSorted((a, b) => parameters(a) - parameters(b))
      .map((address) => ({ address, pattern: new RegExp(`^${address.replace(/\{\w+\}/g, '[^/]+')}$`) }));
  }

  /** What is wrong with an answer; undefined if nothing is. */
  faultOf(method: string, url: string, { status, type, body }: WireAnswer): string | undefined {
    const path = new URL(url, 'http://localhost').pathname.replace(/(.)\/$/, '$1');
    const address = this.#addresses.find(({ pattern }) => pattern.test(path))?.address;
    const asked = method === 'HEAD' ? 'get' : method.toLowerCase();
    const operation = address === undefined ? undefined : this.#paths[address]?.[asked];
    if (address === undefined || !operation)
      return this.#faultOfUnknown(method, path, { status, type, body });
    const listed = operation.responses[status] ? String(status) : 'default';
    const response = operation.responses[listed] as Described;
    if (listed === 'default' && status < 400) return `the document has no status ${status}`;
    const media = type.split(';')[0]?.trim() ?? '';
    if (!response.content)
      return type === '' ? undefined : `the document has no body, the answer is ${media}`;
    if (!response.content[media]) return `the document has no ${media} with status ${status}`;
    if (method === 'HEAD' || !media.endsWith('json')) return undefined;
    const place = ['paths', address, asked, 'responses', listed, 'content', media, 'schema'];
    return this.#faultOfBody(place, body);
  }

  /** What is wrong with a value of a schema that the document names. */
  faultOfValue(schema: string, value: unknown): string | undefined {
    return this.#faultOfBody(['components', 'schemas', schema], value);
  }

  #faultOfBody(place: readonly string[], body: unknown): string | undefined {
    const pointer = place.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
    const validate = this.#ajv.getSchema(`api#/${pointer.join('/')}`) as ValidateFunction;
    return validate(body) ? undefined : this.#ajv.errorsText(validate.errors, { dataVar: 'body' });
  }

  #faultOfUnknown(method: string, path: string, { status, body }: WireAnswer): string | undefined {
    // The pages for people are no part of the document.
    if (/^\/((console|docs)(\/|$)|$)/.test(path) && status < 400) return undefined;
    if (method === 'HEAD' && status >= 400) return undefined;
    const fault = this.faultOfValue('Problem', body);
    if (fault) return fault;
    const { code } = body as { code: string };
    const expected: readonly string[] = ['route_unknown', ...errorsAnywhere, ...errorsWithKey];
    return expected.includes(code)
      ? undefined
      : `nothing is documented at ${path}, and the answer is ${code}`;
  }
}

let contract: Contract | undefined;

/** Makes the document of an app's routes the contract of every answer that `expectContract` sees. */
export const learnContract = (routes: readonly RouterRoute[]): void => {
  contract ??= new Contract(routes);
};

/** @throws {Error} if an answer does not fit the OpenAPI document: its status, its media type or its body. */
export const expectContract = (method: string, url: string, answer: WireAnswer): void => {
  const fault = contract?.faultOf(method, url, answer);
  if (fault) {
    const text = JSON.stringify(answer.body)?.slice(0, 2000) ?? '';
    throw new Error(`${method} ${url} answered ${answer.status} ${text}, against the document: ${fault}.`);
  }
};

/**
 * As expectContract. The body of the response is left to be read.
 *
 * @throws {Error} as expectContract.
 */
export const expectResponse = async (method: string, url: string, response: Response): Promise<void> => {
  const type = response.headers.get('content-type') ?? '';
  // A stream has no end.
  const text = type.includes('json') ? await response.clone().text() : '';
  expectContract(method, url, {
    status: response.status,
    type,
    body: text === '' ? undefined : JSON.parse(text),
  });
};

/** @throws {Error} if a value does not fit a schema that the document names, for what is sent in a stream. */
export const expectSchema = (name: string, value: unknown): void => {
  const fault = contract?.faultOfValue(name, value);
  if (fault) throw new Error(`${JSON.stringify(value)} is no ${name}: ${fault}.`);
};
