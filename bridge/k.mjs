import { createRequire } from 'node:module';
import { spawn } from 'node:child_process';
const { Producer, Consumer, MessagesStreamModes, ProduceAcks, stringSerializers } = await import('/tmp/wp/bridge/node_modules/@platformatic/kafka/dist/index.js');
const mock = spawn('kcat', ['-P','-t','warm','-X','test.mock.num.brokers=1','-b','ignored:1','-d','mock'], { stdio:['pipe','ignore','pipe'] });
const addr = await new Promise(r => { let s=''; mock.stderr.on('data', d => { s+=d; const m=/bootstrap\.servers[^0-9]*(127\.0\.0\.1:\d+)/.exec(s) ?? /(127\.0\.0\.1:\d+)/.exec(s); if (m) r(m[1]); }); });
console.log('mock', addr);
setTimeout(() => { console.log('timeout'); mock.kill('SIGKILL'); process.exit(1); }, 25000);
try {
const p = new Producer({ clientId: 'p', bootstrapBrokers: [addr], autocreateTopics: true, retries: 1, timeout: 5000 });
console.log(await p.send({ acks: -1, messages: [{ topic: 'events', key: Buffer.from('a'), value: Buffer.from('1'), headers: new Map([[Buffer.from('ce_id'), Buffer.from('x')]]) }, { topic: 'events', key: Buffer.from('a'), value: Buffer.from('2') }] }));
const c = new Consumer({ clientId: 'c', groupId: 'g', bootstrapBrokers: [addr], autocreateTopics: true, retries: 1 });
const s = await c.consume({ topics: ['events'], autocommit: false, mode: 'earliest', sessionTimeout: 10000, heartbeatInterval: 1000 });
let n = 0;
for await (const m of s) { console.log(m.topic, m.partition, m.offset, String(m.key), String(m.value), m.headers); await m.commit(); if (++n === 2) break; }
await c.close(true); await p.close();
console.log('ok');
} catch (e) { console.log('ERR', e, e.errors?.map(x => x.message+' '+(x.errors?.map(y=>y.message)))); }
mock.kill('SIGKILL'); process.exit();
