import type { Bridge, Connect } from '../bridge.ts';

/** How to connect to each kind of broker. Loaded when it is needed: a client takes up to 0.2 s. */
const kinds: Record<Bridge['kind'], () => Promise<Connect>> = {
  kafka: async () => (await import('./kafka.ts')).connectKafka,
  rabbitmq: async () => (await import('./rabbitmq.ts')).connectRabbitmq,
  nats: async () => (await import('./nats.ts')).connectNats,
  mqtt: async () => (await import('./mqtt.ts')).connectMqtt,
  celery: async () => (await import('./celery.ts')).connectCelery,
};

/** Connects to the broker of a bridge. */
export const connectBroker: Connect = async (target) => (await kinds[target.bridge.kind]())(target);
