// Copies the subjects of a CompreFace recognition service with their photos to a folder that "import" reads:
//
//   COMPREFACE_URL=http://localhost:8000 COMPREFACE_API_KEY=… node examples/export-compreface.mjs people
//   npm run watchpost -- import people --watchlist staff
//
// The key is that of the recognition service. CompreFace must keep the photos (save_images_to_db, the default). Needs no
// package. What was copied before is not fetched again, so it can be stopped and started.

import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const { COMPREFACE_URL: url, COMPREFACE_API_KEY: key } = process.env;
const folder = process.argv[2];
if (!url || !key || !folder) {
  console.error('Set COMPREFACE_URL and COMPREFACE_API_KEY, and give the folder to write to.');
  process.exit(1);
}

const ask = async (path) => {
  const answer = await fetch(`${url.replace(/\/$/, '')}/api/v1/recognition/${path}`, {
    headers: { 'x-api-key': key },
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
};

/** A subject may have any name, a folder may not; the name itself goes into person.json. */
const folderOf = (subject) => {
  const safe = subject.replace(/[^\p{L}\p{N} .-]/gu, '_').replace(/^[._ ]+/, '');
  return safe === subject
    ? subject
    : `${safe || 'subject'} ${Buffer.from(subject).toString('hex').slice(0, 8)}`;
};

let photos = 0;
for (let page = 0, pages = 1; page < pages; page += 1) {
  const list = await (await ask(`faces?page=${page}&size=100`)).json();
  pages = list.total_pages;
  for (const { image_id, subject } of list.faces) {
    const person = join(folder, folderOf(subject));
    const file = join(person, `${image_id}.jpg`);
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (isThere) continue;
    await mkdir(person, { recursive: true });
    const photo = Buffer.from(await (await ask(`faces/${image_id}/img`)).arrayBuffer());
    if (photo.length === 0) {
      console.error(`${subject}: CompreFace has not kept the photo ${image_id}.`);
      continue;
    }
    await writeFile(join(person, 'person.json'), `${JSON.stringify({ name: subject })}\n`);
    await writeFile(file, photo);
    photos += 1;
  }
}
console.log(`${photos} photos were copied to ${folder}.`);
