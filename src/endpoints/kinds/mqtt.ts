import { z } from 'zod';
import { withBroker } from '../mqtt.ts';
import { settingText, topicText } from './fields.ts';
import type { Kind } from './kind.ts';

/** The beginning of the topics, unless the settings have another. */
export const topicOf = (settings: Readonly<Record<string, string>>): string => settings.topic ?? 'watchpost';

/**
 * An MQTT broker; the password is the credential. A message goes to TOPIC/alerts, TOPIC/strangers or TOPIC/alarms as the JSON
 * of a webhook, and the crop to TOPIC/alerts/face or TOPIC/strangers/face.
 */
export const mqtt: Kind = {
  settings: z.strictObject({
    topic: topicText.optional(),
    user: settingText.optional(),
    home_assistant: topicText.optional(),
  }),
  credential: 'optional',
  scheme: 'mqtt',
  hasPicture: true,
  async send({ body, type, picture }, receiver, sending) {
    const topic = `${topicOf(receiver.settings)}/${lastPartOf(type)}`;
    await withBroker(receiver, sending, async (publish) => {
      if (picture) await publish(`${topic}/face`, picture.bytes);
      await publish(topic, body);
    });
    return null;
  },
};

/** Alarms are those of the machines; alerts about people who are on no list have a topic of their own. */
const lastPartOf = (type: string): 'alerts' | 'strangers' | 'alarms' => {
  if (type === 'unknown.seen' || type === 'stranger.returned') return 'strangers';
  return type.startsWith('alert') || type === 'test' ? 'alerts' : 'alarms';
};
