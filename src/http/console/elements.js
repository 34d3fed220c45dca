/** Makes an element. Names and notes from the database are set as text, never parsed as markup. */
export const el = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return element;
};

const time = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** A moment in the reader's language and time zone. */
export const clock = (moment) => el('time', { datetime: moment }, time.format(new Date(moment)));

/** The key that does the same as a button. */
export const kbd = (key) => el('kbd', { 'aria-hidden': 'true' }, key.length === 1 ? key.toUpperCase() : key);

/** An img that fetches its picture with the API key; without a path it stays empty. */
export const picture = (api, path, alt) => {
  const image = el('img', { alt });
  if (path) void api.picture(path).then((url) => url && image.setAttribute('src', url));
  return image;
};

/** Where the picture of a face is; undefined without a face. */
export const cropOf = (faceId) => (faceId ? `/v1/faces/${faceId}/crop` : undefined);

/** Where an alert was raised, in words. */
export const placeOf = (alert) => alert.location ?? alert.camera ?? 'an unknown place';

/** The best sighting of an alert, with the photo and the reference that it came from. */
export const bestOf = (alert) => alert.lineage.find((row) => row.best);

/** The face of the enrolled photo that the best sighting was most like. */
export const enrolledFaceOf = (alert) => bestOf(alert)?.reference_face_id;
