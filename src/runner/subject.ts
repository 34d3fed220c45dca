/** Keys of a payload by which people know what it is about, the narrowest first. */
const keys = ['alert_id', 'face_id', 'person_photo_id', 'image_id', 'person_id', 'notification_id'];

/** What an event is about, for the log: an alert, a face, a photo or a person. Undefined if its payload names none. */
export const subjectOf = (item: object): { kind: string; id: string } | undefined => {
  const payload = item as Record<string, unknown>;
  const key = keys.find((name) => typeof payload[name] === 'string');
  return key === undefined ? undefined : { kind: key.slice(0, -'_id'.length), id: String(payload[key]) };
};

/** The same of a batch, on one line. */
export const subjectsOf = (items: readonly object[]): string =>
  items
    .map(subjectOf)
    .flatMap((subject) => (subject ? [`${subject.kind} ${subject.id}`] : []))
    .join(', ');

/** The ids by which a line of the log is found: of the event, and of what it is about. */
export const idsOf = (item: { readonly event_id: string }): Record<string, string> => {
  const payload = item as Record<string, unknown>;
  const named = ['request_id', ...keys].filter((name) => typeof payload[name] === 'string');
  return Object.fromEntries(['event_id', ...named].map((name) => [name, String(payload[name])]));
};
