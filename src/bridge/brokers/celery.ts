import { hostname } from 'node:os';
import type { Outcome, Received } from '../bridge.ts';
import { connectAmqp, type Form, received } from './rabbitmq.ts';

/**
 * Celery's task protocol 2 over RabbitMQ (https://docs.celeryq.dev/en/stable/internals/protocol.html). An event is a task
 * with the CloudEvent as its only argument; a photo comes as the task watchpost.submit with the keys of the JSON of a
 * photo as keyword arguments.
 */

/** The task that submits a photo. */
const submitTask = 'watchpost.submit';

const celery: Form = {
  // queue/name of the task.
  route: ({ address }) => ({ exchange: '', key: address.split('/')[0] as string }),
  write({ address, id, body, headers, contentType }) {
    const event = JSON.parse(body.toString('utf8'));
    const task = address.split('/').slice(1).join('/');
    return {
      body: Buffer.from(
        JSON.stringify([[event], {}, { callbacks: null, errbacks: null, chain: null, chord: null }]),
      ),
      properties: {
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        correlationId: id,
        headers: {
          ...headers,
          lang: 'js',
          task,
          id,
          root_id: id,
          parent_id: null,
          group: null,
          retries: 0,
          timelimit: [null, null],
          argsrepr: `[${contentType}]`,
          kwargsrepr: '{}',
          origin: `watchpost@${hostname()}`,
        },
      },
    };
  },
  read(message): Received {
    const { task, id } = message.properties.headers ?? {};
    const given = { ...received(message, message.content, id), headers: {} };
    if (task !== submitTask) return { ...given, invalid: `The task is not ${submitTask}.` };
    const body = argumentsOf(message.content);
    return body ? { ...given, body } : { ...given, invalid: 'The body is not the JSON of a task.' };
  },
  reply(message, outcome) {
    const { replyTo, correlationId, headers } = message.properties;
    if (typeof replyTo !== 'string' || replyTo === '') return undefined;
    return {
      body: Buffer.from(
        JSON.stringify({ task_id: headers?.id, ...resultOf(outcome), traceback: null, children: [] }),
      ),
      properties: { correlationId, contentType: 'application/json', contentEncoding: 'utf-8' },
    };
  },
};

/** The arguments of a task, [args, kwargs, embed], as the JSON of a photo; undefined: they are none. */
const argumentsOf = (content: Buffer): Buffer | undefined => {
  try {
    const [positional, keywords] = JSON.parse(content.toString('utf8'));
    const [first] = positional;
    const named =
      first !== null && typeof first === 'object' && !('__value__' in first) ? first : { image: first };
    return Buffer.from(JSON.stringify({ ...named, ...keywords }));
  } catch {
    return undefined;
  }
};

/** As Celery's backend rpc:// writes it. */
const resultOf = (outcome: Outcome) =>
  'image' in outcome
    ? { status: 'SUCCESS', result: { image_id: outcome.image } }
    : {
        status: 'FAILURE',
        result: {
          exc_type: 'ValueError',
          exc_message: [`${outcome.code}: ${outcome.reason}`],
          exc_module: 'builtins',
        },
      };

/** Connects to the RabbitMQ of a Celery application. */
export const connectCelery = connectAmqp(celery);
