/** What leaves this system: the only way in which other servers are called. */
export { call, causeOf } from './call.ts';
export { certified, tlsProblemOf } from './certificate.ts';
export { type Network, parseNetwork } from './networks.ts';
export { type Outgoing, publicOnly } from './outgoing.ts';
export { addressesOf, type Reached, reach } from './server.ts';
export { hostOf, isInternal, parseOtherTarget, parseTarget } from './target.ts';
