import mqtt from 'mqtt';
import { atEnd } from '../../support/at-end.ts';
import { startMosquitto } from '../../support/brokers.ts';

/** A Mosquitto, with what was published on it so far. */
export const openBroker = async () => {
  const { url } = await startMosquitto();
  const client = await mqtt.connectAsync(url);
  atEnd(() => client.endAsync(true));
  /** The latest payload of each topic; of one that was emptied none. */
  const topics = new Map<string, Buffer>();
  /** All payloads of each topic, in the order of arrival. */
  const said = new Map<string, string[]>();
  client.on('message', (topic, payload) => {
    said.set(topic, [...(said.get(topic) ?? []), payload.toString()]);
    if (payload.length === 0) topics.delete(topic);
    else topics.set(topic, payload);
  });
  await client.subscribeAsync('#', { qos: 1 });
  const json = (topic: string) => {
    const payload = topics.get(topic);
    return payload && JSON.parse(payload.toString());
  };
  return { url, topics, said, json };
};
