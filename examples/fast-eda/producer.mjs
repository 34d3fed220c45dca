// Puts photos on the topic image: node producer.mjs CAMERA FILE...

import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Kafka, logLevel } from 'kafkajs';

const [camera, ...files] = process.argv.slice(2);
const brokers = [process.env.KAFKA ?? '127.0.0.1:9092'];
const producer = new Kafka({ brokers, logLevel: logLevel.ERROR }).producer();
await producer.connect();
for (const file of files) {
  // Sent again after an error, it has to be sent with the same id.
  const headers = { id: randomUUID(), camera };
  await producer.send({ topic: 'image', messages: [{ key: camera, value: await readFile(file), headers }] });
  console.log(`${file}  ${headers.id}`);
}
await producer.disconnect();
