import { STATUS_CODES } from 'node:http';
import type { RouterRoute } from 'hono/types';
import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { type ProblemCode, problems } from '../errors.ts';
import { token } from '../fields.ts';
import { version } from '../version.ts';
import { type Answer, type Operation, operationOf } from './operation.ts';
import { problem } from './schemas/problem.ts';

const description = `Watchpost finds people of a watchlist in photos. Errors are problem details (RFC 9457) with a stable \`code\`.
Lists come in pages: give the \`next\` of one as \`after\` for the following. Unknown fields of a query or body are refused.`;

/**
 * The OpenAPI document of the routes that are declared with `operation`.
 *
 * @param routes of the whole app.
 */
export const openApi = (routes: readonly RouterRoute[]) => {
  const paths: ZodOpenApiPathsObject = {};
  for (const { method, path, handler } of routes) {
    const facts = operationOf(handler);
    if (!facts) continue;
    const address = path.replace(/:(\w+)/g, '{$1}');
    paths[address] = { ...paths[address], [method.toLowerCase()]: describe(method, path, facts) };
  }
  return createDocument(
    {
      openapi: '3.1.0',
      info: { title: 'Watchpost', version, description, license: { name: 'MIT', identifier: 'MIT' } },
      servers: [{ url: '/' }],
      paths,
      components: {
        schemas: { Problem: problem },
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'An API key, as Authorization: Bearer KEY.',
          },
          key: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'An API key.' },
        },
      },
    },
    {
      override: ({ jsonSchema }) => {
        // The format says it; the pattern of a time has 250 characters, at each of its hundred places.
        if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      },
    },
  );
};

const describe = (method: string, path: string, facts: Operation): ZodOpenApiOperationObject => ({
  operationId: idOf(method, path),
  summary: facts.summary,
  ...(facts.description === undefined ? {} : { description: facts.description }),
  tags: [/^\/v1\/([^/]+)/.exec(path)?.[1] ?? 'server'],
  // For other schemes than OAuth the list may name the roles that a call needs: here, the scope of the key.
  security: facts.scope === null ? [] : [{ bearer: [facts.scope] }, { key: [facts.scope] }],
  requestParams: {
    path: z.object(Object.fromEntries(parametersOf(path).map((name) => [name, parameters(name)]))),
    // Fields beside a photo may be in the query or in the body.
    ...(facts.query || facts.photo ? { query: (facts.query ?? facts.photo?.partial()) as z.ZodObject } : {}),
    ...(facts.headers || facts.creates ? { header: headersOf(facts) } : {}),
  },
  ...requestBody(facts),
  responses: { ...answersOf(facts), ...unchanged(method, facts), ...errorsIn(errorsOf(method, path, facts)) },
});

