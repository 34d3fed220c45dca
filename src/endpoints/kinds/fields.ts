import { z } from 'zod';

/** A setting: one line, as watchpost.is_endpoint_settings tests it. */
export const settingText = z.string().regex(/^[^\p{Cc}]{1,255}$/u, 'give 1 to 255 characters on one line');

/** The beginning of an MQTT topic that is published to. */
export const topicText = settingText.regex(
  /^[^#+$][^#+]*$/,
  'give the beginning of a topic, without # and +',
);
