import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import { atEnd } from '../../support/at-end.ts';
import { until } from '../../support/until.ts';
import * as schemas from './schemas.ts';

/** A call as a service understood it. */
export interface Call {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: each service has its own form.
  readonly content: any;
  /** The bytes of a picture, where there was one. */
  readonly picture: Buffer | undefined;
}

interface Answered {
  readonly status: number;
  readonly body: object;
  readonly headers?: Record<string, string>;
}

interface Form {
  readonly fields: Record<string, string>;
  readonly picture: Buffer | undefined;
}

/** How a call is read, and what a service answers to it. */
type Route = readonly [
  path: RegExp,
  schema: z.ZodType | undefined,
  answer: object,
  read: (form: Form, headers: IncomingHttpHeaders) => unknown,
];

const asJson = ({ fields }: Form) => JSON.parse(fields.json ?? 'null');
const asForm = ({ fields }: Form) => fields;

/** A local server that stands for all services which are called by HTTP, each below a path of its own. */
export const openServices = async () => {
  const calls: Call[] = [];
  const refused: string[] = [];
  const waiting: Answered[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const path = request.url as string;
    const form = await readForm(Buffer.concat(parts), request.headers);
    const end = ({ status, body, headers = {} }: Answered) =>
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(body));
    const next = waiting.shift();
    if (next) return end(next);
    const route = routes(url).find(([wanted]) => wanted.test(path));
    const read = route?.[3](form, request.headers);
    const problem = route ? route[1]?.safeParse(read).error?.message : 'no such path';
    if (problem) {
      refused.push(`${path}: ${problem}`);
      return end({ status: 400, body: { error: 'schema', message: problem } });
    }
    calls.push({ path, headers: request.headers, content: read, picture: form.picture });
    end({ status: 200, body: route?.[2] as object });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url,
    /** What was not as the service asks for. */
    refused,
    /** Answers the next call so. */
    answerNext: (answer: Answered) => void waiting.push(answer),
    /** Resolves with the calls of a service, once there are so many. */
    callsOf: (service: string, count: number) =>
      until(async () => {
        const found = calls.filter(({ path }) => path.includes(service));
        return found.length >= count && found;
      }),
  };
};

const routes = (url: string): readonly Route[] => [
  [/^\/services\/T0\/B0\/slack-secret$/, schemas.slackWebhook, {}, asJson],
  [
    /^\/api\/files\.getUploadURLExternal$/,
    schemas.slackUpload,
    { ok: true, upload_url: `${url}/slack-files/1`, file_id: 'F1' },
    asForm,
  ],
  [/^\/slack-files\/1$/, undefined, { ok: true }, () => 'bytes'],
  [/^\/api\/files\.completeUploadExternal$/, schemas.slackComplete, { ok: true }, asJson],
  [/^\/api\/chat\.postMessage$/, schemas.slackMessage, { ok: true, channel: 'C1', ts: '1.1' }, asJson],
  [
    /^\/api\/webhooks\/42\/discord-secret\?wait=true$/,
    schemas.discord,
    { id: '1' },
    ({ fields }) => JSON.parse(fields.payload_json ?? fields.json ?? 'null'),
  ],
  [/^\/bot1:telegram-secret\/sendPhoto$/, schemas.telegramPhoto, { ok: true }, asForm],
  [/^\/bot1:telegram-secret\/sendMessage$/, schemas.telegramMessage, { ok: true }, asJson],
  [/^\/ntfy-topic$/, schemas.ntfy, { id: '1' }, (_, headers) => headers],
  [/^\/v2\/enqueue$/, schemas.pagerduty, { status: 'success' }, asJson],
  [
    /^\/_matrix\/client\/v3\/rooms\/!room%3Ahome\.example\/send\/m\.room\.message\/[\w-]+$/,
    schemas.matrix,
    { event_id: '$1' },
    asJson,
  ],
  [
    /^\/_matrix\/media\/v3\/upload\?filename=face\.png$/,
    undefined,
    { content_uri: 'mxc://home.example/1' },
    () => 'bytes',
  ],
];

/** A body as its type says; the text of JSON is in the field json. */
const readForm = async (body: Buffer, headers: IncomingHttpHeaders): Promise<Form> => {
  const type = headers['content-type'] ?? '';
  if (type.startsWith('application/json')) return { fields: { json: body.toString() }, picture: undefined };
  const isForm = type.startsWith('multipart/') || type.startsWith('application/x-www-form');
  if (!isForm) return { fields: {}, picture: body };
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
  const fields: Record<string, string> = {};
  let picture: Buffer | undefined;
  for (const [name, value] of form) {
    if (typeof value === 'string') fields[name] = value;
    else picture = Buffer.from(await (value as Blob).arrayBuffer());
  }
  return { fields, picture };
};
