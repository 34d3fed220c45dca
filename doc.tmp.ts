import { createApp } from './src/http/app.ts';
// biome-ignore lint: scratch
const app = createApp({ config: { maxBodyBytes: 1, maxPixels: 1, maxBacklog: 1, maxBacklogPerKey: 1 }, database: {} as any, vision: {models: []} as any, nudge() {}, workerId: '', log: console as any });
const r = await app.request('/openapi.json');
const text = await r.text();
console.log(r.status, text.length);
import { writeFileSync, mkdirSync } from 'node:fs';
mkdirSync('/tmp/wp/scratch-contract', { recursive: true });
writeFileSync('/tmp/wp/scratch-contract/openapi.json', text);