/** GET /v1/persons/:id/photos becomes getPersonsByIdPhotos. */
const idOf = (method: string, path: string): string => {
  const words = path
    .replace(/^\/v1/, '')
    .replace(/:/g, 'by-')
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean)
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`);
  return method.toLowerCase() + words.join('');
};

const parametersOf = (path: string): string[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => name as string);

const isId = (parameter: string): boolean => ['id', 'person', 'photo'].includes(parameter);

const parameters = (name: string): z.ZodType => (isId(name) ? z.guid() : z.string());

const headersOf = ({ headers, creates }: Operation): z.ZodObject => {
  const given = headers ?? z.object({});
  if (!creates) return given;
  return given.extend({
    'idempotency-key': token.optional().meta({
      description: 'The same call with the same key is answered as before, and done once, for 24 hours.',
    }),
  });
};

const requestBody = ({ body, optionalBody, photo, photos = ['image'], photoByUrl = false }: Operation) => {
  if (photo) return { requestBody: { required: true, content: photoContent(photo, photos, photoByUrl) } };
  if (!body) return {};
  return { requestBody: { required: !optionalBody, content: { 'application/json': { schema: body } } } };
};

const binary = { type: 'string', format: 'binary' } as const;

const inBase64 = z.string().meta({ description: 'Base64, also as a data URL.' });
const atUrl = {
  url: z.url().meta({ description: 'Where the photo is fetched, if WATCHPOST_INGEST_URL is on.' }),
};

const photoContent = (fields: z.ZodObject, photos: readonly string[], byUrl: boolean) => {
  const each = (schema: z.ZodType) => Object.fromEntries(photos.map((name) => [name, schema]));
  const json = fields.extend(each(inBase64));
  return {
    'multipart/form-data': { schema: fields.extend(each(z.string().meta({ override: binary }))) },
    'application/json': { schema: byUrl ? z.union([json, fields.extend(atUrl)]) : json },
    ...(photos.length > 1
      ? {}
      : { 'image/*': { schema: binary }, 'application/octet-stream': { schema: binary } }),
  };
};

const answersOf = ({ answers }: Operation): ZodOpenApiResponsesObject =>
  Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => [
      status,
      { description: STATUS_CODES[status] ?? status, ...contentOf(answer) },
    ]),
  );

const unchanged = (method: string, { answers }: Operation): ZodOpenApiResponsesObject =>
  method === 'GET' && answers[200]
    ? { 304: { description: 'Not Modified: If-None-Match has its ETag.' } }
    : {};

const contentOf = (answer: Answer) => {
  if (answer === null) return {};
  if (answer instanceof z.ZodType) return { content: { 'application/json': { schema: answer } } };
  const types = [answer.type].flat();
  return {
    content: {
      ...Object.fromEntries(
        types.map((type) => [
          type,
          { schema: type.startsWith('text/') ? { type: 'string' as const } : binary },
        ]),
      ),
      ...(answer.json ? { 'application/json': { schema: answer.json } } : {}),
    },
  };
};

/** Errors of any call: HTTP that is broken, and a server or a database that cannot answer. */
export const errorsAnywhere: readonly ProblemCode[] = [
  'request_malformed',
  'header_invalid',
  'host_refused',
  'body_too_large',
  'body_too_slow',
  'internal',
  'database_unavailable',
  'schema_missing',
  'schema_incomplete',
];

/** Errors of any call that needs a key. */
export const errorsWithKey: readonly ProblemCode[] = [
  'key_missing',
  'key_invalid',
  'scope_missing',
  'rate_limited',
];

const errorsOfFields: readonly ProblemCode[] = [
  'name_invalid',
  'token_invalid',
  'text_too_long',
  'metadata_invalid',
  'time_invalid',
  'interval_invalid',
  'limit_invalid',
];

const errorsOfPhotos: readonly ProblemCode[] = [
  'image_empty',
  'image_format_unsupported',
  'image_animated',
  'image_too_many_pixels',
  'image_too_long',
  'image_too_narrow',
  'image_too_costly',
  'image_too_slow',
  'image_corrupt',
];

/** The errors that a route may have: those that it names, and those that follow from what it takes. */
const errorsOf = (method: string, path: string, facts: Operation): ProblemCode[] => [
  ...(facts.errors ?? []),
  'query_invalid',
  'field_repeated',
  'body_invalid',
  ...(facts.scope === null ? [] : ([...errorsWithKey, 'value_invalid', 'changed_meanwhile'] as const)),
  ...(parametersOf(path).some(isId) ? (['id_invalid'] as const) : []),
  ...(method === 'GET'
    ? []
    : (['body_empty', 'media_type_unsupported', 'server_busy', 'right_missing'] as const)),
  ...(facts.creates ? (['token_invalid', 'idempotency_key_reused'] as const) : []),
  ...(facts.creates === 'secret' ? (['answer_shown_once'] as const) : []),
  ...(facts.query || facts.body || facts.photo ? errorsOfFields : []),
  ...(facts.photo ? errorsOfPhotos : []),
];

/** The errors by status. Those of any call have the key `default`, unless the route has others with their status. */
const errorsIn = (own: readonly ProblemCode[]): ZodOpenApiResponsesObject => {
  const statuses = new Set<number>(own.map((code) => problems[code].status));
  const byStatus = Object.groupBy([...new Set([...own, ...errorsAnywhere])], (code) =>
    statuses.has(problems[code].status) ? String(problems[code].status) : 'default',
  );
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, codes]) => [
      status,
      problemWith((codes as ProblemCode[]).toSorted()),
    ]),
  );
};

const problemWith = (codes: readonly ProblemCode[]) => ({
  description: codes.map((code) => `\`${code}\`: ${problems[code].title}.`).join(' '),
  content: {
    'application/problem+json': {
      schema: {
        allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: [...codes] } } }],
      },
    },
  },
});
