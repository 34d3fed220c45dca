/** What leaves this system: the only way in which other servers are called. */
export { call, causeOf, type Outgoing, publicOnly } from './call.ts';
export { type Network, parseNetwork } from './networks.ts';
export { addressesOf } from './server.ts';
export { isInternal, parseTarget } from './target.ts';
