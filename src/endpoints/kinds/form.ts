import type { Picture } from './kind.ts';

/** A multipart form of fields and one picture. */
export const formOf = (
  fields: Readonly<Record<string, string>>,
  part: string,
  { bytes, type }: Picture,
  boundary: string,
): { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer } => {
  const edge = `watchpost-${boundary}`;
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${edge}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head = `--${edge}\r\ncontent-disposition: form-data; name="${part}"; filename="${fileName(type)}"\r\ncontent-type: ${type}\r\n\r\n`;
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${edge}` },
    body: Buffer.concat([Buffer.from(parts.join('') + head), bytes, Buffer.from(`\r\n--${edge}--\r\n`)]),
  };
};

/** What a picture is called where it needs a name. */
export const fileName = (type: Picture['type']): string => (type === 'image/png' ? 'face.png' : 'face.jpg');
