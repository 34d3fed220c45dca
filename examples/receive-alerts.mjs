// Receives the alerts of an endpoint and checks that they are from Watchpost. Run it with the endpoint's secret:
//
//   npm run watchpost -- endpoint add guards http://127.0.0.1:4000/alerts      prints the secret
//   WEBHOOK_SECRET=whsec_... node examples/receive-alerts.mjs
//   npm run watchpost -- endpoint test guards
//
// PORT is 4000 unless set. Needs the package standardwebhooks; there is one for most languages, see
// https://www.standardwebhooks.com.

import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const secret = process.env.WEBHOOK_SECRET;
if (!secret) {
  console.error('Set WEBHOOK_SECRET to the secret that "endpoint add" has printed.');
  process.exit(1);
}
const webhook = new Webhook(secret);

// A message whose answer was lost comes again under the same id. Keep these where they outlive the process.
const had = new Set();

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    // The bytes as they came: the signature is of them, not of what JSON.parse makes of them.
    const body = Buffer.concat(parts).toString('utf8');
    let message;
    try {
      // Throws for a wrong signature, and for a timestamp that is more than five minutes away from now.
      message = webhook.verify(body, request.headers);
    } catch (error) {
      console.log(`refused: ${error.message}`);
      response.writeHead(401).end(error.message);
      return;
    }

    const id = request.headers['webhook-id'];
    if (had.has(id)) {
      console.log(`again: ${id}`);
    } else {
      had.add(id);
      console.log(`${message.type}: ${JSON.stringify(message.data)}`);
    }
    // Answer first and work later: Watchpost waits for 10 s, and then takes it for a failure.
    response.writeHead(204).end();
  });
});

server.listen(Number(process.env.PORT ?? 4000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/alerts`);
});
