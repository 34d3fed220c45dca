import { z } from 'zod';

const example = 'give a time with its offset, like 2026-11-23T15:04:05Z';
const dayMs = 86_400_000;

/**
 * When a photo was taken, as text in ISO 8601 with an offset. Not before photography, and not more than a day ahead:
 * one photo from 2099 would be a person's latest location for ever, and a day covers every clock set to a wrong zone.
 */
export const capturedAt = z.iso
  .datetime({ offset: true, error: example })
  .refine((time) => Date.parse(time) >= Date.UTC(1826, 0), 'give a time since 1826')
  .refine((time) => Date.parse(time) <= Date.now() + dayMs, 'give a time that is not in the future');
