// Prints what comes on the topics faces.extracted and analyze, each event once: node consumer.mjs

import { Kafka, logLevel } from 'kafkajs';

const brokers = [process.env.KAFKA ?? '127.0.0.1:9092'];
const consumer = new Kafka({ brokers, logLevel: logLevel.ERROR }).consumer({ groupId: 'fast-eda' });
// An event that was published again has the same id. Keep these where they outlive the process.
const had = new Set();

await consumer.connect();
await consumer.subscribe({ topics: ['faces.extracted', 'analyze'], fromBeginning: true });
await consumer.run({
  eachMessage: async ({ topic, message }) => {
    const event = JSON.parse(message.value.toString());
    if (had.has(event.id)) return;
    had.add(event.id);
    console.log(JSON.stringify({ topic, ...event }));
  },
});
